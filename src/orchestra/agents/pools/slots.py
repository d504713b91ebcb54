"""Slots as values: what a pick gives or refuses, and how a call ended that had one."""

from typing import Literal

import msgspec

from orchestra.agents.providers import Outcome


class Seen(msgspec.Struct, frozen=True):
    """What a pick looked at before it was decided. `open`: gated because calls failed."""

    full: int = 0
    cooling: int = 0
    open: int = 0
    stale: int = 0
    incapable: int = 0
    excluded: int = 0
    figure: int = 0
    """The latency of the chosen one, or the time until the first gate opens; ms."""


NOTHING = Seen()


class Slot(msgspec.Struct, frozen=True):
    """A slot we hold. `fence` only grows within the pool; `probe`: the breaker is half open."""

    prefix: str
    agent_id: str
    lease: str
    fence: int = 0
    probe: bool = False
    used: int = 0
    tokens: int = 0
    """The estimate that was charged."""
    seen: Seen = NOTHING


class Refusal(msgspec.Struct, frozen=True):
    """Nobody could be picked. `figure` is how many are full or down, or ms until one cools off."""

    kind: Literal["full", "cooling", "down", "none", "budget", "saturated", "late", "away"]
    figure: int = 0
    seen: Seen = NOTHING


class Ended(msgspec.Struct, frozen=True):
    """How a call went. `tokens` is what it took beyond the estimate; ms without a gate is 0."""

    outcome: Outcome = "none"
    latency_ms: int = 0
    gate_ms: int = 0
    tokens: int = 0


CANCELLED = Ended()


def seen_in(line: bytes) -> Seen:
    """full:cooling:open:stale:incapable:excluded:figure; empty when nobody was looked at."""
    return Seen(*map(int, line.split(b":"))) if line else NOTHING
