"""Small pictures as SVG, made here: sparklines, bars, columns. Pure.

Besides `graph.py` and `gantt.py` the only maker of `Markup`: every text is escaped, nothing has a
style.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import msgspec
from markupsafe import Markup

from orchestra.dashboard.wording import tone

SPARK_WIDTH: Final = 120
SPARK_HEIGHT: Final = 28
WIDTH: Final = 960


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


def heat(ended: Sequence[int], failed: Sequence[int], top: int, label: str) -> Markup:
    """A cell for each hour: brighter with more, and red from below for the share that failed."""
    found = list[str]()
    for i, (n, bad) in enumerate(zip(ended, failed, strict=True)):
        if not n:
            continue
        level = 1 + min(4, int(4 * math.log1p(n) / math.log1p(max(top, 1))))
        told = f"{n:,} ended, {bad:,} failed"
        found.append(f'<rect class="h{level}" x="{i * 10}" width="9" height="20"/>')
        if bad:
            high = max(4.0, 20 * bad / n)
            at = f'x="{i * 10}" y="{20 - high:.1f}"'
            found.append(f'<rect class="bad" {at} width="9" height="{high:.1f}"/>')
        found.append(
            f'<rect class="hit" x="{i * 10}" width="9" height="20"><title>{told}</title></rect>'
        )
    return Markup(  # noqa: S704  # texts are escaped
        f'<svg class="heat" viewBox="0 0 {10 * len(ended) - 1} 20" preserveAspectRatio="none"'
        f' role="img" aria-label="{escape(label)}">{"".join(found)}</svg>'
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
