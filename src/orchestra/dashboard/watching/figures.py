"""Figures over time, asked for and made ready to be drawn: what a chart shows, and its numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import anyio
import msgspec
from markupsafe import Markup

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.site import Site
from orchestra.dashboard.watching.charts import TONES, Band, Limit, Line, Plot, plot
from orchestra.dashboard.watching.panels import Ask, Panel
from orchestra.dashboard.watching.ranges import Span, step_words
from orchestra.dashboard.wording import at_ms, count, day, duration, percent, size
from orchestra.errors import OrchestraError

SERIES_MAX: Final = 8
DIGITS: Final = 4
DRAWN: Final = ("values", "earlier")
STATES: Final[Mapping[str, str]] = {
    "completed": "green", "ok": "green", "delivered": "green", "failed": "red", "error": "red",
    "cancelled": "orange", "rolled_back": "magenta", "running": "cyan", "paused": "violet",
    "pending": "slate", "debug": "slate", "info": "blue", "warning": "amber", "critical": "red",
}  # fmt: skip
"""Values of labels that have a colour everywhere."""

Document = dict[str, Any]


class Row(msgspec.Struct, frozen=True):
    """A series in numbers."""

    name: str
    tone: str
    last: str
    lowest: str
    highest: str


class Chart(msgspec.Struct, frozen=True):
    """Everything a template needs of one."""

    key: str
    title: str
    rows: tuple[Row, ...] = ()
    picture: Markup | None = None
    data: Document = msgspec.field(default_factory=dict[str, Any])
    step: str = ""
    from_: str = ""
    to: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""
    empty: str = ""
    explore: str = ""
    alert: str = ""

    @property
    def sketch(self) -> Document:
        """What a script draws it from: no longer than a picture shows."""
        series = [
            {name: _short(value) if name in DRAWN else value for name, value in one.items()
             if value is not None}
            for one in self.data["series"]
        ]  # fmt: skip
        return {**self.data, "series": series}


class Wish(msgspec.Struct, frozen=True):
    """How a panel is shown."""

    span: Span
    before: bool = False
    limits: tuple[Limit, ...] = ()
    bands: tuple[tuple[float, float, str], ...] = ()
    series: int = SERIES_MAX


async def charts(
    site: Site, asker: Viewer, panels: Sequence[Panel], wish: Wish
) -> dict[str, Chart]:
    """Those of some panels, asked for together, by key."""
    found: dict[str, Chart] = {}

    async def one(panel: Panel) -> None:
        found[panel.key] = await chart(site, asker, panel, wish)

    async with anyio.create_task_group() as group:
        for panel in panels:
            group.start_soon(one, panel)
    return found


def _short(values: Sequence[float | None]) -> list[float | None]:
    """Values in so many digits as can be seen: exact ones are in the file."""
    rounded = [None if value is None else float(f"{value:.{DIGITS}g}") for value in values]
    return [int(one) if one is not None and one.is_integer() else one for one in rounded]


def begin_ms(found: Iterable[Chart]) -> int | None:
    """When the first thing is known of all that some charts show; None when nothing is."""
    firsts = [
        one.data["from"] + next(at for at, v in enumerate(series["values"]) if v is not None)
        * one.data["step"]
        for one in found for series in one.data.get("series", ())
        if any(value is not None for value in series["values"])
    ]  # fmt: skip
    return int(min(firsts)) if firsts else None


async def chart(site: Site, asker: Viewer, panel: Panel, wish: Wish) -> Chart:
    """That of one panel. What cannot be had is told in its place."""
    answers: list[tuple[Ask, Document]] = []
    for ask in panel.asks:
        query = asked(ask, wish.span) | {"limit": wish.series}
        if wish.before:
            query["offset"] = wish.span.before
        try:
            answers.append((ask, await site.api.get(asker, "/api/metrics/query", query)))
        except OrchestraError as error:
            if error.code != "metric_unknown":
                return _bare(panel, wish.span, error.detail)
    return shaped(panel, answers, wish) if answers else _bare(panel, wish.span, "")


def asked(ask: Ask, span: Span) -> Document:
    """A question, as the interface reads it."""
    return {
        "metric": ask.metric, "agg": ask.agg, "by": ",".join(ask.by) or ",",
        "where": list(ask.where), "of": list(ask.of), **span.asked,
    }  # fmt: skip


def shaped(panel: Panel, answers: Sequence[tuple[Ask, Document]], wish: Wish) -> Chart:
    """Answers as one chart. Pure."""
    lines = [line for ask, answer in answers for line in _lines(ask, answer, panel)]
    lines = [_coloured(line, n, wish) for n, line in enumerate(lines)]
    first = answers[0][1]
    if not lines or not any(v is not None for line in lines for v in line.values):
        return _bare(panel, wish.span, "")
    explore, alert = _links(panel, wish.span)
    from_ms, step_ms = at_ms(first["from"]), first["step_s"] * 1_000
    told = teller(panel.unit)
    rows = tuple(_row(line, told) for line in lines)
    said = "; ".join(
        f"{row.name}: last {row.last}, lowest {row.lowest}, highest {row.highest}" for row in rows
    )
    label = f"{panel.title}, {day(first['from'])[:16]} to {day(first['to'])[:16]} UTC. {said}"
    bands = [
        Band((begin - from_ms) / step_ms, (end - from_ms) / step_ms, tone)
        for begin, end, tone in wish.bands
    ]
    return Chart(
        panel.key, panel.title, rows,
        plot(Plot(lines, label, panel.bars, wish.limits, bands)),
        {
            "from": from_ms, "step": step_ms, "unit": panel.unit, "bars": panel.bars,
            "series": [msgspec.structs.asdict(line) for line in lines],
            "limits": [msgspec.structs.asdict(limit) for limit in wish.limits],
            "bands": [list(band) for band in wish.bands],
        },
        step_words(first["step_s"]), first["from"], first["to"],
        notes_of([answer for _, answer in answers]), explore=explore, alert=alert,
    )  # fmt: skip


def _bare(panel: Panel, span: Span, problem: str) -> Chart:
    empty = "" if problem else panel.empty
    explore, alert = _links(panel, span)
    return Chart(panel.key, panel.title, problem=problem, empty=empty, explore=explore, alert=alert)


def _links(panel: Panel, span: Span) -> tuple[str, str]:
    ask = panel.asks[-1] if panel.unit == "seconds" else panel.asks[0]
    kept = {"metric": ask.metric, "agg": ask.agg, "by": ",".join(ask.by)}
    more = [("where", one) for one in ask.where] + [("of", one) for one in ask.of]
    pairs = [pair for pair in kept.items() if pair[1]] + more
    explore = f"/monitoring?{urlencode([*pairs, *span.query.items()])}"
    return explore, f"/alerts/rules/new?{urlencode(pairs)}"


def _lines(ask: Ask, answer: Document, panel: Panel) -> list[Line]:
    found = [
        Line(_name(ask, series["labels"], panel), _tone(series["labels"]), series["values"],
             series.get("earlier"))
        for series in answer["series"]
    ]  # fmt: skip
    others = answer.get("others")
    if others:
        found.append(Line("others", "slate", others["values"], others.get("earlier")))
    return found


def _name(ask: Ask, labels: Mapping[str, str], panel: Panel) -> str:
    said = ", ".join(str(value) or "–" for value in labels.values())
    return " ".join(part for part in (ask.name, said) if part) or panel.title


def _tone(labels: Mapping[str, str]) -> str:
    values = list(labels.values())
    return STATES.get(values[0], "") if len(values) == 1 else ""


def _coloured(line: Line, n: int, wish: Wish) -> Line:
    tone = line.tone or TONES[n % len(TONES)]
    earlier = line.earlier if wish.before else None
    return msgspec.structs.replace(line, tone=tone, earlier=earlier)


def _row(line: Line, told: Callable[[float | None], str]) -> Row:
    known = [value for value in line.values if value is not None]
    return Row(
        line.name, line.tone, told(known[-1] if known else None),
        told(min(known, default=None)), told(max(known, default=None)),
    )  # fmt: skip


def teller(unit: str | None) -> Callable[[float | None], str]:
    """What puts a figure of this unit into words."""

    def seconds(value: float | None) -> str:
        return duration(None if value is None else value * 1_000)

    def money(value: float | None) -> str:
        return "–" if value is None else f"${value:,.4f}" if value < 1 else f"${value:,.2f}"

    known = {"seconds": seconds, "bytes": size, "ratio": percent, "usd": money}
    return known.get(unit or "", count)


def notes_of(answers: Sequence[Document]) -> tuple[str, ...]:
    """What is to be known of how the answers were made."""
    found: dict[str, None] = {}
    for answer in answers:
        if answer.get("error_max"):
            found[f"percentiles are at most {percent(answer['error_max'])} off"] = None
        bounded: Document = answer.get("bounded") or {}
        if "series" in bounded:
            found[f"{bounded['shown']} of {bounded['series']} series; the rest is others"] = None
    return tuple(found)
