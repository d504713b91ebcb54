"""What series had over a span of the past, as fine as it is kept: what back-tests look at."""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchestra.monitoring.alerts.judging import Row
from orchestra.monitoring.alerts.ring import Name
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import POINTS_MAX, STEPS_S, Question
from orchestra.monitoring.metrics.functions import Bins, Cell, Sum
from orchestra.monitoring.metrics.series import SPANS, Span, place

LOOKS_MAX: Final = 4_000
WORK_MAX: Final = 1_500_000
"""Slots that are added up, over all looks at a section."""
MARGIN_S: Final = 3_600


class Track(msgspec.Struct):
    """A series over a section, slot by slot."""

    labels: dict[str, str]
    bins: Bins


class Section(msgspec.Struct):
    """A part of a span in which slots are equally long."""

    begin_s: int
    end_s: int
    step_s: int
    first_s: int
    """Where its slots begin: a window before it does."""
    tracks: list[Track]

    def rows(self, end_s: int, window_s: int) -> list[Row]:
        """What each series had in the window that ends then; a slot at least."""
        span_s = max(window_s, self.step_s)
        last = (end_s - self.first_s) // self.step_s
        begin = max(last - -(-span_s // self.step_s), 0)
        share = window_s / span_s
        return [(one.labels, _cell(one.bins, begin, last, share)) for one in self.tracks]


class Tracks:
    """Sections of a span, the oldest first."""

    def __init__(self, answers: Answers, name: Name) -> None:
        self._answers, self._name = answers, name
        self.sections: list[Section] = []

    async def load(self, begin_s: int, end_s: int, window_s: int, now_s: int) -> None:
        """Read all of it. Raises StoreAway, QueryTooWide."""
        about = await self._answers.admission.about(*self._name)
        if about is None:
            return
        series = len(await self._answers.admission.series(*self._name, about))
        spans = SPANS[place(about.kind)]
        for one in _sections(spans, (begin_s, end_s), (window_s, series), now_s):
            step_s = one.step_s
            found: dict[tuple[tuple[str, str], ...], Track] = {}
            for start in range(one.first_s, one.end_s, step_s * POINTS_MAX):
                stop = min(start + step_s * POINTS_MAX, one.end_s)
                asked = Question(self._name[1], start, stop, step_s=step_s)
                shift = (start - one.first_s) // step_s
                for labels, bins in await self._answers.window(self._name[0], asked, whole=False):
                    track = found.setdefault(tuple(sorted(labels.items())), Track(labels, {}))
                    track.bins |= {i + shift: cell for i, cell in bins.items()}
            one.tracks = list(found.values())
            self.sections.append(one)

    def rows(self, end_s: int, window_s: int) -> list[Row]:
        """What each series had in a window of the span."""
        for one in reversed(self.sections):
            if end_s > one.begin_s or one is self.sections[0]:
                return one.rows(end_s, window_s)
        return []


def _sections(
    spans: Sequence[Span], of: tuple[int, int], sized: tuple[int, int], now_s: int
) -> list[Section]:
    """A span, cut where what is older is kept less finely. `sized`: window, and how many series."""
    (begin_s, end_s), (window_s, series) = of, sized
    found: list[Section] = []
    for span in reversed(spans):
        finer = [one for one in spans if one.step_s < span.step_s]
        until = now_s - finer[-1].kept_s + window_s + MARGIN_S if finer else end_s
        first = max(begin_s, now_s - span.kept_s + window_s + MARGIN_S)
        last = min(end_s, until)
        first = found[-1].end_s if found else first
        if last <= first:
            continue
        step_s = _step(span.step_s, last - first, window_s, series)
        start = first - window_s
        found.append(Section(first, last, step_s, start - start % step_s, []))
    return found


def _step(least_s: int, span_s: int, window_s: int, series: int) -> int:
    """The finest that is not too much work."""
    for step_s in STEPS_S:
        looks = span_s // step_s + 1
        work = looks * max(series, 1) * (window_s // step_s + 1)
        if step_s >= least_s and step_s % least_s == 0 and looks <= LOOKS_MAX and work <= WORK_MAX:
            return step_s
    return STEPS_S[-1]


def _cell(bins: Bins, begin: int, end: int, share: float) -> Cell | None:
    made: Cell | None = None
    for i in range(begin, end):
        cell = bins.get(i)
        if cell is not None:
            if made is None:
                made = type(cell)()
            made.merge(cell)  # type: ignore[arg-type]  # of one series all are of one kind
    if isinstance(made, Sum):
        made.n *= share
    return made
