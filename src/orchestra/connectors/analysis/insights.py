"""What a person would say about a table after a minute with it: at most a dozen sentences."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from orchestra.connectors.analysis.cells import Cell
from orchestra.connectors.analysis.columns import Column, ColumnSummary
from orchestra.connectors.analysis.problems import problems, tells
from orchestra.connectors.analysis.relations import Correlation, Trend

INSIGHTS_MAX = 12
_WORDS_MAX = 60  # characters of a value that is quoted
_DAY_S = 86_400
_MONEY = re.compile(
    r"amount|total|price|cost|revenue|spen[dt]|paid|payment|value|sum|fee", re.IGNORECASE
)
_OFTEN_EMPTY = re.compile(r"issue|problem|note|comment", re.IGNORECASE)
_IDENTIFIER = re.compile(
    r"(?:^|[_. ])(?:id|ids|uuid|key|no|nr|number|order|invoice|ticket|ref|reference|zip|postcode"
    r"|phone|year)$|_id$|Id$",
    re.IGNORECASE,
)
_THINGS = ("order", "ticket", "invoice", "call", "visit", "payment", "event", "message")


class Findings(msgspec.Struct, frozen=True):
    """Everything worked out about a table, to be put into words."""

    rows: int
    columns: Sequence[Column]
    summaries: Sequence[ColumnSummary]
    trends: Sequence[Trend]
    correlations: Sequence[Correlation]
    duplicate_rows: int
    columns_left_out: int
    sampled: bool


def insights(findings: Findings) -> list[str]:
    """The most useful sentences first. Values of the data are quoted shortened."""
    if not findings.rows:
        return ["There are no rows."]
    told = [
        _size(findings),
        *_troubles(findings),
        *_latest(findings),
        *_figures(findings),
        *_changes(findings),
        *_unusual(findings),
        *_commonest(findings),
        *_gaps(findings),
        *_relations(findings),
    ]
    return told[:INSIGHTS_MAX]


def _size(findings: Findings) -> str:
    thing = next(
        (thing for thing in _THINGS for column in findings.columns if thing in column.name.lower()),
        "row",
    )
    sentence = _counted(findings.rows, thing)
    dated = _dated(findings)
    if dated is None:
        return f"{sentence}."
    moments = sorted(at for at in dated.moments if at is not None)
    summary = next(one for one in findings.summaries if one.name == dated.name)
    if summary.min == summary.max:
        return f"{sentence}, {'all ' if findings.rows > 1 else ''}of {_quoted(summary.min)}."
    days = (moments[-1] - moments[0]) / _DAY_S / (len(moments) - 1)
    pace = f", one about every {_counted(round(days), 'day')}" if days >= 1 else ""
    if findings.sampled:
        pace = ""
    return f"{sentence} from {_quoted(summary.min)} to {_quoted(summary.max)}{pace}."


def _troubles(findings: Findings) -> Iterator[str]:
    """How many rows tell of a problem, which come back, and whether the latest do."""
    found = problems(findings.columns)
    if not found:
        return
    looked_at = len(findings.columns[0].cells)
    kinds = Counter(problem.kind for problem in found)
    listed = ", ".join(f"{_quoted(kind)} ({count})" for kind, count in kinds.most_common(4))
    yield f"{len(found)} of {looked_at} tell of a problem: {listed}."
    kind, count = kinds.most_common(1)[0]
    if 2 <= count < len(found) or (count >= 2 and len(kinds) == 1):
        yield f"Repeated problem: {_quoted(kind)}, {count} times."
    order = _in_time(findings)
    troubled = {problem.at for problem in found}
    run = next((n for n, at in enumerate(reversed(order)) if at not in troubled), len(order))
    if run >= 2:
        yield f"The last {run} in a row had a problem."
    elif run == 0 and len(order) - len(troubled) >= 2:
        yield "The latest one had no problem."


def _latest(findings: Findings) -> Iterator[str]:
    dated = _dated(findings)
    if dated is None:
        return
    last = _in_time(findings)[-1]
    facts = [
        f"{column.name} {_quoted(column.cells[last])}"
        for column in findings.columns
        if column.cells[last] is not None and column.name != dated.name
    ]
    yield f"Latest: {_quoted(dated.cells[last])}{''.join(f', {fact}' for fact in facts[:4])}."


def _figures(findings: Findings) -> Iterator[str]:
    for one in _measures(findings)[:4]:
        spread = f"from {_figure(one.min)} to {_figure(one.max)}, {_figure(one.mean)} on average"
        if one.count < 2 or one.min == one.max:
            yield f"{one.name}: {_figure(one.min)}{' throughout' if one.count > 1 else ''}."
        elif _MONEY.search(one.name) and one.mean is not None and not findings.sampled:
            yield f"{one.name}: {_figure(round(one.mean * one.count, 2))} in all, {spread}."
        else:
            yield f"{one.name}: {spread}, half of them up to {_figure(one.median)}."


def _changes(findings: Findings) -> Iterator[str]:
    measured = {one.name for one in _measures(findings)}
    for trend in [trend for trend in findings.trends if trend.column in measured][:3]:
        change = ""
        if trend.change_percent is not None and abs(trend.change_percent) < 10_000:
            change = f" ({trend.change_percent:+.0f} %)"
        along = "over time" if trend.by != "row" else "from the first rows to the last"
        yield (
            f"{trend.column} is {trend.direction} {along}: "
            f"{_figure(trend.first)} at first, {_figure(trend.last)} lately{change}."
        )


def _unusual(findings: Findings) -> Iterator[str]:
    dated = None if findings.sampled else _dated(findings)
    for one in _measures(findings):
        for outlier in one.outliers[:2]:
            usual = "high" if one.mean is not None and outlier.value > one.mean else "low"
            when = f"in row {outlier.row + 1}"
            if dated is not None and (date := dated.cells[outlier.row]) is not None:
                when = f"on {_quoted(date)}"
            yield f"{one.name} {_figure(outlier.value)} {when} is unusually {usual}."


def _commonest(findings: Findings) -> Iterator[str]:
    for one in findings.summaries:
        if one.type not in ("string", "boolean", "mixed") or not one.top or tells(one.name):
            continue
        best = one.top[0]
        if _identifies(one) or best.count < 2 or best.count < one.count / 10:
            continue
        if one.distinct == 1:
            yield f"{one.name}: {_quoted(best.value)} in all {one.count}."
            continue
        share = round(100 * best.count / one.count)
        others = ", ".join(f"{_quoted(value.value)} ({value.count})" for value in one.top[1:4])
        also = f"; then {others}" if others else ""
        mostly = f"{_quoted(best.value)}, {best.count} of {one.count} ({share} %)"
        yield f"{one.name}: mostly {mostly}{also}."


def _gaps(findings: Findings) -> Iterator[str]:
    for one in findings.summaries:
        rows = one.count + one.missing
        if rows > 1 and one.missing and not _OFTEN_EMPTY.search(one.name):
            share = 100 * one.missing // rows
            yield f"{one.name} is missing in {one.missing} of {rows} ({share} %)."
    if findings.duplicate_rows and len(findings.columns) > 1:
        yield f"Exact repeats of an earlier row: {findings.duplicate_rows:,}."
    if findings.columns_left_out:
        yield f"{_counted(findings.columns_left_out, 'more column')} were left out."
    if findings.sampled:
        yield f"Figures are of a sample of {len(findings.columns[0].cells):,} rows."


def _relations(findings: Findings) -> Iterator[str]:
    measured = {one.name for one in _measures(findings)}
    for pair in findings.correlations:
        if pair.n >= 8 and abs(pair.r) >= 0.7 and measured.issuperset(pair.columns):
            how = "rise together" if pair.r > 0 else "move against each other"
            yield f"{pair.columns[0]} and {pair.columns[1]} {how} (r {pair.r:.2f})."


def _measures(findings: Findings) -> list[ColumnSummary]:
    """Columns of numbers that measure something, money first."""
    found = [one for one in findings.summaries if one.mean is not None and not _identifies(one)]
    return sorted(found, key=lambda one: not _MONEY.search(one.name))


def _identifies(one: ColumnSummary) -> bool:
    return bool(_IDENTIFIER.search(one.name)) and one.type in ("integer", "string", "mixed")


def _dated(findings: Findings) -> Column | None:
    return next((column for column in findings.columns if column.moments), None)


def _in_time(findings: Findings) -> list[int]:
    """Places of the rows, the latest last; as they stand when nothing is dated."""
    places = list(range(len(findings.columns[0].cells)))
    dated = _dated(findings)
    if dated is None:
        return places
    moments = [-math.inf if at is None else at for at in dated.moments]
    return sorted(places, key=lambda at: (moments[at], at))


def _quoted(value: Cell) -> str:
    text = (
        str(value) if isinstance(value, int) else _figure(value)
    )  # 4471 may be a number of a thing
    text = " ".join(text.split())
    return text if len(text) <= _WORDS_MAX else text[: _WORDS_MAX - 1] + "…"


def _figure(value: Cell) -> str:
    """A number as people write it: no more than two decimals, unless it is small."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value and (abs(value) < 0.01 or abs(value) >= 1e15):
        return f"{value:.3g}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
