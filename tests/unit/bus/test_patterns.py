"""Patterns of event types."""

import pytest

from orchestra.bus.patterns import is_pattern, matcher


@pytest.mark.parametrize(
    ("patterns", "wanted", "unwanted"),
    [
        ([], ["step.failed", "x"], []),
        (["*"], ["step.failed", "x"], []),
        (["**"], ["step.failed", "x"], []),
        (["step.*"], ["step.failed", "step.started"], ["step", "step.a.b", "workflow.failed"]),
        (["*.failed"], ["step.failed", "workflow.failed"], ["failed", "step.completed"]),
        (["order.**"], ["order.placed", "order.placed.again"], ["orders.placed", "x.order"]),
        (["a.b", "c"], ["a.b", "c"], ["a", "b", "c.d"]),
    ],
)
def test_a_pattern_matches_segment_by_segment(
    patterns: list[str], wanted: list[str], unwanted: list[str]
) -> None:
    matches = matcher(patterns)

    assert all(matches(one) for one in wanted)
    assert not any(matches(one) for one in unwanted)


@pytest.mark.parametrize("text", ["step.*", "**", "*", "a.**", "workflow.completed", "a/b.c-d_e"])
def test_these_are_patterns(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize("text", ["", ".", "a.", "**.a", "a.**.b", "a b", "x" * 129, "a..b", "ä"])
def test_these_are_none(text: str) -> None:
    assert not is_pattern(text)
