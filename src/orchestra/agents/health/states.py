"""The state of one agent: what follows from what people decided and what the store knows."""

from typing import Final, Literal

import msgspec

from orchestra.agents import Status
from orchestra.agents.records import Agent

OFFLINE_MS = 300_000
BREAKER: Final = {"c": "closed", "o": "open", "h": "half_open"}

Breaker = Literal["closed", "open", "half_open"]


class Look(msgspec.Struct, frozen=True):
    """What a pool knows of an agent at one moment. Times are ms of the store's clock.

    `alive_until_ms` is None when the pool does not have the agent. `judged_ms` is now, but while
    nobody looked after the pool it stands still: then nobody could be heard.
    """

    now_ms: int
    judged_ms: int
    alive_until_ms: int | None = None
    ttl_ms: int | None = None
    """How long a heartbeat is good for; None: it sends none."""
    gate_ms: int = 0
    breaker: Breaker = "closed"
    failures: int = 0
    trips: int = 0
    failing: bool = False
    """Checks opened the breaker, and go on failing."""
    told: str = ""
    told_ms: int = 0
    told_reason: str = ""
    in_use: int = 0

    @property
    def gated(self) -> bool:
        """Nobody picks it before the gate opens."""
        return self.gate_ms > self.now_ms

    @property
    def late(self) -> bool:
        """Its heartbeat is overdue: no pick takes it."""
        return self.alive_until_ms is not None and self.alive_until_ms <= self.judged_ms

    @property
    def heard_ms(self) -> int | None:
        """When its last heartbeat came; None: it sends none."""
        if self.alive_until_ms is None or self.ttl_ms is None:
            return None
        return self.alive_until_ms - self.ttl_ms

    @property
    def silent_ms(self) -> int:
        """How long nothing was heard of an agent that sends heartbeats."""
        return max(0, self.judged_ms - (self.judged_ms if self.heard_ms is None else self.heard_ms))


class State(msgspec.Struct, frozen=True):
    """A status, since when (None: not known), and why, in words."""

    status: Status
    since_ms: int | None
    reason: str


def state_of(agent: Agent, look: Look | None) -> State:
    """The state of an agent. `look` is None when nobody asked the pool, because it has no say."""
    if agent.mode == "disabled":
        return State("disabled", agent.since_ms, "it was disabled by hand")
    if agent.mode == "draining":
        used = f", {look.in_use} still running" if look and look.in_use else ""
        return State("draining", agent.since_ms, f"it gets no new tasks{used}")
    if agent.storeless:
        return State("healthy", agent.created_ms, "its code runs in this process")
    if agent.untold:
        return State("waiting", agent.created_ms, "it has not told yet what it can do")
    if look is None or look.alive_until_ms is None:
        return State("waiting", agent.created_ms, "nothing was heard of it yet")
    if look.late:
        return _late(agent, look, look.alive_until_ms)
    return _alive(agent, look)


def _late(agent: Agent, look: Look, until_ms: int) -> State:
    silent_s = look.silent_ms // 1_000
    reason = f"nothing was heard of it for {silent_s} s"
    if agent.spec.provider == "pull":  # a worker that leaves says so: then nobody was silent yet
        reason = "no worker comes for its tasks"
    if look.ttl_ms is None or look.silent_ms < OFFLINE_MS:
        return State("stale", until_ms, reason)
    return State("offline", max(until_ms, until_ms - look.ttl_ms + OFFLINE_MS), reason)


def _alive(agent: Agent, look: Look) -> State:
    since_ms = look.told_ms or agent.created_ms
    shut = look.breaker == "open" and (look.gated or look.failing)
    if shut and look.told == "misconfigured":
        return State("misconfigured", since_ms, look.told_reason or "its credentials are refused")
    if shut:
        known = since_ms if look.told == "unhealthy" else None
        return State("unhealthy", known, look.told_reason or "it failed too often")
    if look.breaker != "closed":
        return State("degraded", None, "half open: the next task decides")
    if look.gated:
        wait_s = (look.gate_ms - look.now_ms + 999) // 1_000
        return State("degraded", None, f"cooling off for {wait_s} s, as it asked or was told")
    return State("healthy", since_ms if look.told in ("", "healthy") else None, "it may be picked")
