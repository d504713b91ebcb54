"""Analytics over HTTP: `/api/analytics`."""

from typing import Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from orchestra.monitoring.analytics import descriptions
from orchestra.monitoring.analytics.asking import LONG_S, Reading
from orchestra.monitoring.analytics.documents import Insights, WhatIf, WorkflowAnalytics
from orchestra.monitoring.analytics.insights import Advice
from orchestra.monitoring.analytics.moving import OF, Moving
from orchestra.monitoring.analytics.of_agents import RANKS, SHOWN_MAX, OfAgents
from orchestra.monitoring.analytics.of_costs import BY, OfCosts
from orchestra.monitoring.analytics.of_workflows import OfWorkflows
from orchestra.monitoring.analytics.reports import (
    AgentAnalytics,
    AnomalyAnalytics,
    CostAnalytics,
    TrendAnalytics,
)
from orchestra.security import Permission, Principal, requires

Asking = Request[Any, Any, Any]
Caller = NamedDependency[SkipValidation[Principal]]
READ = Permission.METRICS_READ


class AnalyticsRoutes(Controller):
    """What executions are made of, and what would save some."""

    path = "/api/analytics"
    tags = ("analytics",)

    @get("/workflows/{workflow:str}", guards=[requires(READ)], opt=descriptions.WORKFLOW)
    async def workflow(
        self,
        request: Asking,
        principal: Caller,
        workflow: FromPath[str],
        of_workflows: NamedDependency[SkipValidation[OfWorkflows]],
    ) -> WorkflowAnalytics:
        """A workflow, by id or name: rates, percentiles, costs, critical path. `window`: 1h-30d."""
        reading = _reading(request, "window")
        window = reading.window("30d")
        reading.done()
        return await of_workflows.answer(principal.tenant, workflow, window)

    @get("/workflows/{workflow:str}/what-if", guards=[requires(READ)], opt=descriptions.WHAT_IF)
    async def what_if(
        self,
        request: Asking,
        principal: Caller,
        workflow: FromPath[str],
        of_workflows: NamedDependency[SkipValidation[OfWorkflows]],
    ) -> WhatIf:
        """How long it had taken, had `step` run `scale` times as long: 0 is without it."""
        reading = _reading(request, "window", "step", "scale")
        window, step, scale = reading.window("30d"), reading.text("step"), reading.scale("scale")
        reading.done()
        return await of_workflows.what_if(principal.tenant, workflow, window, step, scale)

    @get("/agents", guards=[requires(READ)], opt=descriptions.AGENTS)
    async def agents(
        self,
        request: Asking,
        principal: Caller,
        of_agents: NamedDependency[SkipValidation[OfAgents]],
    ) -> AgentAnalytics:
        """Agents over time: `window` 1h-30d, `rank` by any figure, `limit` up to 100."""
        reading = _reading(request, "window", "rank", "limit")
        window = reading.window("30d")
        rank = reading.choice("rank", tuple(RANKS), "tasks")
        limit = reading.whole("limit", 1, SHOWN_MAX, SHOWN_MAX)
        reading.done()
        return await of_agents.answer(principal.tenant, window, rank, limit)

    @get("/costs", guards=[requires(READ)], opt=descriptions.COSTS)
    async def costs(
        self,
        request: Asking,
        principal: Caller,
        of_costs: NamedDependency[SkipValidation[OfCosts]],
    ) -> CostAnalytics:
        """What was spent: `by` workflow, agent, model, day; of all tenants for who runs it all."""
        reading = _reading(request, "window", "by")
        window, by = reading.window("30d"), reading.choice("by", BY, "workflow")
        reading.done()
        everybody = principal.role == "platform_admin"
        return await of_costs.answer(principal.tenant, window, by, everybody=everybody)

    @get("/trends", guards=[requires(READ)], opt=descriptions.TRENDS)
    async def trends(
        self,
        request: Asking,
        principal: Caller,
        moving: NamedDependency[SkipValidation[Moving]],
    ) -> TrendAnalytics:
        """How workflows change by day: `of` a figure, `window` 7d-90d."""
        reading = _reading(request, "window", "of")
        window, of = reading.window("30d", LONG_S), reading.choice("of", tuple(OF), "duration")
        reading.done()
        return await moving.trends(principal.tenant, window, of)

    @get("/anomalies", guards=[requires(READ)], opt=descriptions.ANOMALIES)
    async def anomalies(
        self,
        request: Asking,
        principal: Caller,
        moving: NamedDependency[SkipValidation[Moving]],
    ) -> AnomalyAnalytics:
        """Hours of the `window` (1h-30d) that were unlike that hour of other weeks."""
        reading = _reading(request, "window", "of")
        window, of = reading.window("7d"), reading.choice("of", tuple(OF), "duration")
        reading.done()
        return await moving.anomalies(principal.tenant, window, of)

    @get("/insights", guards=[requires(READ)], opt=descriptions.INSIGHTS)
    async def insights(
        self,
        request: Asking,
        principal: Caller,
        advice: NamedDependency[SkipValidation[Advice]],
    ) -> Insights:
        """What would save most time and money, of one `workflow` or of all."""
        reading = _reading(request, "window", "workflow")
        window, workflow = reading.window("30d"), reading.one("workflow")
        reading.done()
        return await advice.answer(principal.tenant, window, workflow)


def _reading(request: Asking, *known: str) -> Reading:
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(str(value))
    return Reading(given, known)
