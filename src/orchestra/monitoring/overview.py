"""Everything at a glance: `GET /api/dashboard/overview`, and what the first page will show.

From counters, never by counting records; made at most once a second for a tenant on a replica.
What cannot be had is null, and named in `partial`.
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
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import QueryInvalid, Question, duration_s
from orchestra.monitoring.metrics.functions import Sum, quantile
from orchestra.monitoring.metrics.series import INSTALLATION
from orchestra.monitoring.pulse import Pulse
from orchestra.monitoring.services import Service, Services, worst
from orchestra.monitoring.totals import Totals
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

FRESH_S: Final = 1.0
KEPT_MAX: Final = 256
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
LATER: Final[Sequence[str]] = ("alerts", "recent_events", "next_schedules")
"""What no part of the product can say yet."""

Document = dict[str, Any]


class Sources(msgspec.Struct, frozen=True):
    """What the overview is made of."""

    store: Store
    clock: Clock
    answers: Answers
    views: Views
    services: Services
    pulse: Pulse


class Overview:
    """Makes it."""

    def __init__(self, sources: Sources) -> None:
        self._s = sources
        self._totals = Totals(sources.answers, sources.clock)
        self._kept: dict[tuple[Tenant, int], tuple[float, Document]] = {}

    async def make(self, tenant: Tenant, window: str) -> Document:
        """The document of a tenant. Raises QueryInvalid."""
        window_s = duration_s(window)
        if window_s is None or not 60 <= window_s <= WINDOW_MAX_S:
            message = "must be a duration from 1m to 30d"
            raise QueryInvalid(
                "the query is not valid", [Problem("/query/window", "type", message)]
            )
        now = self._s.clock.monotonic()
        kept = self._kept.get((tenant, window_s))
        if kept is not None and now - kept[0] < FRESH_S:
            return kept[1]
        made = await self._made(tenant, window, window_s)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[tenant, window_s] = (now, made)
        return made

    async def _made(self, tenant: Tenant, window: str, window_s: int) -> Document:
        partial: list[str] = [*LATER]
        found: Document = {}

        async def have(name: str, part: Callable[[], Awaitable[Any]]) -> None:
            try:
                found[name] = await part()
            except OrchestraError as error:
                log.debug("overview.part_missing", part=name, error=error.code)
                found[name] = None
                partial.append(name)

        parts: dict[str, Callable[[], Awaitable[Any]]] = {
            "services": self._s.services.read,
            "executions": lambda: self._executions(tenant, window_s),
            "workflows": lambda: self._workflows(tenant, window_s),
            "agents": lambda: self._agents(tenant),
            "events": lambda: self._events(tenant, window_s),
            "queues": lambda: self._queues(tenant),
            "webhooks": lambda: self._webhooks(tenant, window_s),
            "usage": lambda: self._usage(tenant, window_s),
            "system": self._system,
            "recent_executions": lambda: self._recent(tenant),
        }
        async with anyio.create_task_group() as group:
            for name, part in parts.items():
                group.start_soon(have, name, part)
        replicas, services = cast(
            "tuple[int | None, list[Service]]", found["services"] or (None, [])
        )
        if found["system"] is not None:
            found["system"]["replicas"] = replicas
        workflows = cast("Document", found["workflows"] or {})
        failing = workflows.pop("failing", None)
        return {
            "generated_at": instant(self._s.clock.now_ms()),
            "window": window,
            "status": worst(services) if services else "unknown",
            "partial": sorted(partial),
            "services": [msgspec.to_builtins(one) for one in services],
            **{name: found[name] for name in parts if name != "services"},
            "alerts": None,
            "recent_events": None,
            "next_schedules": None,
            "failing": failing,
        }

    async def _executions(self, tenant: Tenant, window_s: int) -> Document:
        ends = await self._totals.sums(tenant, "orchestra_executions_total", window_s, "outcome")
        spread = await self._totals.spread(tenant, "orchestra_execution_seconds", window_s)
        live = await self._s.views.live(tenant)
        judged = ends["completed",] + ends["failed",] + ends["rolled_back",]
        rate = round(ends["completed",] / judged, 6) if judged else None
        states = {
            "pending": live["pending"],
            "running": live["running"] + live["rolling_back"],
            "paused": live["paused"],
        }
        return {
            **states,
            **{name: int(ends[name,]) for name in _ENDS},
            "success_rate": rate,
            "p50_ms": _ms(quantile(spread, 0.5)),
            "p95_ms": _ms(quantile(spread, 0.95)),
            "per_minute": await self._per_minute(tenant),
        }

    async def _per_minute(self, tenant: Tenant) -> list[int]:
        """Executions that ended in each of the last 60 minutes, the present one last."""
        now_s = self._s.clock.now_ms() // 1_000
        begin = (now_s // 60 - MINUTES + 1) * 60
        asked = Question("orchestra_executions_total", begin, now_s + 1, by=(), step_s=60, limit=1)
        found = [0] * MINUTES
        for _, bins in await self._s.answers.window(tenant, asked, whole=False):
            for i, cell in bins.items():
                assert isinstance(cell, Sum)
                if i < MINUTES:
                    found[i] += int(cell.n)
        return found

    async def _workflows(self, tenant: Tenant, window_s: int) -> Document:
        prefix = keys.definitions(self._s.store.space)
        index = keys.workflow_index(prefix, tenant)
        total = await self._s.store.read(prefix, "ZCARD", index)
        name = "orchestra_executions_started_total"
        started = await self._totals.sums(tenant, name, window_s, "workflow")
        metric = "orchestra_executions_total"
        ended = await self._totals.sums(tenant, metric, window_s, "workflow", "outcome")
        all_of: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for (workflow, outcome), n in ended.items():
            all_of[workflow] += n
            failed[workflow] += n if outcome in ("failed", "rolled_back") else 0
        failing = [
            {"workflow": workflow, "failed": int(n), "of": int(all_of[workflow])}
            for workflow, n in failed.most_common(LISTED)
            if n
        ]
        active = sum(1 for n in started.values() if n)
        return {"total": int(total), "active": active, "failing": failing}

    async def _agents(self, tenant: Tenant) -> Document:
        statuses, taken, places = await self._s.views.agents(tenant)
        seated = await self._totals.level(tenant, "orchestra_agent_seats_in_use") or []
        seats = await self._totals.level(tenant, "orchestra_agent_seats") or []
        counts = Counter(_AGENTS.get(one, "") for one in statuses)
        shown = {name: counts[name] for name in ("healthy", "degraded", "unhealthy")}
        return {
            "total": len(statuses),
            **shown,
            **{
                "in_flight": int(taken + sum(seated)),
                "capacity": int(places + sum(seats)),
            },
        }

    async def _events(self, tenant: Tenant, window_s: int) -> Document:
        count = await self._totals.sums(tenant, "orchestra_events_total", window_s)
        last = await self._totals.sums(tenant, "orchestra_events_total", 60)
        return {"per_second": round(last.total() / 60, 3), "count": int(count.total())}

    async def _queues(self, tenant: Tenant) -> Document:
        depth = await self._totals.level(tenant, "orchestra_queue_depth")
        dead = await self._totals.level(tenant, "orchestra_dead_letters")
        oldest = await self._totals.level(tenant, "orchestra_queue_oldest_seconds")
        return {
            "depth": None if depth is None else int(sum(depth)),
            "oldest_s": None if oldest is None else max(oldest),
            "dead_letters": None if dead is None else int(sum(dead)),
        }

    async def _webhooks(self, tenant: Tenant, window_s: int) -> Document:
        name = "orchestra_webhook_deliveries_total"
        outcomes = await self._totals.sums(tenant, name, window_s, "outcome")
        total = outcomes.total()
        good = outcomes["delivered",] + outcomes["ok",]
        rate = round(good / total, 6) if total else None
        endpoints, pending = await self._s.views.webhooks(tenant)
        return {"endpoints": endpoints, "success_rate": rate, "pending": pending}

    async def _usage(self, tenant: Tenant, window_s: int) -> Document:
        tokens = await self._totals.sums(tenant, "orchestra_workflow_tokens_total", window_s)
        cost = await self._totals.sums(tenant, "orchestra_workflow_cost_usd_total", window_s)
        return {"tokens": int(tokens.total()), "cost_usd": f"{round(cost.total(), 6):.6f}"}

    async def _system(self) -> Document:
        used, most = await self._s.pulse.memory()
        lag = await self._totals.spread(INSTALLATION, "orchestra_loop_lag_seconds", 300)
        trips = await self._totals.spread(INSTALLATION, "orchestra_store_seconds", 300)
        store = {
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
