"""Why nobody was asked, in words that say what to look at."""

from orchestra.agents import TaskError
from orchestra.agents.pools.slots import Refusal, Seen

SATURATED_RETRY_MS = 1_000
BUDGET_RETRY_MS = 1_000


def error_of(refusal: Refusal) -> TaskError:
    """The error of a task that no agent got. Always definite."""
    match refusal.kind:
        case "late" | "full":
            return TaskError("timeout.queue", f"no agent was free in time{_told(refusal.seen)}")
        case "saturated":
            return TaskError(
                "agent.rate_limited",
                f"{refusal.figure} callers wait for these agents already",
                retry_after_ms=SATURATED_RETRY_MS,
                problem="pool-saturated",
            )
        case "cooling":
            return _nobody(
                f"every agent that could do it is kept out for a while{_told(refusal.seen)}; "
                f"the first may be asked again in {seconds(refusal.figure)}",
                refusal.figure,
            )
        case "away":
            return TaskError(
                "agent.unavailable",
                "the store is away for a moment",
                retry_after_ms=refusal.figure,
                problem="store-away",
            )
        case "budget":
            return TaskError(
                "agent.unavailable",
                "the pool's budget of retries is used up",
                retry_after_ms=BUDGET_RETRY_MS,
                problem="retry-budget-exhausted",
            )
        case "down" | "none":
            return _nobody(f"no healthy agent could be picked{_told(refusal.seen)}", None)


def seconds(ms: int) -> str:
    """For people: `0.25 s`, `12 s`."""
    return f"{ms / 1_000:.2g} s" if ms < 10_000 else f"{round(ms / 1_000)} s"


def _nobody(message: str, retry_after_ms: int | None) -> TaskError:
    return TaskError(
        "agent.unavailable", message, retry_after_ms=retry_after_ms, problem="no-agent-available"
    )


def _told(seen: Seen) -> str:
    """`: 2 down, 1 cooling`; nothing when nobody was looked at."""
    counts = {
        "down after failures or refused credentials": seen.open,
        "cooling off": seen.cooling,
        "stale (no heartbeat)": seen.stale,
        "busy": seen.full,
        "tried before": seen.excluded,
    }
    told = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
    return f": {told}" if told else ""
