import random
import statistics

import pytest

from orchestra.connectors.analysis.cells import Cell, clean, moment, number
from orchestra.connectors.analysis.columns import ColumnSummary, describe, read_column

_RANDOM = random.Random(11)
SERIES = {
    "few": [4.5, 1.0, 9.25],
    "one": [7.0],
    "same": [3.0] * 20,
    "many": [_RANDOM.gauss(50, 12) for _ in range(2_001)],
    "whole": [float(_RANDOM.randrange(-9, 9)) for _ in range(500)],
}


def described(*cells: object) -> ColumnSummary:
    return describe(read_column("c", [clean(cell) for cell in cells]), range(len(cells)))


@pytest.mark.parametrize("name", SERIES)
def test_figures_are_those_of_the_statistics_module(name: str) -> None:
    values = SERIES[name]

    summary = described(*values)

    assert summary.count == len(values)
    assert summary.distinct == len(set(values))
    assert (summary.min, summary.max) == (min(values), max(values))
    assert summary.mean == pytest.approx(statistics.fmean(values), rel=1e-9)
    assert summary.median == pytest.approx(statistics.median(values), rel=1e-9)
    if len(values) > 1:
        percentiles = statistics.quantiles(values, n=100, method="inclusive")
        assert summary.p95 == pytest.approx(percentiles[94], rel=1e-9)
        assert summary.stdev == pytest.approx(statistics.stdev(values), rel=1e-9, abs=1e-12)
    else:
        assert (summary.p95, summary.stdev) == (values[0], None)


@pytest.mark.parametrize("name", SERIES)
def test_every_value_stands_in_one_bin(name: str) -> None:
    values = SERIES[name]

    bins = described(*values).histogram

    assert sum(one.count for one in bins) == len(values)
    assert (bins[0].lower, bins[-1].upper) == pytest.approx((min(values), max(values)))
    for one in bins[:-1]:
        assert one.count == sum(one.lower <= value < one.upper for value in values)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2, None], "integer"),
        ([1, 2.5], "number"),
        (["1", "2", ""], "integer"),
        (["1.5", "$2", "3 EUR", "1,200.50"], "number"),
        (["007", "012"], "string"),
        ([True, False, None], "boolean"),
        (["true", "FALSE"], "boolean"),
        (["2026-01-31", "2026-02-01T10:00:00Z"], "date"),
        (["2026-02-30", "2026-02-01"], "string"),
        (["a", "b"], "string"),
        ([1, 2, 3, 4, "five"], "mixed"),
        ([1, "b", True, [1]], "mixed"),
        ([None, "", float("nan")], "empty"),
        ([[1], {"a": 2}], "string"),
    ],
)
def test_the_type_of_a_column(cells: list[object], kind: str) -> None:
    assert described(*cells).type == kind


def test_missing_and_top_values_are_counted() -> None:
    summary = described("late", "ok", "late", None, "late", "")

    assert (summary.count, summary.missing, summary.distinct) == (4, 2, 2)
    assert [(value.value, value.count) for value in summary.top] == [("late", 3), ("ok", 1)]


def test_dates_have_a_first_and_a_last_as_written() -> None:
    summary = described("2026-03-01", "2025-12-31T23:59:00+02:00", "2026-02-01")

    assert (summary.min, summary.max) == ("2025-12-31T23:59:00+02:00", "2026-03-01")


def test_mostly_numbers_have_figures_of_the_numbers() -> None:
    summary = described(1, 2, 3, 4, "n.d.")

    assert (summary.type, summary.mean, summary.count) == ("mixed", 2.5, 5)


def test_an_outlier_is_named_with_its_row() -> None:
    summary = described(*[10, 11, 12, 11, 10, 12, 11, 95, 10, 11])

    assert [(outlier.row, outlier.value) for outlier in summary.outliers] == [(7, 95)]


def test_what_happens_often_is_no_outlier() -> None:
    assert described(*[0] * 30, *[1] * 10).outliers == ()
    assert described(1, 2, 50).outliers == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5", 5), ("-2.5", -2.5), ("1e3", 1000.0), ("€ 20", 20), ("50 %", 50), ("1,234", 1234)],
)
def test_numbers_as_people_write_them(text: str, expected: float) -> None:
    assert number(text) == expected


@pytest.mark.parametrize("text", ["", "007", "1,23", "ORD-1", "1_000", "inf", "0x1", "9" * 40, "١"])
def test_what_only_looks_like_a_number(text: str) -> None:
    assert number(text) is None


def test_a_moment_without_a_zone_is_utc() -> None:
    assert moment("1970-01-02") == 86_400
    assert moment("1970-01-01T01:00:00+01:00") == 0
    assert moment("yesterday") is None


@pytest.mark.parametrize("value", [10**400, -(10**200), 1e300, "\ud800", b"x", object()])
def test_hostile_cells_become_harmless(value: object) -> None:
    cell: Cell = clean(value)

    assert cell is None or isinstance(cell, str)
    assert str(cell).encode("utf-8")
