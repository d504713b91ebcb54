"""The analytics of one replica, put together: a part of monitoring."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra.clock import Clock
from orchestra.monitoring import Profiles
from orchestra.monitoring.analytics.exact import Exact
from orchestra.monitoring.analytics.insights import Advice
from orchestra.monitoring.analytics.keeping import Shelf
from orchestra.monitoring.analytics.looking import Looking
from orchestra.monitoring.analytics.moving import Moving
from orchestra.monitoring.analytics.of_agents import OfAgents
from orchestra.monitoring.analytics.of_costs import Models, OfCosts
from orchestra.monitoring.analytics.of_workflows import OfWorkflows
from orchestra.monitoring.analytics.reading import ALL_PER_S, PER_S, Reader
from orchestra.monitoring.analytics.routes import AnalyticsRoutes
from orchestra.monitoring.measuring import MetricsPart
from orchestra.monitoring.tending import tend
from orchestra.provided import provided
from orchestra.store.client import Store


class AnalyticsPart:
    """What monitoring has of analytics. A `Part`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: MetricsPart,
        profiles: Profiles,
        models: Models,
        per_s: int = PER_S,
    ) -> None:
        self._clock, self._per_s = clock, per_s
        self.shelf, exact = Shelf(store), Exact(metrics.answers, clock)
        all_per_s = max(ALL_PER_S, per_s)
        self.reader = Reader(profiles, self.shelf, clock, metrics.leading, per_s, all_per_s)
        looking = Looking(profiles, self.shelf, exact, clock)
        self.of_workflows, self.of_agents = OfWorkflows(looking, exact), OfAgents(looking, exact)
        self.of_costs, self.moving = OfCosts(looking, exact, models), Moving(looking, exact)
        self.advice = Advice(looking)
        parts = {
            "of_workflows": self.of_workflows,
            "of_agents": self.of_agents,
            "of_costs": self.of_costs,
            "moving": self.moving,
            "advice": self.advice,
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router("/", route_handlers=[AnalyticsRoutes], dependencies=provided(parts)),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Profiles are gathered for the duration of the block, on the replica that leads."""
        async with anyio.create_task_group() as group:
            if self._per_s:
                group.start_soon(tend, self.reader.serve, self._clock)
            yield
            group.cancel_scope.cancel()

    async def quiesce(self) -> None:
        """Nobody waits here."""
