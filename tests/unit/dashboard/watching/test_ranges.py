"""Spans of time, as addresses say them."""

import pytest

from orchestra.dashboard.watching.ranges import NAMED, span_of, step_words
from orchestra.instants import instant

NOW = 1_795_000_000_000


def test_without_a_word_the_last_hour_is_shown() -> None:
    span, wrong = span_of({}, NOW)

    assert (span.name, span.length_s, span.step_s, wrong) == ("1h", 3_600, 60, {})
    assert span.asked == {"from": "-1h", "to": "now", "step": "60s"}


def test_two_dates_are_a_span_that_stands_still() -> None:
    span, wrong = span_of({"from": "2026-11-18T10:00", "to": "2026-11-18T12:00:00+01:00"}, NOW)

    assert wrong == {}
    assert span.query == {"from": "2026-11-18T10:00:00.000Z", "to": "2026-11-18T11:00:00.000Z"}
    assert span.step_s == 60


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"range": "1y"}, "range"),
        ({"from": "soon", "to": "now"}, "from"),
        ({"from": "2026-11-18", "to": "\u0000"}, "to"),
        ({"to": "2026-11-18T10:00"}, "from"),
        ({"from": "2026-11-18T10:00", "to": "2026-11-18T09:00"}, "from"),
        ({"from": "2020-01-01T00:00"}, "from"),
        ({"from": "0001-01-01T00:00"}, "from"),
        ({"from": "9999-12-31T23:59"}, "from"),
    ],
)
def test_what_is_wrong_is_told_and_the_last_hour_shown(given: dict[str, str], field: str) -> None:
    span, wrong = span_of(given, NOW)

    assert list(wrong) == [field]
    assert span.name == "1h"


def test_each_span_has_at_most_400_points() -> None:
    assert all(length / step <= 400 for length, step in NAMED.values())
    span, _ = span_of({"from": "2026-08-22T00:00", "to": "2026-11-18T00:00"}, NOW)
    assert span.length_s / span.step_s <= 180


def test_a_young_installation_is_shown_since_it_is_there() -> None:
    span, _ = span_of({}, NOW)
    minute = 60_000

    assert span.shorter(NOW - 5 * minute).name == "15m"
    assert span.shorter(NOW - 5 * minute).to_ms == NOW
    assert span.shorter(NOW - 20 * minute) is span
    assert span.shorter(None) is span
    assert span.late(NOW - 20 * minute) == instant(NOW - 20 * minute)
    assert span.late(NOW - 59 * minute) == ""
    assert span.late(None) == ""
    short = span.shorter(NOW - 5 * minute)
    assert short.shorter(NOW - 5 * minute) is short


def test_steps_in_words() -> None:
    assert [step_words(one) for one in (10, 60, 600, 3_600, 86_400)] == [
        "10 s", "1 min", "10 min", "1 h", "1 day",
    ]  # fmt: skip
