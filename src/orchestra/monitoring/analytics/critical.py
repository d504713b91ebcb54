"""The critical path of an execution, and what it would have taken had a step been quicker. Pure.

Times are milliseconds since the execution was accepted, pauses taken out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """One row of an execution. `after`: rows it waited for; `queued`: the end of the last of them.

    `ended` None: it was given up; nothing waited for it.
    """

    queued: int
    started: int
    ended: int | None
    after: Sequence[int]

    @property
    def waited(self) -> int:
        """From being ready to being begun."""
        return max(0, self.started - self.queued)

    @property
    def ran(self) -> int:
        """From being begun to its end."""
        return max(0, (self.ended or self.started) - self.started)


def critical_path(spans: Sequence[Span]) -> list[int]:
    """Rows from the first to the one that ended last, each behind its latest-ending dependency.

    Of all ways through an execution it is the one with the most waiting and running on it.
    """
    done = [i for i, one in enumerate(spans) if one.ended is not None]
    if not done:
        return []
    at = max(done, key=lambda i: (_end(spans, i), i))
    found = [at]
    while True:
        before = [i for i in spans[at].after if spans[i].ended is not None and i not in found]
        if not before:
            return found[::-1]
        at = max(before, key=lambda i: (_end(spans, i), i))
        found.append(at)


def shares(spans: Sequence[Span], duration: int) -> dict[int, float]:
    """Of rows on the critical path: (waiting + running) / duration."""
    if duration <= 0:
        return {}
    return {i: (spans[i].waited + spans[i].ran) / duration for i in critical_path(spans)}


def replayed(
    spans: Sequence[Span],
    duration: int,
    took: Mapping[int, float],
    free: Mapping[int, Sequence[int]] | None = None,
) -> float:
    """The duration had rows taken so long: `took` is waiting and running of those that differ.

    `free`: rows that would have waited for these rows instead of theirs.
    """
    ends: dict[int, float] = {}
    instead = free or {}
    begin = float(min((one.queued for one in spans), default=0))
    for i in ordered(spans, instead):
        one = spans[i]
        if one.ended is None:
            continue
        ready = max((ends[j] for j in instead.get(i, one.after) if j in ends), default=begin)
        ends[i] = ready + took.get(i, one.waited + one.ran)
    last = max((one.ended for one in spans if one.ended is not None), default=0)
    tail = max(0, duration - last)
    return max(ends.values(), default=float(duration - tail)) + tail


def ordered(spans: Sequence[Span], free: Mapping[int, Sequence[int]] | None = None) -> list[int]:
    """Every row behind those that it waits for."""
    instead = free or {}
    found: dict[int, None] = {}
    for first in range(len(spans)):
        pending = [first]
        while pending:
            at = pending[-1]
            after = instead.get(at, spans[at].after)
            missing = next((j for j in after if j not in found and j not in pending), None)
            if missing is not None:
                pending.append(missing)
                continue
            pending.pop()
            found[at] = None
    return list(found)


def _end(spans: Sequence[Span], i: int) -> int:
    ended = spans[i].ended
    assert ended is not None
    return ended
