"""How agents are, put together from what the interface tells of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import anyio
import msgspec

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.sheets import within
from orchestra.dashboard.site import Site
from orchestra.errors import OrchestraError

LIVE: Final = "agents"
WINDOW: Final = "30m"
MINUTES: Final[Mapping[str, int]] = {"15m": 15, "30m": 30, "1h": 60, "6h": 360, "24h": 1_440}
FAILOVERS: Final[Mapping[str, str]] = {
    "orchestra_agent_retries_total": "tried again after a failure",
    "orchestra_agent_fallbacks_total": "went to a fallback",
    "orchestra_agent_hedges_total": "asked of a second agent",
}

Document = dict[str, Any]


class Look(msgspec.Struct, frozen=True):
    """One agent. None is what could not be had."""

    health: Document | None
    performance: Document | None
    minutes: int

    @property
    def tasks(self) -> int:
        """In the window."""
        return int(within(self.performance, ("tasks",)) or 0)

    @property
    def in_use(self) -> int:
        """Tasks it has in hand, as far as they are counted."""
        return int(within(self.health, ("slots", "in_use")) or 0)

    @property
    def tokens_per_minute(self) -> float | None:
        """Of the window; None when none were told."""
        parts = (within(self.performance, ("tokens", one)) for one in ("input", "output"))
        total = sum(int(part or 0) for part in parts)
        return total / self.minutes if total else None

    @property
    def cost_per_hour(self) -> float | None:
        """Dollars."""
        cost = (self.performance or {}).get("cost_usd")
        return None if cost is None else float(cost) * 60 / self.minutes

    @property
    def error_share(self) -> float | None:
        """Of tasks that were not cancelled."""
        share = (self.performance or {}).get("success_rate")
        return None if share is None else 1 - float(share)


async def looked(
    site: Site, asker: Viewer, agent: Document, window: str, into: dict[str, Look]
) -> None:
    """How an agent is."""
    base = f"/api/agents/{agent['id']}"
    found: dict[str, Document | None] = {}

    async def ask(name: str, query: Mapping[str, object]) -> None:
        found[name] = await or_none(site, asker, f"{base}/{name}", query)

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "health", Document())
        group.start_soon(ask, "performance", {"window": window})
    into[agent["id"]] = Look(found["health"], found["performance"], MINUTES[window])


async def stands_of(site: Site, asker: Viewer, kind: str, into: dict[str, Document]) -> None:
    """How the agents of a type stand in the eyes of the next pick, by id."""
    try:
        answer = await site.api.pose(asker, "/api/agents/select", {"agent_type": kind})
    except OrchestraError:
        return
    into |= {one["id"]: one for one in answer["agents"]}


async def failovers(site: Site, asker: Viewer, kind: str) -> Sequence[tuple[str, float]]:
    """What was done of late when an agent of this type did not answer well; empty if unknown."""
    found: dict[str, float] = {}

    async def ask(metric: str, told: str) -> None:
        query = {
            "metric": metric, "agg": "increase", "by": "agent_type", "from": "-24h", "limit": 100,
        }  # fmt: skip
        answer = await or_none(site, asker, "/api/metrics/query", query)
        for series in (answer or {}).get("series", ()):
            if series["labels"].get("agent_type") == kind:
                found[told] = sum(value for value in series["values"] if value is not None)

    async with anyio.create_task_group() as group:
        for metric, told in FAILOVERS.items():
            group.start_soon(ask, metric, told)
    return [(told, found[told]) for told in FAILOVERS.values() if found.get(told)]


async def or_none(
    site: Site, asker: Viewer, path: str, query: Mapping[str, object]
) -> Document | None:
    """The document, if it can be had."""
    try:
        return await site.api.get(asker, path, query)
    except OrchestraError:
        return None
