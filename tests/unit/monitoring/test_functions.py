"""Figures made of slots: percentiles with a bound on their error, and no data that is no zero."""

import math

from hypothesis import given
from hypothesis import strategies as st

from orchestra.instruments import Tally
from orchestra.monitoring.metrics.functions import (
    ERROR_MAX,
    PERCENTILES,
    Bins,
    Level,
    Sum,
    figure,
    merge_bins,
    quantile,
    series_of,
)


def tally(*values: float) -> Tally:
    """A histogram of these."""
    made = Tally()
    for value in values:
        made.add(value)
    return made


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=200))
def test_percentiles_are_off_by_no_more_than_they_say(values: list[float]) -> None:
    ordered = sorted(values)
    for share in PERCENTILES.values():
        true = ordered[max(1, math.ceil(share * len(ordered))) - 1]
        found = quantile(tally(*values), share)
        assert found is not None
        assert abs(found - true) <= true * ERROR_MAX


@given(st.lists(st.lists(st.floats(0.001, 1e3), min_size=1, max_size=20), min_size=1, max_size=9))
def test_a_percentile_of_merged_bins_is_that_of_all_values(parts: list[list[float]]) -> None:
    bins: Bins = {}
    for part in parts:
        merge_bins(bins, {0: tally(*part)})

    [found] = series_of(bins, "p95", 1, [60.0])
    whole = quantile(tally(*(value for part in parts for value in part)), 0.95)
    assert found is not None
    assert whole is not None
    assert math.isclose(found, whole, rel_tol=1e-9)


def test_no_data_is_null_and_never_zero() -> None:
    assert series_of({1: Sum()}, "increase", 3, [10.0] * 3) == [None, 0.0, None]
    assert figure(None, "p95", 10) is None
    assert quantile(Tally(), 0.5) is None


def test_a_counter_has_a_rate_and_a_ratio() -> None:
    whole, part = Sum(), Sum()
    whole.n, part.n = 40.0, 10.0

    assert figure(whole, "rate", 10) == 4.0
    assert figure(whole, "increase", 10) == 40.0
    assert figure(whole, "ratio", 10, part) == 0.25
    assert figure(whole, "ratio", 10, None) == 0.0
    assert figure(Sum(), "ratio", 10, None) is None


def test_a_gauge_adds_up_its_series_and_not_its_slots() -> None:
    level = Level()
    level.slots = {0: [1.0, 2.0], 10: [3.0, 4.0]}

    found = {agg: figure(level, agg, 10) for agg in ("last", "avg", "min", "max", "sum", "count")}
    assert found == {"last": 7.0, "avg": 2.5, "min": 1.0, "max": 4.0, "sum": 5.0, "count": 4.0}


def test_a_histogram_has_figures_beside_its_percentiles() -> None:
    made = tally(1.0, 2.0, 3.0, 0.0, -1.0)
    wanted = ("count", "increase", "rate", "sum", "avg", "min", "max")
    assert [figure(made, agg, 10) for agg in wanted] == [5.0, 5.0, 0.5, 5.0, 1.0, -1.0, 3.0]
