"""Questions: read with everything that is wrong, and answered from slots that are kept."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.monitoring.metrics.asking import POINTS_MAX, QueryInvalid, Question, question
from orchestra.monitoring.metrics.grids import grid_of, pieces
from orchestra.monitoring.metrics.series import SCALARS, SPREADS

NOW = 1_795_000_000


def asked(**given: str) -> Question:
    """A question."""
    renamed = {name.rstrip("_"): [value] for name, value in given.items()}
    return question({"metric": ["m"]} | renamed, NOW)


def test_a_question_has_sensible_defaults() -> None:
    made = asked()
    assert (made.from_s, made.to_s, made.limit, made.by, made.agg) == (
        NOW - 3_600, NOW, 20, None, None,
    )  # fmt: skip


def test_times_are_read_in_every_form() -> None:
    assert asked(from_="-2d").from_s == NOW - 172_800
    assert asked(from_=str(NOW - 60)).from_s == NOW - 60
    assert asked(from_="2026-11-01T00:00:00Z").from_s == 1_793_491_200
    assert asked(from_="2026-11-01T00:00:00+00:00").from_s == 1_793_491_200
    assert asked(from_="2026-11-01T00:00:00 00:00").from_s == 1_793_491_200


def test_labels_are_named_once_or_many_times() -> None:
    made = question({"metric": ["m"], "where": ["a:x,b:y", "a:z"], "by": ["a,b", "a"]}, NOW)
    assert made.where == (("a", "x"), ("b", "y"), ("a", "z"))
    assert made.by == ("a", "b")


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"agg": "p42"}, "/query/agg"),
        ({"from_": "tomorrow"}, "/query/from"),
        ({"from_": "-1h", "to": "-2h"}, "/query/from"),
        ({"from_": "0"}, "/query/from"),
        ({"to": "99999999999999999999"}, "/query/to"),
        ({"step": "7s"}, "/query/step"),
        ({"step": "15s"}, "/query/step"),
        ({"step": "0m"}, "/query/step"),
        ({"limit": "0"}, "/query/limit"),
        ({"limit": "1e9"}, "/query/limit"),
        ({"where": "x"}, "/query/where"),
        ({"by": "A-B"}, "/query/by"),
        ({"agg": "ratio"}, "/query/of"),
        ({"offset": "7"}, "/query/offset"),
        ({"what": "1"}, "/query/what"),
        ({"metric": ""}, "/query/metric"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, str], pointer: str) -> None:
    with pytest.raises(QueryInvalid) as caught:
        asked(**given)
    findings: Any = caught.value.findings
    assert [finding.pointer for finding in findings] == [pointer]


def test_everything_that_is_wrong_is_found_at_once() -> None:
    with pytest.raises(QueryInvalid) as caught:
        question({"agg": ["x"], "step": ["y"], "limit": ["z", "1"]}, NOW)
    assert len(caught.value.findings) >= 4


@given(
    st.integers(1, 400 * 86_400),
    st.integers(0, 100 * 86_400),
    st.sampled_from([None, 10, 60, 300, 3_600, 7_200]),
    st.sampled_from([SCALARS, SPREADS]),
)
def test_a_grid_has_at_most_400_points_of_slots_that_are_kept(
    range_s: int, back_s: int, step_s: int | None, spans: Any
) -> None:
    made = Question("m", NOW - back_s - range_s, NOW - back_s, step_s=step_s)
    grid, clipped = grid_of(made, spans, NOW)

    assert grid.bins <= POINTS_MAX + 1
    assert grid.step_s % grid.span.step_s == 0
    assert grid.from_s >= NOW - spans[-1].kept_s - grid.step_s
    if step_s and grid.step_s != step_s:
        assert clipped["step_s"] == grid.step_s


@given(st.integers(1, 30 * 86_400), st.integers(0, 86_400))
def test_the_pieces_of_a_range_touch_and_do_not_overlap(range_s: int, back_s: int) -> None:
    made = Question("m", NOW - back_s - range_s, NOW - back_s)
    found = sorted(pieces(made, SCALARS, NOW), key=lambda one: one.from_s)

    assert all(before.to_s == after.from_s for before, after in itertools.pairwise(found))
    assert found[-1].to_s == NOW - back_s
    assert found[0].from_s <= NOW - back_s - range_s < found[0].from_s + 3_600
    assert sum(len(one.chunks) for one in found) <= 8
