import random
import statistics

import pytest

from orchestra.connectors.analysis.cells import Cell
from orchestra.connectors.analysis.columns import Column, read_column
from orchestra.connectors.analysis.relations import correlations, duplicate_rows, pearson, trends

_RANDOM = random.Random(3)
NOISE = [_RANDOM.random() for _ in range(200)]
RISING: list[Cell] = [at + noise * 20 for at, noise in enumerate(NOISE)]


def columns(**cells: list[Cell]) -> list[Column]:
    return [read_column(name, values) for name, values in cells.items()]


def test_the_correlation_is_that_of_the_statistics_module() -> None:
    left, right = (
        NOISE,
        [2 * one - other for one, other in zip(NOISE, NOISE[1:] + NOISE[:1], strict=True)],
    )

    assert pearson(left, right) == pytest.approx(statistics.correlation(left, right), rel=1e-9)


def test_pairs_count_only_rows_that_have_both() -> None:
    found = correlations(columns(a=[1, 2, 3, None, 5], b=[2, 4, 6, 100, None], c=[1, 1, 1, 1, 1]))

    assert [(pair.columns, pair.r, pair.n) for pair in found] == [(("a", "b"), 1.0, 3)]


def test_noise_is_not_told() -> None:
    assert correlations(columns(a=list(NOISE), b=list(reversed(NOISE)))) == ()
    assert trends(columns(a=list(NOISE))) == ()


def test_a_trend_along_the_rows() -> None:
    (trend,) = trends(columns(amount=RISING))

    assert (trend.column, trend.by, trend.direction) == ("amount", "row", "rising")
    assert trend.first < trend.last
    assert trend.change_percent == pytest.approx(100 * (trend.last / trend.first - 1), abs=0.1)


def test_a_trend_follows_the_dates_and_not_the_rows() -> None:
    (trend,) = trends(
        columns(
            day=["2026-01-05", "2026-01-01", "2026-01-04", "2026-01-02", "2026-01-03"],
            price=[1, 9, 3, 7, 5],
        )
    )

    assert (trend.by, trend.direction, trend.r) == ("day", "falling", -1.0)


@pytest.mark.parametrize("values", [[1, 2, 3], [5, 5, 5, 5, 5], [1, 3, 2, 3]])
def test_too_little_is_no_trend(values: list[Cell]) -> None:
    assert trends(columns(n=values)) == ()


def test_rows_that_repeat_are_counted() -> None:
    assert duplicate_rows(columns(a=[1, 1, 2, 1], b=["x", "x", "x", "y"])) == 1
    assert duplicate_rows([]) == 0
