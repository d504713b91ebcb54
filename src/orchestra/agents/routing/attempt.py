"""What happens while one task is done: the calls made, and what they leave to be done."""

from collections.abc import Iterator

import msgspec

from orchestra.agents import Task, TaskError, TaskResult
from orchestra.agents.pools.balancer import Refusal
from orchestra.agents.pools.roster import Choice
from orchestra.agents.providers import Answer, Failure, Usage
from orchestra.agents.providers.usage import added, shown_usage
from orchestra.agents.records import Agent

CALLS_MAX = 3
FALLBACKS_MAX = 3
TOO_LATE_S = 0.05


class Attempt:
    """One task, from its arrival to its result. Times are seconds of the monotonic clock."""

    __slots__ = (
        "begun",
        "calls",
        "definite",
        "error",
        "excluded",
        "fallback",
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
        self.excluded: set[str] = set()
        self.definite = True
        self.fallback = False
        self.last: Failure | None = None
        self.error: TaskError | None = None
        self.who: Agent | None = None
        self.usage: Usage | None = None

    def answered(
        self, choice: Choice, agent: Agent, reply: Answer, began: float, ended: float
    ) -> TaskResult:
        """The result, when a call succeeded."""
        begun = began if self.begun is None else self.begun
        self.usage = added(self.usage, reply.usage)
        self._enter(choice, agent, began, ended)
        return TaskResult(
            output=reply.output,
            agent_id=agent.id,
            agent_name=agent.spec.name,
            agent_version=agent.spec.version,
            queue_ms=int((begun - self.started) * 1_000),
            duration_ms=int((ended - begun) * 1_000),
            degraded=self.fallback or agent.spec.priority > choice.best,
            calls=tuple(self.calls),
            usage=None if self.usage is None else shown_usage(self.usage),
        )

    def failed(
        self, choice: Choice, agent: Agent, reply: Failure, began: float, ended: float
    ) -> None:
        """A call failed. Its agent is not asked again."""
        entry = self._enter(choice, agent, began, ended)
        self.usage = added(self.usage, reply.usage)
        error = reply.error
        entry["outcome"] = "failed" if error.definite else "unknown"
        entry["error"] = {"code": error.code, "message": error.message}
        self.definite = self.definite and error.definite
        self.last, self.error, self.who = reply, error, agent
        self.excluded.add(agent.id)

    def refused(self, refusal: Refusal) -> None:
        """Nobody could be picked. What an agent said before is worth more."""
        if self.error is None:
            self.error = error_of(refusal)

    def may_go_on(self, now: float) -> bool:
        """Whether another agent may be asked, after what the last one did."""
        if self.begun is None:
            return True
        if self.last is None or len(self.calls) >= CALLS_MAX:
            return False
        left = self.task.timeout_ms / 1_000 - (now - self.begun)
        safe = self.definite or not self.task.once
        return self.last.elsewhere and safe and left > TOO_LATE_S

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

    def _enter(self, choice: Choice, agent: Agent, began: float, ended: float) -> dict[str, object]:
        waited = self.started if self.begun is None or not self.calls else began
        entry: dict[str, object] = {
            "n": len(self.calls) + 1,
            "agent": agent.spec.name,
            "queue_ms": int((began - waited) * 1_000),
            "duration_ms": int((ended - began) * 1_000),
            "outcome": "ok",
            "error": None,
            "why": {
                "strategy": "least_load",
                "eligible": len(choice.agents),
                "tier": agent.spec.priority,
                "excluded": len(self.excluded),
            },
        }
        self.calls.append(entry)
        return entry


def targets(task: Task) -> Iterator[Task]:
    """The task itself, then the same for each of its fallbacks: `agent:name` or `type:name`."""
    yield task
    for fallback in task.fallbacks[:FALLBACKS_MAX]:
        kind, _, name = fallback.partition(":")
        yield msgspec.structs.replace(
            task,
            agent_type=name if kind == "type" else None,
            agent=name if kind == "agent" else None,
            version=None,
            labels={},
        )


def error_of(refusal: Refusal) -> TaskError:
    """Why nobody was asked. Always definite."""
    match refusal.kind:
        case "late" | "full":
            return TaskError("timeout.queue", "no agent was free in time")
        case "saturated":
            return TaskError(
                "agent.rate_limited",
                "too many callers wait for these agents",
                retry_after_ms=1_000,
                problem="pool-saturated",
            )
        case "cooling":
            return TaskError(
                "agent.unavailable",
                "every agent that could do it is kept out for a while",
                retry_after_ms=refusal.figure,
                problem="no-agent-available",
            )
        case "away":
            return TaskError(
                "agent.unavailable",
                "the store is away for a moment",
                retry_after_ms=refusal.figure,
                problem="store-away",
            )
        case "down" | "none" | "budget":
            return TaskError(
                "agent.unavailable",
                "no healthy agent could be picked",
                problem="no-agent-available",
            )
