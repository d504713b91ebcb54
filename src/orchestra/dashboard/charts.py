"""Small pictures as SVG, made here: sparklines, bars, Gantt charts. Pure.

Besides `graph.py` the only maker of `Markup` there is: every text is escaped, nothing has a style.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

import msgspec
from markupsafe import Markup

from orchestra.dashboard.wording import duration, tone

SPARK_WIDTH: Final = 120
SPARK_HEIGHT: Final = 28
ROW: Final = 30
LABEL_WIDTH: Final = 190
WIDTH: Final = 960
GAP_SHARE: Final = 0.6
BROKEN_SHARE: Final = 0.08


def spark(values: Sequence[float | None], label: str) -> Markup:
    """A line of values, the last one at the right. Its label is for those who do not see it."""
    known = [value for value in values if value is not None]
    top = max(known, default=0) or 1
    step = SPARK_WIDTH / max(1, len(values) - 1)
    points: list[str] = []
    xs: list[float] = []
    for i, value in enumerate(values):
        if value is not None:
            y = SPARK_HEIGHT - 2 - (SPARK_HEIGHT - 4) * value / top
            xs.append(i * step)
            points.append(f"{i * step:.1f},{y:.1f}")
    line = " ".join(points)
    area = f"{xs[0]:.1f},{SPARK_HEIGHT} {line} {xs[-1]:.1f},{SPARK_HEIGHT}" if xs else ""
    return Markup(  # noqa: S704  # the only text is escaped
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" role="img"'
        f' preserveAspectRatio="none" aria-label="{escape(label)}">'
        f'<polygon points="{area}"/><polyline points="{line}"/></svg>'
    )


def bars(parts: Sequence[tuple[str, float]], label: str) -> Markup:
    """One bar of parts, each in the colour of its state."""
    total = sum(n for _, n in parts) or 1
    x, found = 0.0, list[str]()
    for state, n in parts:
        width = 100 * n / total
        if n:
            found.append(
                f'<rect data-tone="{escape(tone(state))}" x="{x:.2f}" width="{width:.2f}"'
                ' height="8"/>'
            )
        x += width
    return Markup(  # noqa: S704  # texts are escaped
        '<svg class="bars" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}">{"".join(found)}</svg>'
    )


class Columns(msgspec.Struct, frozen=True):
    """A chart of columns: a value for each place, and what to call the places."""

    values: Sequence[float | None]
    first: str
    last: str
    label: str
    colour: str = "cyan"


def columns(chart: Columns) -> Markup:
    """Columns of one series: what stands where no script draws a better one."""
    values = chart.values
    top = max((value for value in values if value is not None), default=0) or 1
    step = WIDTH / max(1, len(values))
    found: list[str] = []
    for i, value in enumerate(values):
        if value:
            height = max(1.5, 110 * value / top)
            found.append(
                f'<rect x="{i * step:.1f}" y="{120 - height:.1f}" width="{max(1, step - 1.5):.1f}"'
                f' height="{height:.1f}" rx="1"/>'
            )
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="columns" data-tone="{escape(chart.colour)}" viewBox="0 0 {WIDTH} 121"'
        f' preserveAspectRatio="none" role="img" aria-label="{escape(chart.label)}">'
        f'<path class="axis" d="M0 120.5H{WIDTH}"/>{"".join(found)}</svg>'
        f'<p class="ends"><span>{escape(chart.first)}</span><span>{escape(chart.last)}</span></p>'
    )


class Bar(msgspec.Struct, frozen=True):
    """One attempt of a step: from when to when, in ms since 1970, and how it is."""

    start_ms: float
    end_ms: float
    state: str


class Row(msgspec.Struct, frozen=True):
    """A step in the Gantt chart."""

    path: str
    label: str
    depth: int
    state: str
    bars: tuple[Bar, ...]


class _Scale:
    """Milliseconds to pixels. A long gap in which nothing ran is made short, and marked."""

    def __init__(self, rows: Sequence[Row], end_ms: float) -> None:
        spans = sorted((bar.start_ms, bar.end_ms) for row in rows for bar in row.bars)
        self.begin = min((start for start, _ in spans), default=end_ms)
        self.end = max(max((end for _, end in spans), default=end_ms), self.begin + 1)
        self.gap: tuple[float, float] | None = None
        reached = self.begin
        for start, end in spans:
            if start - reached > GAP_SHARE * (self.end - self.begin):
                self.gap = (reached, start)
            reached = max(reached, end)

    def x(self, ms: float) -> float:
        """Where an instant stands."""
        room = WIDTH - LABEL_WIDTH - 70
        if self.gap is None:
            return LABEL_WIDTH + room * (ms - self.begin) / (self.end - self.begin)
        low, high = self.gap
        busy = self.end - self.begin - (high - low)
        rest = room * (1 - BROKEN_SHARE)
        if ms <= low:
            return LABEL_WIDTH + rest * (ms - self.begin) / max(busy, 1)
        shift = LABEL_WIDTH + rest * (low - self.begin) / max(busy, 1)
        inside = min(1, (ms - low) / (high - low)) * room * BROKEN_SHARE
        return shift + inside + rest * max(0, ms - high) / max(busy, 1)


def gantt(rows: Sequence[Row], now_ms: float) -> Markup:
    """One row a step, one bar an attempt."""
    scale = _Scale(rows, now_ms)
    height = 28 + ROW * len(rows)
    parts = [_ticks(scale, height)]
    for i, row in enumerate(rows):
        y = 28 + i * ROW
        parts.append(_row(row, scale, y))
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="gantt" viewBox="0 0 {WIDTH} {height}" role="group"'
        f' aria-label="Timeline of {len(rows)} steps">{"".join(parts)}</svg>'
    )


def _row(row: Row, scale: _Scale, y: float) -> str:
    parts: list[str] = []
    end = 0.0
    for bar in row.bars:
        x, till = scale.x(bar.start_ms), scale.x(bar.end_ms)
        end = max(end, till)
        parts.append(
            f'<rect class="bar" data-tone="{escape(tone(bar.state))}" x="{x:.1f}" y="{y + 7:.0f}"'
            f' width="{max(3, till - x):.1f}" height="16" rx="4"/>'
        )
    took = sum(bar.end_ms - bar.start_ms for bar in row.bars)
    if row.bars:
        parts.append(
            f'<text class="took" x="{end + 8:.1f}" y="{y + 19:.0f}">{duration(took)}</text>'
        )
    indent = min(row.depth, 6) * 12
    label = row.label if len(row.label) <= 24 else f"{row.label[:23]}…"
    return (
        f'<g class="row"><path class="line" d="M0 {y + ROW - 0.5:.1f}H{WIDTH}"/>'
        f'<text class="name" x="{indent}" y="{y + 19:.0f}">{escape(label)}</text>'
        f"{''.join(parts)}</g>"
    )


def _ticks(scale: _Scale, height: float) -> str:
    found: list[str] = []
    span = scale.end - scale.begin
    places = range(5) if scale.gap is None else (0, 4)
    for i in places:
        ms = scale.begin + span * i / 4
        x = scale.x(ms)
        found.append(
            f'<path class="tick" d="M{x:.1f} 22V{height}"/>'
            f'<text class="axis" x="{x:.1f}" y="14" text-anchor="middle">'
            f"{'0' if i == 0 else duration(span * i / 4)}</text>"
        )
    if scale.gap is not None:
        x = scale.x(sum(scale.gap) / 2)
        told = duration(scale.gap[1] - scale.gap[0])
        found.append(
            f'<path class="gap" d="M{x - 4:.1f} 22V{height}M{x + 4:.1f} 22V{height}"/>'
            f'<text class="axis" x="{x:.1f}" y="14" text-anchor="middle">{told} of nothing</text>'
        )
    return "".join(found)
