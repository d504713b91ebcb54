"""Everything at a glance: `GET /api/dashboard/overview`, and what the first page will show.

From counters, never by counting records; made at most once a second for a tenant on a replica,
whoever asks meanwhile. What cannot be had is null, and named in `partial`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

import anyio
import msgspec
import structlog

from orchestra import __version__
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Problem
from orchestra.instants import instant
from orchestra.monitoring import Views
from orchestra.monitoring.activity import Activity
from orchestra.monitoring.metrics.asking import QueryInvalid, duration_s
from orchestra.monitoring.metrics.functions import Sum, quantile
from orchestra.monitoring.metrics.series import INSTALLATION
from orchestra.monitoring.once import Once
from orchestra.monitoring.services import Services, Standing, worst
from orchestra.monitoring.windows import Windows
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

FRESH_S: Final = 1.0
SYSTEM_S: Final = 5.0
LISTED: Final = 10
MINUTES: Final = 60
WINDOW_MAX_S: Final = 30 * 86_400
_ENDS: Final = ("completed", "failed", "cancelled", "rolled_back")
_AGENTS: Final[Mapping[str, str]] = {
    "healthy": "healthy",
    "degraded": "degraded",
    "stale": "degraded",
    "unhealthy": "unhealthy",
    "offline": "unhealthy",
    "misconfigured": "unhealthy",
}
LATER: Final[Sequence[str]] = ("next_schedules",)
"""What no part of the product can say yet."""

Document = dict[str, Any]
Part = Callable[[], Awaitable[Any]]


class Sources(msgspec.Struct, frozen=True):
    """What the overview is made of."""

    store: Store
    clock: Clock
    windows: Windows
    views: Views
    services: Services


class Overview:
    """Makes it."""

    def __init__(self, sources: Sources) -> None:
        self._s, self._windows = sources, sources.windows
        self._activity = Activity(sources.windows, sources.clock)
        self.alerts: Callable[[Tenant], Awaitable[Document]] | None = None
        """Says which alerts fire: a part that is made after this one."""
        self._made: Once[tuple[Tenant, int], Document] = Once(sources.clock, FRESH_S)
        self._shared: Once[str, Any] = Once(sources.clock, FRESH_S)
        self._slow: Once[str, Document] = Once(sources.clock, SYSTEM_S)

    async def make(self, tenant: Tenant, window: str) -> Document:
        """The document of a tenant. Raises QueryInvalid."""
        window_s = duration_s(window)
        if window_s is None or not 60 <= window_s <= WINDOW_MAX_S:
            message = "must be a duration from 1m to 30d"
            raise QueryInvalid(
                "the query is not valid", [Problem("/query/window", "type", message)]
            )
        return await self._made.get(
            (tenant, window_s), lambda: self._make(tenant, window, window_s)
        )

    async def _make(self, tenant: Tenant, window: str, window_s: int) -> Document:
        partial: list[str] = [*LATER]
        found: Document = {}

        async def have(name: str, part: Part) -> None:
            try:
                found[name] = await part()
            except OrchestraError as error:
                log.debug("overview.part_missing", part=name, error=error.code)
                found[name] = None
            if found[name] is None:
                partial.append(name)

        parts = self._parts(tenant, window_s)
        async with anyio.create_task_group() as group:
            for name, part in parts.items():
                group.start_soon(have, name, part)
        standing = cast("Standing | None", found.pop("services"))
        if found["system"] is not None:
            found["system"]["replicas"] = standing and len(standing.sessions)
        ended = cast("Document", found["executions"] or {})
        if "failing" not in ended:
            partial.append("failing")
        return {
            "generated_at": instant(self._s.clock.now_ms()),
            "window": window,
            "status": worst(standing.services) if standing else "unknown",
            "partial": sorted(partial),
            "services": [msgspec.to_builtins(one) for one in standing.services]
            if standing
            else None,
            **found,
            "next_schedules": None,
            "failing": ended.pop("failing", None),
        }

    def _parts(self, tenant: Tenant, window_s: int) -> dict[str, Part]:
        """What is made beside each other, by the name of the member."""
        return {
            "services": self._standing,
            "executions": lambda: self._executions(tenant, window_s),
            "workflows": lambda: self._workflows(tenant, window_s),
            "agents": lambda: self._agents(tenant),
            "events": lambda: self._events(tenant, window_s),
            "queues": lambda: self._queues(tenant),
            "webhooks": lambda: self._webhooks(tenant, window_s),
            "alerts": lambda: self._alerts(tenant),
            "usage": lambda: self._usage(tenant, window_s),
            "activity": lambda: self._activity.make(tenant),
            "system": self._system,
            "recent_executions": lambda: self._recent(tenant),
            "recent_events": lambda: self._s.views.events(tenant, LISTED),
        }

    async def _standing(self) -> Standing:
        """How the parts are: the same for all tenants."""
        return await self._shared.get("services", self._s.services.read)

    async def _executions(self, tenant: Tenant, window_s: int) -> Document:
        name = "orchestra_executions_total"
        ended = await self._windows.sums(tenant, name, window_s)
        ends: Counter[str] = Counter()
        all_of: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for labels, n in ended.items():
            of = dict(labels)
            outcome, workflow = of.get("outcome", "other"), of.get("workflow", "other")
            ends[outcome] += int(n)
            all_of[workflow] += int(n)
            failed[workflow] += int(n) if outcome in ("failed", "rolled_back") else 0
        spread = await self._windows.spread(tenant, "orchestra_execution_seconds", window_s)
        live = await self._s.views.live(tenant)
        judged = ends["completed"] + ends["failed"] + ends["rolled_back"]
        return {
            "pending": live["pending"],
            "running": live["running"] + live["rolling_back"],
            "paused": live["paused"],
            **{one: ends[one] for one in _ENDS},
            "success_rate": round(ends["completed"] / judged, 6) if judged else None,
            "p50_ms": _ms(quantile(spread, 0.5)),
            "p95_ms": _ms(quantile(spread, 0.95)),
            "per_minute": await self._per_minute(tenant),
            "failing": [
                {"workflow": workflow, "failed": n, "of": all_of[workflow]}
                for workflow, n in failed.most_common(LISTED)
                if n
            ],
        }

    async def _per_minute(self, tenant: Tenant) -> list[int]:
        """Executions that ended in each of the last 60 minutes, the present one last."""
        found = [0] * MINUTES
        window_s, name = (MINUTES - 1) * 60, "orchestra_executions_total"
        for bins in (await self._windows.bins(tenant, name, window_s, 60)).values():
            for i, cell in bins.items():
                if i < MINUTES and isinstance(cell, Sum):
                    found[i] += int(cell.n)
        return found

    async def _workflows(self, tenant: Tenant, window_s: int) -> Document:
        prefix = keys.definitions(self._s.store.space)
        index = keys.workflow_index(prefix, tenant)
        total = await self._s.store.read(prefix, "ZCARD", index)
        name = "orchestra_executions_started_total"
        started = await self._windows.sums(tenant, name, window_s)
        return {"total": int(total), "active": sum(1 for n in started.values() if n)}

    async def _agents(self, tenant: Tenant) -> Document:
        statuses, taken, places = await self._s.views.agents(tenant)
        seated = await self._last(tenant, "orchestra_agent_seats_in_use")
        seats = await self._last(tenant, "orchestra_agent_seats")
        counts = Counter(_AGENTS.get(one, "") for one in statuses)
        return {
            "total": len(statuses),
            **{name: counts[name] for name in ("healthy", "degraded", "unhealthy")},
            "in_flight": taken + int(sum(seated)),
            "capacity": places + int(sum(seats)),
        }

    async def _last(self, tenant: Tenant, metric: str) -> list[float]:
        return await self._windows.last(tenant, metric, (await self._standing()).sessions)

    async def _events(self, tenant: Tenant, window_s: int) -> Document:
        name = "orchestra_events_total"
        counts = await self._windows.sums(tenant, name, window_s)
        lately = await self._windows.sums(tenant, name, 60)
        return {
            "per_second": round(sum(lately.values()) / 60, 3),
            "count": int(sum(counts.values())),
        }

    async def _queues(self, tenant: Tenant) -> Document:
        depth = await self._last(tenant, "orchestra_queue_depth")
        dead = await self._last(tenant, "orchestra_dead_letters")
        oldest = await self._last(tenant, "orchestra_queue_oldest_seconds")
        return {
            "depth": int(sum(depth)),
            "oldest_s": max(oldest, default=None),
            "dead_letters": int(sum(dead)),
        }

    async def _webhooks(self, tenant: Tenant, window_s: int) -> Document:
        name = "orchestra_webhook_deliveries_total"
        outcomes: Counter[str] = Counter()
        for labels, n in (await self._windows.sums(tenant, name, window_s)).items():
            outcomes[dict(labels).get("outcome", "other")] += int(n)
        tried = outcomes.total() - outcomes["skipped"]
        rate = round(outcomes["delivered"] / tried, 6) if tried else None
        endpoints, pending = await self._s.views.webhooks(tenant)
        return {"endpoints": endpoints, "success_rate": rate, "pending": pending}

    async def _alerts(self, tenant: Tenant) -> Document | None:
        return None if self.alerts is None else await self.alerts(tenant)

    async def _usage(self, tenant: Tenant, window_s: int) -> Document:
        tokens = await self._windows.sums(tenant, "orchestra_workflow_tokens_total", window_s)
        cost = await self._windows.sums(tenant, "orchestra_workflow_cost_usd_total", window_s)
        micro = round(sum(cost.values()), 6)
        return {"tokens": int(sum(tokens.values())), "cost_usd": f"{micro:.6f}"}

    async def _system(self) -> Document:
        return dict(await self._slow.get("system", self._system_now))

    async def _system_now(self) -> Document:
        """The same for all tenants, and slow to change."""
        used, most = self._s.store.memory or (None, None)
        lag = await self._windows.spread(INSTALLATION, "orchestra_loop_lag_seconds", 300)
        trips = await self._windows.spread(INSTALLATION, "orchestra_store_seconds", 300)
        store = {
            "kind": self._s.store.kind,
            "memory_bytes": used,
            "memory_max_bytes": most or None,
            "round_trip_p95_ms": _ms(quantile(trips, 0.95)),
            "durability": self._s.store.durability.effective,
        }
        return {
            "replicas": None,
            "version": __version__,
            "loop_lag_p95_ms": _ms(quantile(lag, 0.95)),
            "store": store,
        }

    async def _recent(self, tenant: Tenant) -> list[Document]:
        page = await self._s.views.executions(tenant, {}, None, LISTED)
        return list(page["items"])


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 3)
