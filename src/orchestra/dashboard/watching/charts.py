"""Series over time as SVG, made here: what stands where no script draws a better one. Pure.

As in `dashboard/charts.py` every text is escaped and nothing has a style; a colour is a tone, a
dash is the number of its series.
"""

import itertools
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import msgspec
from markupsafe import Markup

WIDTH: Final = 960
HEIGHT: Final = 200
TONES: Final = ("cyan", "magenta", "green", "amber", "violet", "blue", "orange", "slate")


class Line(msgspec.Struct, frozen=True):
    """A series: a value for each step, None where nothing is known."""

    name: str
    tone: str
    values: Sequence[float | None]
    earlier: Sequence[float | None] | None = None


class Limit(msgspec.Struct, frozen=True):
    """A value that is drawn across."""

    value: float
    name: str
    tone: str


class Band(msgspec.Struct, frozen=True):
    """A span that is marked, in steps from the begin."""

    begin: float
    end: float
    tone: str


class Plot(msgspec.Struct, frozen=True):
    """What is drawn. `bars` stand on each other, lines do not."""

    lines: Sequence[Line]
    label: str
    bars: bool = False
    limits: Sequence[Limit] = ()
    bands: Sequence[Band] = ()


def plot(chart: Plot) -> Markup:
    """All series on one ground."""
    rows = [line.values for line in chart.lines]
    known = [value for row in (stacked(rows) if chart.bars else rows) for value in row if value]
    known += [limit.value for limit in chart.limits]
    top = max([value for value in known if value is not None], default=0) or 1
    low = min([value for value in known if value is not None and value < 0], default=0)
    count = max((len(row) for row in rows), default=1)
    step = WIDTH / max(1, count)

    def y(value: float) -> float:
        return HEIGHT - 2 - (HEIGHT - 8) * (value - low) / (top - low)

    parts = [_band(one, step) for one in chart.bands]
    if chart.bars:
        parts += _bars(chart.lines, step, y(0), (HEIGHT - 8) / (top - low))
    else:
        for n, line in enumerate(chart.lines):
            parts += _runs(line, n, step, y)
    for limit in chart.limits:
        at = f"{y(limit.value):.1f}"
        parts.append(f'<path class="limit" data-tone="{escape(limit.tone)}" d="M0 {at}H{WIDTH}"/>')
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="series" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(chart.label)}"><path class="axis" d="M0 {HEIGHT - 1}H{WIDTH}"/>'
        f"{''.join(parts)}</svg>"
    )


def stacked(rows: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    """The sum at each place; where no series has a value there is none."""
    return [
        [
            sum(known) if (known := [value for value in place if value is not None]) else None
            for place in zip(*rows, strict=False)
        ]
    ]


def _band(band: Band, step: float) -> str:
    x, end = max(0.0, band.begin * step), min(float(WIDTH), band.end * step)
    width = max(2.0, end - x)
    return (
        f'<rect class="band" data-tone="{escape(band.tone)}" x="{x:.1f}" y="0"'
        f' width="{width:.1f}" height="{HEIGHT}"/>'
    )


def _bars(lines: Sequence[Line], step: float, ground: float, scale: float) -> list[str]:
    """The columns of a series are one path: a rectangle each would be most of the page."""
    found: list[str] = []
    tops: dict[int, float] = {}
    width = max(1, round(step - 1.5))
    for line in lines:
        path: list[str] = []
        for i, value in enumerate(line.values):
            if not value or value < 0:
                continue
            height = max(1.0, value * scale)
            top = tops.get(i, ground) - height
            tops[i] = top
            path.append(f"M{i * step:.0f} {top:.0f}h{width}v{height:.0f}h-{width}z")
        if path:
            tone = escape(line.tone)
            found.append(f'<path class="bar" data-tone="{tone}" d="{"".join(path)}"/>')
    return found


def _runs(line: Line, n: int, step: float, y: Callable[[float], float]) -> list[str]:
    """Points joined over steps that are beside each other, and no others."""
    found: list[str] = []
    run: list[tuple[int, int]] = []
    for i, value in enumerate([*line.values, None]):
        if value is not None:
            run.append((round((i + 0.5) * step), round(y(value))))
            continue
        if run:
            kind = "point" if len(run) == 1 else "run"
            found.append(
                f'<path class="{kind}" data-tone="{escape(line.tone)}" data-n="{n % 8}"'
                f' d="{_joined(run)}"/>'
            )
        run = []
    return found


def _joined(run: Sequence[tuple[int, int]]) -> str:
    """From each point to the next: what does not change is the same text, and packs well."""
    (x, y), *_ = run
    if len(run) == 1:
        return f"M{x} {y}h1"
    steps = [f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in itertools.pairwise(run)]
    return f"M{x} {y}l{' '.join(steps)}"


class Bucket(msgspec.Struct, frozen=True):
    """A column that leads to its span: amounts by tone, from the ground up."""

    parts: Sequence[tuple[str, int]]
    href: str
    told: str


def histogram(buckets: Sequence[Bucket], label: str) -> Markup:
    """Columns over time, each a link. They are no tab stops: there are fields for the same."""
    top = max((sum(n for _, n in one.parts) for one in buckets), default=0) or 1
    step = WIDTH / max(1, len(buckets))
    found: list[str] = []
    for i, bucket in enumerate(buckets):
        x, y = i * step, 80.0
        rects = [f'<rect class="hit" x="{x:.1f}" y="0" width="{step:.1f}" height="80"/>']
        for tone, n in bucket.parts:
            if n:
                height = max(1.5, 78 * n / top)
                y -= height
                rects.append(
                    f'<rect data-tone="{escape(tone)}" x="{x + 0.5:.1f}" y="{y:.1f}"'
                    f' width="{max(1, step - 2):.1f}" height="{height:.1f}"/>'
                )
        found.append(
            f'<a href="{escape(bucket.href)}" tabindex="-1"><title>{escape(bucket.told)}</title>'
            f"{''.join(rects)}</a>"
        )
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="histogram" viewBox="0 0 {WIDTH} 81" preserveAspectRatio="none" role="group"'
        f' aria-label="{escape(label)}"><path class="axis" d="M0 80.5H{WIDTH}"/>'
        f"{''.join(found)}</svg>"
    )


def strip(shares: Sequence[float | None], label: str) -> Markup:
    """One cell a day: how much of it all was well; empty where nobody watched."""
    width = WIDTH / max(1, len(shares))
    found: list[str] = []
    for i, share in enumerate(shares):
        tone = "none"
        if share is not None:
            tone = "green" if share >= 0.999 else "amber" if share >= 0.95 else "red"
        found.append(
            f'<rect data-tone="{tone}" x="{i * width:.1f}" y="0" width="{width - 2:.1f}"'
            ' height="24" rx="2"/>'
        )
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="strip" viewBox="0 0 {WIDTH} 24" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}">{"".join(found)}</svg>'
    )
