"""Instruments: what a process counts of itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.instruments import (
    OTHER,
    SERIES_MAX,
    ZERO,
    Counter,
    Gauge,
    Histogram,
    Instruments,
    Tally,
    bucket_of,
)


def test_what_was_taken_is_given_once_and_stays_in_the_totals() -> None:
    counter = Counter("c", ("route",))
    counter.add(2, "/a")
    counter.add(1, "/a")

    assert counter.take() == {("/a",): 3}
    assert counter.take() == {}
    counter.add(1, "/a")
    assert counter.totals() == {("/a",): 4}


def test_a_gauge_says_its_last_value() -> None:
    gauge = Gauge("g", ())
    gauge.set(1)
    gauge.set(7)

    assert gauge.take() == {(): 7}
    assert gauge.totals() == {(): 7}


def test_a_histogram_counts_in_buckets() -> None:
    histogram = Histogram("h", ())
    for value in (1.0, 2.0, 2.0, 0.0):
        histogram.observe(value)
    tally = histogram.take()[()]

    assert (tally.count, tally.sum, tally.low, tally.high) == (4, 5.0, 0.0, 2.0)
    assert tally.buckets == {0: 1, 8: 2, ZERO: 1}
    assert histogram.totals()[()].count == 4


def test_too_many_series_are_counted_together_and_tenants_stay_apart() -> None:
    counter = Counter("c", ("tenant", "path"))
    for i in range(SERIES_MAX + 50):
        counter.add(1, "a" if i % 2 else "b", f"/{i}")
    found = counter.take()

    assert len(found) == SERIES_MAX + 2
    assert found["a", OTHER] == found["b", OTHER] == 25


def test_one_with_room_for_all_says_of_a_label_what_another_one_does() -> None:
    sets = [(f"/{i}", status) for i in range(SERIES_MAX) for status in ("200", "500")]
    requests, seconds = Counter("c", ("path", "status")), Histogram("h", ("path",))
    requests.most = len(sets)
    for path, status in sets:
        requests.add(1, path, status)
        seconds.observe(0.1, path)
    requests.add(1, "/new", "200")

    told = requests.totals()
    assert told == dict.fromkeys(sets, 1) | {(OTHER, OTHER): 1}
    for (path,), tally in seconds.totals().items():
        assert tally.count == told[path, "200"] + told[path, "500"]


def test_one_name_is_one_instrument() -> None:
    every = Instruments()
    assert every.find(Counter, "c", ("a",)) is every.find(Counter, "c", ("a",))
    with pytest.raises(AssertionError):
        every.find(Gauge, "c", ("a",))


@given(st.floats(1e-12, 1e15))
def test_a_value_lies_in_its_bucket(value: float) -> None:
    bucket = bucket_of(value)
    # A value next to an edge may be rounded over it.
    assert 2 ** ((bucket - 1) / 8) * (1 - 1e-12) <= value <= 2 ** (bucket / 8) * (1 + 1e-12)


@given(st.lists(st.lists(st.floats(-1e3, 1e9), max_size=20), max_size=6))
def test_tallies_merge_to_what_one_would_have_counted(parts: list[list[float]]) -> None:
    whole, merged = Tally(), Tally()
    for values in parts:
        tally = Tally()
        for value in values:
            tally.add(value)
            whole.add(value)
        merged.merge(tally)

    assert merged.buckets == whole.buckets
    assert (merged.count, merged.low, merged.high) == (whole.count, whole.low, whole.high)
    assert math.isclose(merged.sum, whole.sum, rel_tol=1e-9, abs_tol=1e-6)
