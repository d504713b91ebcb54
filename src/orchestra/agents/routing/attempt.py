"""What happens while one task is done: the calls made, and what they leave to be done."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from orchestra.agents import Strategy, Task, TaskError, TaskResult
from orchestra.agents.pools.roster import Choice
from orchestra.agents.pools.slots import Refusal, Slot
from orchestra.agents.providers import Answer, Failure, Usage
from orchestra.agents.providers.usage import added, shown_usage
from orchestra.agents.records import Agent
from orchestra.agents.routing.refusals import error_of

CALLS_MAX = 3
"""Calls to the agents of the task itself."""
CALLS_ALL_MAX = 5
"""With those to fallbacks."""
FALLBACKS_MAX = 3
TOO_LATE_S = 0.05

Next = Literal["stop", "again", "elsewhere", "fallback"]
"""What may follow a failure: nothing, the same agent, another one of the pool, only a fallback."""


class Picked(msgspec.Struct, frozen=True):
    """An agent that is called, and how it came to that. `slot` is None in the process."""

    choice: Choice
    agent: Agent
    began: float
    slot: Slot | None = None
    waited_ms: int = 0
    strategy: Strategy = "least_load"


class Attempt:
    """One task, from its arrival to its result. Times are seconds of the monotonic clock."""

    __slots__ = (
        "begun",
        "calls",
        "definite",
        "error",
        "excluded",
        "fallback_of",
        "gone",
        "here",
        "last",
        "started",
        "task",
        "usage",
        "who",
    )

    def __init__(self, task: Task, started: float) -> None:
        self.task, self.started = task, started
        self.begun: float | None = None
        self.calls: list[dict[str, object]] = []
        self.here = 0
        self.excluded: set[str] = set()
        self.gone: set[str] = set()
        """Of those excluded, whoever no longer exists."""
        self.definite = True
        self.fallback_of: str | None = None
        self.last: Failure | None = None
        self.error: TaskError | None = None
        self.who: Agent | None = None
        self.usage: Usage | None = None

    def failures_of(self, agent: Agent) -> int:
        """How often it has failed this task for certain."""
        name = agent.spec.name
        return sum(one["agent"] == name and one["outcome"] == "failed" for one in self.calls)

    def answered(self, picked: Picked, reply: Answer, ended: float) -> TaskResult:
        """The result, when a call succeeded."""
        agent, begun = picked.agent, picked.began if self.begun is None else self.begun
        self.usage = added(self.usage, reply.usage)
        entry = self._enter(picked, ended, reply)
        if reply.incomplete:
            entry["incomplete"] = True
        return TaskResult(
            output=reply.output,
            agent_id=agent.id,
            agent_name=agent.spec.name,
            agent_version=agent.spec.version,
            queue_ms=int((begun - self.started) * 1_000),
            duration_ms=int((ended - begun) * 1_000),
            degraded=self.fallback_of is not None or agent.spec.priority > picked.choice.best,
            calls=tuple(self.calls),
            usage=None if self.usage is None else shown_usage(self.usage),
        )

    def failed(self, picked: Picked, reply: Failure, ended: float) -> None:
        """A call failed. Its agent is not asked again while there are others."""
        entry = self._enter(picked, ended, reply)
        self.usage = added(self.usage, reply.usage)
        error = reply.error
        entry["outcome"] = "failed" if error.definite else "unknown"
        entry["error"] = {"code": error.code, "message": error.message}
        self.definite = self.definite and error.definite
        self.last, self.error, self.who = reply, error, picked.agent
        self.excluded.add(picked.agent.id)

    def cancelled(self, picked: Picked, ended: float) -> None:
        """Another call was quicker."""
        self._enter(picked, ended, None)["outcome"] = "cancelled"

    def refused(self, refusal: Refusal) -> None:
        """Nobody could be picked. What an agent said before is worth more."""
        error = error_of(refusal)
        if self.error is None:
            self.error = error
        elif refusal.kind in ("budget", "cooling") and self.error.retryable is not False:
            self.error = msgspec.structs.replace(
                self.error,
                message=f"{self.error.message}; not tried again: {error.message}",
                retry_after_ms=self.error.retry_after_ms or error.retry_after_ms,
                problem="retry-budget-exhausted"
                if refusal.kind == "budget"
                else self.error.problem,
            )

    def next(self, now: float) -> Next:
        """What may follow, after what the last agent did."""
        if self.last is None or len(self.calls) >= CALLS_ALL_MAX:
            return "stop"
        safe = self.definite or not self.task.once
        if not safe or self.left(now) <= TOO_LATE_S:
            return "stop"
        if self.last.fallback:
            return "fallback"
        if not self.last.elsewhere and not self.last.again:
            return "stop"
        if self.here >= (1 if self.fallback_of is not None else CALLS_MAX):
            return "fallback"
        return "elsewhere" if self.last.elsewhere else "again"

    def left(self, now: float) -> float:
        """Seconds left for calls."""
        begun = now if self.begun is None else self.begun
        return self.task.timeout_ms / 1_000 - (now - begun)

    def may_follow(self, choice: Choice, *, more: bool) -> bool:
        """Whether, after the call that begins now, another one could be made of somebody else."""
        if self.task.once or len(self.calls) + 1 >= CALLS_ALL_MAX:
            return False
        others = any(
            agent.id not in self.excluded for agent in choice.agents[: len(self.excluded) + 2]
        )
        return more or (others and len(choice.agents) > 1 and self.here + 1 < CALLS_MAX)

    def result(self, now: float, why: str) -> TaskResult:
        """The result, when nobody could do it."""
        error = self.error or TaskError("agent.unavailable", why, problem="no-agent-available")
        if error.definite and not self.definite:
            error = msgspec.structs.replace(error, definite=False)
        begun = now if self.begun is None else self.begun
        return TaskResult(
            error=error,
            agent_id=self.who.id if self.who else None,
            agent_name=self.who.spec.name if self.who else None,
            agent_version=self.who.spec.version if self.who else None,
            queue_ms=int((begun - self.started) * 1_000),
            duration_ms=int((now - begun) * 1_000),
            calls=tuple(self.calls),
            usage=None if self.usage is None else shown_usage(self.usage),
        )

    def _enter(
        self, picked: Picked, ended: float, reply: Answer | Failure | None
    ) -> dict[str, object]:
        self.here += 1
        entry: dict[str, object] = {
            "n": len(self.calls) + 1,
            "agent": picked.agent.spec.name,
            "queue_ms": picked.waited_ms,
            "duration_ms": int((ended - picked.began) * 1_000),
            "outcome": "ok",
            "error": None,
            "why": why(self, picked),
        }
        if reply is not None and reply.facts:
            entry |= reply.facts
        self.calls.append(entry)
        return entry


def why(attempt: Attempt, picked: Picked) -> dict[str, object]:
    """Why this agent."""
    agent, slot, choice = picked.agent, picked.slot, picked.choice
    chosen: dict[str, object] = {"agent": agent.spec.name, "tier": agent.spec.priority}
    found: dict[str, object] = {
        "strategy": picked.strategy,
        "eligible": len(choice.agents),
        "chosen": chosen,
        "waited_ms": picked.waited_ms,
        "fallback_of": attempt.fallback_of,
    }
    if slot is not None:
        seen = slot.seen
        chosen |= {
            "in_flight": slot.used,
            "max": agent.spec.max_concurrency,
            "latency_ms": seen.figure,
        }
        found["skipped"] = {
            "full": seen.full,
            "cooling": seen.cooling + seen.open,
            "stale": seen.stale,
            "incapable": seen.incapable,
            "excluded": seen.excluded,
        }
        if slot.probe:
            found["probe"] = True
    return found


def fallbacks(task: Task, agent: Agent | None) -> Iterator[Task]:
    """The task for each of its fallbacks, `agent:name`, `type:name` or `capability:name`: first
    those of the agent that could not do it, then its own.
    """
    own = agent.spec.fallbacks if agent is not None else ()
    for fallback in tuple(dict.fromkeys((*own, *task.fallbacks)))[:FALLBACKS_MAX]:
        kind, _, name = fallback.partition(":")
        yield msgspec.structs.replace(
            task,
            agent_type=name if kind == "type" else None,
            agent=name if kind == "agent" else None,
            capability=name if kind == "capability" else task.capability,
            version=None,
            labels={},
            fallbacks=(),
        )
