"""The clocks of a step that outlive an attempt: total_timeout, max_elapsed, queue_timeout."""

from dataclasses import dataclass

from orchestra.store import keys
from orchestra.workflows.planning.facts import Work
from orchestra.workflows.running.memory import Memory

AT_ONCE_MS = 20
"""A step that waited no longer was not kept from running by a pause worth counting."""


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

    def capped(self, timeout_ms: int) -> int:
        """The timeout of one attempt, within what is left of `total_timeout`."""
        return timeout_ms if self.left_ms is None else min(timeout_ms, self.left_ms)


async def clocks_of(memory: Memory, prefix: str, work: Work) -> Clocks:
    """Read from the records; the history is asked only where it can matter."""
    node, claim, step = work.node, work.claim, work.node.step
    ready_ms = ready_at(work)
    first_ms, paused_ms = ready_ms, 0
    bounded = step.total_timeout_ms is not None or step.retry.max_elapsed_ms is not None
    if bounded and (claim.n > 1 or claim.claimed_ms - ready_ms > AT_ONCE_MS):
        lines: list[bytes] = await memory.fetch(
            prefix, "LRANGE", keys.history(prefix, claim.execution), "0", "-1"
        )
        first_ms, paused_ms = _active(lines, node.path, ready_ms, claim.claimed_ms)
    again = claim.u > 0 or claim.c > 0
    waited_ms = 0 if again else max(0, claim.claimed_ms - ready_ms)
    return Clocks(first_ms, claim.claimed_ms, paused_ms, waited_ms, step.total_timeout_ms)


def ready_at(work: Work) -> int:
    """When the last dependency of the step was done, or the execution began.

    Of the first steps inside a container it is not known here: as if they were claimed at once.
    """
    facts, node = work.facts, work.node
    assert facts.envelope is not None
    ends = [
        facts.records[path].get("ended_ms", 0)
        for path in (*node.joins, *node.waits)
        if path in facts.records
    ]
    unknown = node.waits or node.scope.path
    begun_ms = facts.envelope.created_ms + facts.envelope.delay_ms
    return max(ends, default=work.claim.claimed_ms if unknown else begun_ms)


def _active(lines: list[bytes], path: str, ready_ms: int, now_ms: int) -> tuple[int, int]:
    """When the step was first ready in this life, and how long it was paused since (R30).

    A `retry` of the execution begins a new life.
    """
    first_ms, retried_ms, paused_at = now_ms, 0, None
    pauses: list[tuple[int, int]] = []
    for line in lines:
        position, kind, step, _, data = line.split(b"|", 4)
        at_ms = int(position.split(b"-")[0])
        if kind == b"R" and step.decode() == path:
            first_ms = min(first_ms, at_ms)
        op = data.split(b"\t")[0] if kind == b"K" else b""
        if op in (b"pause", b"interrupt"):
            paused_at = at_ms
        elif op == b"resume" and paused_at is not None:
            pauses.append((paused_at, at_ms))
            paused_at = None
        elif op == b"retry":
            first_ms, retried_ms = now_ms, at_ms
    begun_ms = min(first_ms, max(ready_ms, retried_ms))
    return begun_ms, sum(max(0, end - max(since, begun_ms)) for since, end in pauses)
