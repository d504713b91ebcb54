"""The alerts of one replica, put together: a part of monitoring."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import anyio
from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra.clock import Clock, Ids
from orchestra.monitoring.alerts import showing
from orchestra.monitoring.alerts.backtest import BackTest
from orchestra.monitoring.alerts.desk import Desk
from orchestra.monitoring.alerts.evaluating import Evaluator
from orchestra.monitoring.alerts.facts import AlertSource
from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.lines import Lines
from orchestra.monitoring.alerts.meter import Meter
from orchestra.monitoring.alerts.picture import Picture
from orchestra.monitoring.alerts.records import Alert, AlertUnknown
from orchestra.monitoring.alerts.ring import Ring
from orchestra.monitoring.alerts.routes import AlertRoutes
from orchestra.monitoring.alerts.rule_routes import RuleRoutes
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.alerts.windows import Windows
from orchestra.monitoring.logs.asking import Asking
from orchestra.monitoring.measuring import MetricsPart
from orchestra.monitoring.tending import tend
from orchestra.provided import provided
from orchestra.store import alert_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.repeats import Repeats

LISTED: Final = 10


class Silencing(Protocol):
    """What keeps an alert quiet."""

    @property
    def id(self) -> str:
        """By which it can be asked for."""
        ...


Matches = Callable[[Tenant, Mapping[str, str]], Awaitable[Silencing | None]]


async def nobody(tenant: Tenant, labels: Mapping[str, str]) -> None:
    """Nothing is silenced."""
    assert tenant is not None
    assert labels is not None


class AlertsPart:
    """Rules, and what became of them. A `Part` of monitoring."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, metrics: MetricsPart, logs: Asking
    ) -> None:
        self._clock = clock
        self._matches: Matches = nobody
        lines = Lines(logs, clock)
        self.rules, self.alerts = Rules(store, clock), Alerts(store, clock)
        admission = metrics.admission
        repeats = Repeats(store, alert_keys.alerts(store.space), "rule")
        desk = Desk(self.rules, repeats, admission, lines.check, (clock, ids))
        windows = Windows(metrics.answers, Ring(store, admission), clock)
        self.evaluator = Evaluator(
            store,
            clock,
            metrics.leading,
            Meter(windows, lines.count, clock),
            Picture(self.rules, self.alerts, admission.tenants),
        )
        parts: dict[str, object] = {
            "rules": self.rules,
            "alerts": self.alerts,
            "desk": desk,
            "back_test": BackTest(desk, metrics.answers, lines, clock),
            "store": store,
            "hushed": self._hushed,
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router("/", route_handlers=[RuleRoutes, AlertRoutes], dependencies=provided(parts)),
        )

    def hush(self, matches: Matches) -> None:
        """Who knows silences, which lists show; before the first request."""
        self._matches = matches

    async def state(self, tenant: Tenant, alert_id: str) -> Alert | None:
        """How an alert stands; None when it is not known any more. Raises StoreAway."""
        try:
            return await self.alerts.get(tenant, alert_id)
        except AlertUnknown:
            return None

    async def firing(self, tenant: Tenant) -> list[Alert]:
        """Those that fire for people, those that began last first. Raises StoreAway."""
        return await self.alerts.firing(tenant)

    async def glance(self, tenant: Tenant) -> dict[str, Any]:
        """For the overview: how many fire, how many of them are critical, and some of them."""
        found = await self.firing(tenant)
        critical = [one for one in found if one.severity == "critical"]
        first = [*critical, *(one for one in found if one.severity != "critical")]
        return {
            "firing": len(found),
            "critical": len(critical),
            "items": [showing.alert(one) for one in first[:LISTED]],
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Rules are judged for the duration of the block, while this replica leads."""
        async with anyio.create_task_group() as group:
            group.start_soon(tend, self.evaluator.serve, self._clock)
            yield
            group.cancel_scope.cancel()

    async def quiesce(self) -> None:
        """Nobody waits here."""

    async def _hushed(self, tenant: Tenant, labels: Mapping[str, str]) -> str | None:
        await anyio.lowlevel.checkpoint()  # lists ask this for each of their lines
        found = await self._matches(tenant, labels)
        return found.id if found else None


def source(store: Store) -> AlertSource:
    """What is said of alerts, for the bus."""
    return AlertSource(store)
