"""A Gantt chart as SVG: a row a step, a bar an attempt. Pure; every text is escaped.

Queued is thin, running solid, waiting hatched. A gap of more than 60 % of the width in which
nothing ran is made short and marked, so that a retry a day later does not flatten the rest.
"""

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import msgspec
from markupsafe import Markup

from orchestra.dashboard.wording import duration, icon, tone, visible, words

ROW: Final = 32
HEAD: Final = 30
LABEL_WIDTH: Final = 190
WIDTH: Final = 900
TAIL: Final = 78
GAP_SHARE: Final = 0.6
BROKEN_SHARE: Final = 0.07
GROWING_SHARE: Final = 0.08
"""Room at the right while something runs: its bar grows into it."""
LABEL_MAX: Final = 22
NOTHING: Final = Markup()
_LINK: Final = re.compile(r'(<a class="[gn]") href="[^"]*"')


class Bar(msgspec.Struct, frozen=True):
    """A part of an attempt, in ms. `growing`: it has not ended; `told`: what it is, in words."""

    start_ms: float
    end_ms: float
    state: str
    kind: str = "running"
    growing: bool = False
    told: str = ""


class Row(msgspec.Struct, frozen=True):
    """A step. `href` chooses it."""

    path: str
    state: str
    bars: tuple[Bar, ...]
    href: str = ""
    critical: bool = False
    chosen: bool = False


class Scale:
    """Milliseconds to pixels."""

    def __init__(self, rows: Sequence[Row], end_ms: float) -> None:
        spans = sorted((bar.start_ms, bar.end_ms) for row in rows for bar in row.bars)
        growing = any(bar.growing for row in rows for bar in row.bars)
        self.begin = min((start for start, _ in spans), default=end_ms)
        last = max((end for _, end in spans), default=end_ms)
        self.end = max(last if not growing else max(last, end_ms), self.begin + 1)
        self.gap: tuple[float, float] | None = None
        reached = self.begin
        for start, end in spans:
            if start - reached > GAP_SHARE * (self.end - self.begin):
                self.gap = (reached, start)
            reached = max(reached, end)
        room = WIDTH - LABEL_WIDTH - TAIL
        self.room = room * (1 - GROWING_SHARE) if growing else room

    @property
    def px_per_ms(self) -> float:
        """How quickly what runs grows."""
        low, high = self.gap or (0, 0)
        share = 1 - BROKEN_SHARE if self.gap else 1
        return self.room * share / max(1, self.end - self.begin - (high - low))

    def x(self, ms: float) -> float:
        """Where an instant stands."""
        if self.gap is None or ms <= self.gap[0]:
            return LABEL_WIDTH + self.px_per_ms * (ms - self.begin)
        low, high = self.gap
        at_gap = LABEL_WIDTH + self.px_per_ms * (low - self.begin)
        inside = min(1.0, (ms - low) / (high - low)) * self.room * BROKEN_SHARE
        return at_gap + inside + self.px_per_ms * max(0, ms - high)


def gantt(rows: Sequence[Row], now_ms: float, label: str = "Timeline") -> Markup:
    """The chart. `now_ms`: up to where what runs has come."""
    scale = Scale(rows, now_ms)
    height = HEAD + ROW * len(rows) + 4
    body = "".join(_row(row, scale, HEAD + i * ROW) for i, row in enumerate(rows))
    limit = WIDTH - TAIL
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="gantt" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="group" aria-label="{escape(label)}, {len(rows)} steps"'
        f' data-px="{scale.px_per_ms:.6f}" data-limit="{limit}">'
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>'
        f"{_ticks(scale, height)}{body}</svg>"
    )


def still(drawn: Markup) -> Markup:
    """A drawing whose steps lead nowhere: for a file that stands alone."""
    return Markup(_LINK.sub(r"\1", str(drawn)))  # noqa: S704  # nothing is added


def _row(row: Row, scale: Scale, y: float) -> str:
    end = max((scale.x(bar.end_ms) for bar in row.bars), default=LABEL_WIDTH)
    worked = sum(bar.end_ms - bar.start_ms for bar in row.bars if bar.kind == "running")
    waited = sum(bar.end_ms - bar.start_ms for bar in row.bars if bar.kind != "running")
    grows = any(bar.growing for bar in row.bars)  # into where its figure would stand
    told = duration(worked or waited) if row.bars and not grows else ""
    name, depth = visible(row.path.rpartition("/")[2]), min(row.path.count("/"), 6)
    name = name if len(name) <= LABEL_MAX - depth else f"{name[: LABEL_MAX - depth - 1]}…"
    parts = [_bar(bar, scale, y) for bar in row.bars]
    if row.critical and row.bars:
        x = scale.x(min(bar.start_ms for bar in row.bars))
        parts.append(
            f'<rect class="crit" x="{x - 2:.1f}" y="{y + 5:.0f}"'
            f' width="{max(4, end - x) + 4:.1f}" height="22" rx="6"/>'
        )
    current = ' aria-current="true"' if row.chosen else ""
    return (
        f'<a class="g" href="{escape(row.href)}" data-step="{escape(row.path)}"{current}'
        f' aria-label="{escape(name)} {told}, {escape(words(row.state))}">'
        f'<rect class="hit" y="{y:.0f}" width="{WIDTH}" height="{ROW}"/>'
        f'<g data-tone="{escape(tone(row.state))}"><use href="#i-{icon(row.state)}"'
        f' x="{6 + depth * 12}" y="{y + 10:.0f}" width="12" height="12"/></g>'
        f'<text class="name" x="{24 + depth * 12}" y="{y + 20:.0f}">{escape(name)}</text>'
        f"{''.join(parts)}"
        f'<text class="took" x="{end + 8:.1f}" y="{y + 20:.0f}">{told}</text></a>'
    )


def _bar(bar: Bar, scale: Scale, y: float) -> str:
    x, till = scale.x(bar.start_ms), scale.x(bar.end_ms)
    thin = bar.kind == "queued"
    top, tall = (y + 14, 4) if thin else (y + 8, 16)
    fill = ' fill="url(#hatch)"' if bar.kind == "waiting" else ""
    growing = f' data-grows="{x:.1f}"' if bar.growing and not thin else ""
    return (
        f'<rect class="bar {escape(bar.kind)}" data-tone="{escape(tone(bar.state))}"'
        f' x="{x:.1f}" y="{top:.0f}" width="{max(1.5 if thin else 3, till - x):.1f}"'
        f' height="{tall}" rx="{2 if thin else 4}"{fill}{growing}>'
        f"<title>{escape(bar.told)}</title></rect>"
    )


def _ticks(scale: Scale, height: float) -> str:
    span = scale.end - scale.begin
    found: list[str] = []
    mark: Callable[[float], float] = scale.x
    places = range(5) if scale.gap is None else (0, 4)
    for i in places:
        x = mark(scale.begin + span * i / 4)
        found.append(
            f'<path class="tick" d="M{x:.1f} 22V{height}"/>'
            f'<text class="axis" x="{x:.1f}" y="14" text-anchor="middle">'
            f"{'0' if i == 0 else duration(span * i / 4)}</text>"
        )
    if scale.gap is not None:
        low, high = scale.gap
        x = mark((low + high) / 2)
        found.append(
            f'<path class="gap" d="M{x - 4:.1f} 22V{height}M{x + 4:.1f} 22V{height}"/>'
            f'<text class="axis" x="{x:.1f}" y="14" text-anchor="middle">'
            f"{duration(high - low)} of nothing</text>"
        )
    return "".join(found)
