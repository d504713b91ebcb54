"""Hedging: a call that takes longer than nearly all of its pool may get a second one beside it.

Counted in this replica: the p95 of the last 256 calls, and one hedge for twenty tasks.
"""

from collections import deque

from orchestra.agents.pools.roster import Choice
from orchestra.agents.records import Agent
from orchestra.store.keys import Tenant

SAMPLES = 256
SAMPLES_MIN = 20
AFTER_MIN_S = 1.0
SHARE = 0.05


class _Pace:
    """How long the calls of one pool took lately."""

    __slots__ = ("hedges", "seconds", "tasks")

    def __init__(self) -> None:
        self.seconds: deque[float] = deque(maxlen=SAMPLES)
        self.tasks = self.hedges = 0


class Hedges:
    """Says after how long a call gets company."""

    def __init__(self) -> None:
        self._paces: dict[tuple[Tenant, str], _Pace] = {}

    def wanted(self, choice: Choice, agent: Agent, capability: str | None) -> bool:
        """The agent asks for it, a repeat is harmless, and there is somebody else."""
        return (
            agent.spec.hedge
            and len(choice.agents) > 1
            and any(one.name == capability and one.idempotent for one in agent.spec.capabilities)
        )

    def after(self, choice: Choice) -> float | None:
        """Seconds until a second call; None while too little is known. Counts a task."""
        pace = self._pace(choice)
        pace.tasks += 1
        if len(pace.seconds) < SAMPLES_MIN:
            return None
        ordered = sorted(pace.seconds)
        return max(AFTER_MIN_S, ordered[int(0.95 * (len(ordered) - 1))])

    def may(self, choice: Choice) -> bool:
        """Whether one more is within the share."""
        pace = self._pace(choice)
        return pace.hedges + 1 <= SHARE * pace.tasks

    def made(self, choice: Choice) -> None:
        """A second call was made."""
        self._pace(choice).hedges += 1

    def took(self, choice: Choice, seconds: float) -> None:
        """A call was answered."""
        self._pace(choice).seconds.append(seconds)

    def _pace(self, choice: Choice) -> _Pace:
        key = (choice.tenant, choice.agent_type)
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = _Pace()
        return pace
