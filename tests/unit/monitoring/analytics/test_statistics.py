"""Medians, their spread, and slopes: against slow versions written down another way."""

import itertools
import math
import random
import statistics as judge
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.monitoring.analytics.statistics import (
    deviation,
    median,
    quantile,
    theil_sen,
    unusual,
)

NUMBERS = st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=40)


def test_nothing_has_no_figures() -> None:
    assert median([]) is None
    assert deviation([]) is None
    assert quantile([], 0.5) is None
    assert theil_sen([]) is None
    assert theil_sen([(1.0, 2.0)]) is None
    assert theil_sen([(1.0, 2.0), (1.0, 3.0)]) is None
    assert unusual(1.0, []) is None


@given(NUMBERS)
def test_a_median_is_that_of_the_standard_library(values: list[int]) -> None:
    assert median(values) == judge.median(values)


@given(NUMBERS)
def test_a_deviation_is_the_median_of_the_distances(values: list[int]) -> None:
    middle = judge.median(values)
    assert deviation(values) == judge.median([abs(one - middle) for one in values])


@given(NUMBERS, st.sampled_from((0.0, 0.5, 0.9, 0.95, 0.99, 1.0)))
def test_so_many_are_not_above_a_quantile(values: list[int], share: float) -> None:
    found = quantile(values, share)

    assert found in values
    assert sum(one <= found for one in values) >= math.ceil(share * len(values))
    below = [one for one in values if one < found]
    assert len(below) < max(1, math.ceil(share * len(values)))


@given(st.lists(st.integers(-1_000, 1_000), min_size=2, max_size=30))
def test_a_slope_is_the_median_of_all_slopes(values: list[int]) -> None:
    points = [(float(i), float(value)) for i, value in enumerate(values)]
    slopes = [
        Fraction(values[j] - values[i], j - i)
        for i, j in itertools.combinations(range(len(values)), 2)
    ]

    trend = theil_sen(points)

    assert trend is not None
    assert trend.slope == pytest.approx(float(judge.median(slopes)))
    assert trend.low <= trend.slope <= trend.high
    above = sum(y > trend.level + trend.slope * x + 1e-9 for x, y in points)
    assert above <= len(points) / 2


def test_the_range_is_the_published_one() -> None:
    """By hand: n = 8 without ties: C = 1.96 * sqrt(8 * 7 * 21 / 18) = 15.84; of 28 slopes those at
    places (28 - C) / 2, rounded down, and (28 + C) / 2 + 1, rounded up.
    """
    values = [1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 6.0, 9.0]
    slopes = sorted((values[j] - values[i]) / (j - i) for i in range(8) for j in range(i + 1, 8))

    trend = theil_sen([(float(i), value) for i, value in enumerate(values)])

    assert trend is not None
    assert (trend.low, trend.high) == (slopes[5], slopes[22])
    assert trend.certain


def test_a_range_holds_the_true_slope_as_often_as_it_says() -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(400):
        points = [(float(i), 0.5 * i + chance.gauss(0, 3)) for i in range(14)]
        trend = theil_sen(points)
        assert trend is not None
        held += trend.low <= 0.5 <= trend.high

    assert 0.92 <= held / 400 <= 0.995


def test_an_outlier_does_not_bend_a_slope() -> None:
    straight = [(float(i), 2.0 * i) for i in range(10)]
    trend = theil_sen([*straight[:9], (9.0, 10_000.0)])

    assert trend is not None
    assert trend.slope == 2.0


def test_a_value_is_unusual_by_its_distance_in_deviations() -> None:
    others = [10.0, 12.0, 8.0, 11.0, 9.0]

    assert unusual(10.0, others) == 0
    assert unusual(15.0, others) == 5.0
    assert unusual(10.2, [10.0, 10.0, 10.0]) == pytest.approx(0.4)
    assert unusual(1.0, [0.0, 0.0]) == math.inf
    assert unusual(0.0, [0.0, 0.0]) is None
