"""The clocks of a step that outlive one attempt: `total_timeout`, `max_elapsed`, `queue_timeout`."""

from dataclasses import dataclass

from orchestra.agents import Task
from orchestra.store import keys
from orchestra.workflows.facts import Work
from orchestra.workflows.memory import Memory
from orchestra.workflows.planner import Call


@dataclass(slots=True, frozen=True)
class Clocks:
    """When a step first became ready, and what is left of its `total_timeout` at the claim."""

    first_ms: int
    claimed_ms: int
    paused_ms: int
    waited_ms: int
    total_ms: int | None

    @property
    def left_ms(self) -> int | None:
        """Of `total_timeout`, at the claim."""
        return self.left_at(self.claimed_ms)

    def left_at(self, now_ms: int) -> int | None:
        """Of `total_timeout`, at some instant; None when there is none."""
        return None if self.total_ms is None else self.total_ms - self.elapsed_ms(now_ms)

    def elapsed_ms(self, now_ms: int) -> int:
        """Active time since the step was first ready."""
        return max(0, now_ms - self.first_ms - self.paused_ms)

    def cut(self, task: Task, call: Call) -> bool:
        """Whether `total_timeout` gave this attempt less time than its own timeout."""
        return task.timeout_ms < call.timeout_ms


async def clocks_of(memory: Memory, prefix: str, work: Work) -> Clocks:
    """Read from the records; the history is asked only for a later attempt that needs it."""
    node, claim, step = work.node, work.claim, work.node.step
    ready_ms = ready_at(work)
    first_ms, paused_ms = ready_ms, 0
    bounded = step.total_timeout_ms is not None or step.retry.max_elapsed_ms is not None
    if bounded and claim.n > 1:
        lines: list[bytes] = await memory.fetch(
            prefix, "LRANGE", keys.history(prefix, claim.execution), "0", "-1"
        )
        first_ms, paused_ms = _first(lines, node.path, ready_ms, claim.claimed_ms)
    again = claim.u > 0 or claim.c > 0
    waited_ms = 0 if again else max(0, claim.claimed_ms - ready_ms)
    return Clocks(first_ms, claim.claimed_ms, paused_ms, waited_ms, step.total_timeout_ms)


def ready_at(work: Work) -> int:
    """When the last dependency of the step was done, or the execution began."""
    facts = work.facts
    assert facts.envelope is not None
    ends = [
        facts.records[path].get("ended_ms", 0)
        for path in (*work.node.joins, *work.node.waits)
        if path in facts.records
    ]
    return max(
        ends, default=work.claim.claimed_ms if work.node.waits else facts.envelope.created_ms
    )


def _first(lines: list[bytes], path: str, ready_ms: int, now_ms: int) -> tuple[int, int]:
    """First time the step was handed out, and how long the execution was paused since."""
    first, paused_ms, paused_at = None, 0, None
    for line in lines:
        position, kind, step, _, data = line.split(b"|", 4)
        at_ms = int(position.split(b"-")[0])
        if first is None and kind == b"R" and step.decode() == path:
            first = min(at_ms, ready_ms) if ready_ms else at_ms
        op = data.split(b"\t")[0] if kind == b"K" else b""
        if op in (b"pause", b"interrupt"):
            paused_at = at_ms
        elif op == b"resume" and paused_at is not None:
            paused_ms += at_ms - max(paused_at, first or at_ms)
            paused_at = None
    if first is None:
        return ready_ms, 0
    return min(first, now_ms), paused_ms
