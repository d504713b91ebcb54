"""What is to be recorded: every row of bad input has its answer."""

import math
from typing import Any

import pytest

from orchestra.errors import Problem
from orchestra.monitoring.metrics.wishes import MetricInvalid, from_batch, from_body, from_query

NOW = 1_795_000_000_000


def wrong(**given: Any) -> list[tuple[str, str]]:
    """What is found wrong with a body."""
    with pytest.raises(MetricInvalid) as caught:
        from_body({"metric_name": "m", "value": 1} | given, NOW)
    return codes(caught.value.findings)


def codes(findings: Any) -> list[tuple[str, str]]:
    """Pointer and code of each."""
    assert all(isinstance(one, Problem) for one in findings)
    return [(one.pointer, one.code) for one in findings]


def test_a_query_is_read_as_the_original_sends_it() -> None:
    wish = from_query({"metric_name": ["execution_time"], "value": ["45.2"]}, NOW)
    assert (wish.name, wish.value, wish.labels, wish.kind) == ("execution_time", 45.2, {}, None)


def test_labels_of_a_query_have_names_of_their_own() -> None:
    wish = from_query(
        {"metric_name": ["m"], "value": ["1e3"], "label.shop": ["b"], "timestamp": ["1794999999"]},
        NOW,
    )
    assert (wish.labels, wish.value, wish.at_ms) == ({"shop": "b"}, 1_000.0, NOW - 1_000)


@pytest.mark.parametrize(
    "text", ["NaN", "inf", "-Infinity", "1e400", "0x1", "", "١", "1_0", "1e16"]
)
def test_what_is_no_finite_number_is_refused_in_a_query(text: str) -> None:
    with pytest.raises(MetricInvalid) as caught:
        from_query({"metric_name": ["m"], "value": [text]}, NOW)
    assert codes(caught.value.findings) == [("/query/value", "value_invalid")]


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True, [], {}, 1e15 + 1, 10**30])
def test_what_is_no_finite_number_is_refused_in_a_body(value: object) -> None:
    assert wrong(value=value) == [("/value", "value_invalid")]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"metric_name": "orchestra_x"}, ("/metric_name", "name_reserved")),
        ({"metric_name": "1a"}, ("/metric_name", "name_invalid")),
        ({"metric_name": "a" * 129}, ("/metric_name", "name_invalid")),
        ({"metric_name": "a b"}, ("/metric_name", "name_invalid")),
        ({"metric_name": "a\n"}, ("/metric_name", "name_invalid")),
        ({"labels": {"a\n": "x"}}, ("/labels/a\n", "name_invalid")),
        ({"metric_name": 7}, ("/metric_name", "name_invalid")),
        ({"metric_name": None}, ("/metric_name", "missing_field")),
        ({"labels": {f"l{i}": "x" for i in range(9)}}, ("/labels", "too_many")),
        ({"labels": {"A": "x"}}, ("/labels/A", "name_invalid")),
        ({"labels": {"a/b": "x"}}, ("/labels/a~1b", "name_invalid")),
        ({"labels": {"a": "x" * 129}}, ("/labels/a", "too_long")),
        ({"labels": {"a": "x\n"}}, ("/labels/a", "too_long")),
        ({"labels": {"a": 1}}, ("/labels/a", "type")),
        ({"labels": []}, ("/labels", "type")),
        ({"type": "summary"}, ("/type", "out_of_range")),
        ({"type": []}, ("/type", "out_of_range")),
        ({"unit": "very long " * 9}, ("/unit", "type")),
        ({"type": "counter", "value": -1}, ("/value", "value_invalid")),
        ({"timestamp": NOW / 1_000 - 3_601}, ("/timestamp", "timestamp_out_of_range")),
        ({"timestamp": NOW / 1_000 + 301}, ("/timestamp", "timestamp_out_of_range")),
        ({"timestamp": "yesterday"}, ("/timestamp", "type")),
        ({"timestamp": math.inf}, ("/timestamp", "type")),
        ({"nmae": 1}, ("/nmae", "unknown_field")),
    ],
)
def test_each_mistake_is_named(given: dict[str, Any], found: tuple[str, str]) -> None:
    assert wrong(**given) == [found]


def test_a_batch_names_the_place_of_each_mistake() -> None:
    body = {"metrics": [{"metric_name": "m", "value": 1}, {"metric_name": "m"}, 7]}
    with pytest.raises(MetricInvalid) as caught:
        from_batch(body, NOW)
    assert codes(caught.value.findings) == [
        ("/metrics/1/value", "missing_field"),
        ("/metrics/2", "type"),
    ]


@pytest.mark.parametrize(
    "body", [[], {}, {"metrics": []}, {"metrics": [1] * 1_001}, {"metrics": {}}, None, "x"]
)
def test_a_batch_that_is_none_is_refused(body: object) -> None:
    with pytest.raises(MetricInvalid):
        from_batch(body, NOW)
