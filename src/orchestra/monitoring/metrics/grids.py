"""Which slots a question is answered from: as few and as fine as what is kept allows."""

from collections.abc import Sequence
from typing import Any

from orchestra.instants import instant
from orchestra.monitoring.metrics.asking import POINTS_MAX, STEPS_S, Question
from orchestra.monitoring.metrics.series import Span
from orchestra.monitoring.metrics.shelf import Grid


def grid_of(asked: Question, spans: Sequence[Span], now_s: int) -> tuple[Grid, dict[str, Any]]:
    """The slots to read: the finest that are kept and give no more than 400 points."""
    clipped: dict[str, Any] = {}
    kept_s = spans[-1].kept_s
    to_s = max(asked.to_s, now_s - kept_s + 1)
    from_s = max(asked.from_s, now_s - kept_s)
    if from_s > asked.from_s:
        clipped["kept_from"] = instant(from_s * 1_000)
    usable = [span for span in spans if from_s >= now_s - span.kept_s] or [spans[-1]]
    least_s = max(usable[0].step_s, -(-(to_s - from_s) // POINTS_MAX))
    step_s = asked.step_s or next((one for one in STEPS_S if one >= least_s), STEPS_S[-1])
    if step_s < least_s or step_s % usable[0].step_s:
        grown = [one for one in STEPS_S if one >= max(step_s, least_s)]
        step_s = next((one for one in grown if one % usable[0].step_s == 0), STEPS_S[-1])
        if asked.step_s:
            clipped["step_s"] = step_s
    span = [one for one in usable if step_s % one.step_s == 0][-1]
    if to_s == now_s:
        to_s += 1  # up to now is with the slot that has just begun
    from_s -= from_s % step_s
    return Grid(span, from_s, to_s, step_s), clipped


def pieces(asked: Question, spans: Sequence[Span], now_s: int) -> list[Grid]:
    """A range as one bin, read from as few slots as give it: whole hours, and the rest finer."""
    begin, end = max(asked.from_s, now_s - spans[-1].kept_s), asked.to_s
    hour = spans[-1].step_s
    first, last = -(-begin // hour) * hour, end // hour * hour
    if end - begin <= 2 * hour or first >= last:
        return [_piece(begin, end, spans, now_s)]
    found = [_piece(first, last, spans[-1:], now_s)]
    if begin < first:
        found.append(_piece(begin, first, spans, now_s))
    if last < end:
        found.append(_piece(last, end, spans, now_s))
    return found


def _piece(begin: int, end: int, spans: Sequence[Span], now_s: int) -> Grid:
    span = next((one for one in spans if begin >= now_s - one.kept_s), spans[-1])
    begin -= begin % span.step_s
    return Grid(span, begin, end, max(end - begin, 1))


def so_far(grid: Grid, i: int, now_s: int) -> float:
    """How long a bin is; the last ones have only begun."""
    begin = grid.from_s + i * grid.step_s
    return float(max(1, min(grid.step_s, now_s - begin, grid.to_s - begin)))


def incomplete_from(grid: Grid, now_s: int) -> str | None:
    if grid.to_s < now_s - grid.step_s:
        return None
    last = grid.from_s + (grid.bins - 1) * grid.step_s
    return instant(last * 1_000)
