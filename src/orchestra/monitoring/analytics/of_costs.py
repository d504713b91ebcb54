"""Answers about money: what was spent on what. Unknown prices are in no sum; they stand apart."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from orchestra.errors import Forbidden, Problem
from orchestra.instants import instant
from orchestra.monitoring.analytics.asking import AnalyticsInvalid
from orchestra.monitoring.analytics.exact import DAY_S, Exact
from orchestra.monitoring.analytics.keeping import WORKFLOWS_MAX, Look
from orchestra.monitoring.analytics.looking import Looking, Window, resting
from orchestra.monitoring.analytics.of_agents import COST, TOKENS
from orchestra.monitoring.analytics.of_workflows import COST as OF_STEPS
from orchestra.monitoring.analytics.of_workflows import TOKENS as TOKENS_OF_STEPS
from orchestra.monitoring.analytics.reports import CostAnalytics, CostLine, Unpriced
from orchestra.monitoring.metrics.functions import Sum
from orchestra.store.keys import Tenant

BY: Final = ("workflow", "agent", "model", "day", "tenant")
LINES_MAX: Final = 200
TENANTS_MAX: Final = 500

Models = Callable[[Tenant], Awaitable[Mapping[str, str]]]
"""The model of each agent that has one, by its name."""
Sums = tuple[dict[str | None, float], dict[str | None, int]]


class TenantsHidden(Forbidden):
    """What other tenants spend is for whoever runs the installation."""


class OfCosts:
    """Answers them."""

    def __init__(self, looking: Looking, exact: Exact, models: Models) -> None:
        self._looking, self._exact, self._models = looking, exact, models

    async def answer(
        self, tenant: Tenant, said: tuple[str, int], by: str, *, everybody: bool
    ) -> CostAnalytics:
        """`everybody`: the caller may see all tenants.

        Raises AnalyticsInvalid, TenantsHidden, StoreAway.
        """
        if by not in BY:
            message = f"is one of {', '.join(BY)}"
            raise AnalyticsInvalid(
                "the query is not valid", [Problem("/query/by", "out_of_range", message)]
            )
        if by == "tenant" and not everybody:
            raise TenantsHidden("this needs the role platform_admin")
        window = self._looking.window(said)
        cost, tokens = await self._sums(tenant, window, by)
        lines = _lines(cost, tokens, ordered=by == "day")
        looks: Sequence[Look] = ()
        if by != "tenant":
            looks = await self._looks(tenant, window)
        together = Look(
            [one for look in looks for one in look.kept],
            max((look.level for look in looks), default=0),
            max((look.skipped for look in looks), default=0),
        )
        ended = await self._looking.ended(tenant, window)
        return CostAnalytics(
            by=by,
            window=said[0],
            since=window.since,
            until=window.until,
            cost_usd=round(sum(cost.values()), 6) if cost else None,
            tokens=sum(tokens.values()) if tokens else None,
            lines=lines[:LINES_MAX],
            unpriced=_unpriced(together) if looks else None,
            profiles=resting(together, sum(ended.values())) if looks else None,
            bounded={"lines": len(lines), "shown": LINES_MAX} if len(lines) > LINES_MAX else None,
        )

    async def _sums(self, tenant: Tenant, window: Window, by: str) -> Sums:
        match by:
            case "workflow":
                return await self._by(tenant, window, (OF_STEPS, TOKENS_OF_STEPS), "workflow")
            case "agent":
                return await self._by(tenant, window, (COST, TOKENS), "agent")
            case "model":
                return await self._by_model(tenant, window)
            case "day":
                return await self._by_day(tenant, window)
            case _:
                return await self._by_tenant(window)

    async def _by(
        self, tenant: Tenant, window: Window, metrics: tuple[str, str], label: str
    ) -> Sums:
        cost = await self._exact.sums(tenant, metrics[0], window.seconds, (label,))
        tokens = await self._exact.sums(tenant, metrics[1], window.seconds, (label,))
        return (
            {name: float(n) for (name,), n in cost.items()},
            {name: int(n) for (name,), n in tokens.items()},
        )

    async def _by_model(self, tenant: Tenant, window: Window) -> Sums:
        """By the model that each agent has now; None of one that has none, or is gone."""
        cost, tokens = await self._by(tenant, window, (COST, TOKENS), "agent")
        models = await self._models(tenant)
        spent: dict[str | None, float] = {}
        used: dict[str | None, int] = {}
        for agent, n in cost.items():
            model = models.get(agent or "")
            spent[model] = spent.get(model, 0.0) + n
        for agent, count in tokens.items():
            model = models.get(agent or "")
            used[model] = used.get(model, 0) + count
        return spent, used

    async def _by_day(self, tenant: Tenant, window: Window) -> Sums:
        first = window.from_ms // 1_000 // DAY_S * DAY_S
        asked = (first, window.until_ms // 1_000 + 1, DAY_S)
        cost = (await self._exact.steps(tenant, COST, asked, ())).get((), {})
        tokens = (await self._exact.steps(tenant, TOKENS, asked, ())).get((), {})

        def days(bins: Mapping[int, object]) -> dict[str | None, float]:
            return {
                instant((first + i * DAY_S) * 1_000)[:10]: cell.n
                for i, cell in bins.items()
                if isinstance(cell, Sum)
            }

        return days(cost), {day: int(n) for day, n in days(tokens).items()}

    async def _by_tenant(self, window: Window) -> Sums:
        cost: dict[str | None, float] = {}
        tokens: dict[str | None, int] = {}
        for tenant in (await self._looking.shelf.tenants())[:TENANTS_MAX]:
            spent = await self._exact.sums(tenant, COST, window.seconds, ())
            used = await self._exact.sums(tenant, TOKENS, window.seconds, ())
            if spent:
                cost[tenant] = float(spent[()])
            if used:
                tokens[tenant] = int(used[()])
        return cost, tokens

    async def _looks(self, tenant: Tenant, window: Window) -> Sequence[Look]:
        day = window.from_ms // (DAY_S * 1_000)
        names = await self._looking.shelf.workflows(tenant, day)
        return [await self._looking.look(tenant, name, window) for name in names[:WORKFLOWS_MAX]]


def _lines(
    cost: Mapping[str | None, float], tokens: Mapping[str | None, int], *, ordered: bool
) -> list[CostLine]:
    whole = sum(cost.values())
    keys = list(dict.fromkeys([*cost, *tokens]))
    if ordered:
        keys.sort(key=str)
    else:
        keys.sort(key=lambda key: (-cost.get(key, 0.0), -tokens.get(key, 0), str(key)))
    return [
        CostLine(
            key=key,
            cost_usd=round(cost[key], 6) if key in cost else None,
            tokens=tokens.get(key),
            share=round(cost[key] / whole, 6) if key in cost and whole else None,
        )
        for key in keys
    ]


def _unpriced(look: Look) -> Unpriced:
    agents: Counter[str] = Counter()
    tokens = 0
    for one in look.kept:
        for row in one.profile.rows:
            if row.priced is False:
                agents[row.agent or "unknown"] += 1
                tokens += row.tokens_in + row.tokens_out
    names = [name for name, _ in agents.most_common(20)]
    return Unpriced(steps=agents.total(), tokens=tokens, agents=names)
