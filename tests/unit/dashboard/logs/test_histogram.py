"""The hour of the log, where it is younger than that."""

from typing import Any

from orchestra.dashboard.logs.routes import BUCKETS_MIN, since_the_first


def _buckets(*counts: int) -> list[dict[str, Any]]:
    return [
        {"at": n, "debug": 0, "info": count, "warning": 0, "error": 0}
        for n, count in enumerate(counts)
    ]


def test_the_time_before_the_first_line_is_left_out() -> None:
    hour = _buckets(*[0] * 30, 5, *[0] * 29)

    assert since_the_first(hour) == hour[30:]


def test_the_last_quarter_is_always_shown() -> None:
    assert len(since_the_first(_buckets(*[0] * 59, 1))) == BUCKETS_MIN
    assert since_the_first(_buckets(3, 0)) == _buckets(3, 0)
    assert since_the_first([]) == []


def test_an_hour_without_lines_stays_an_hour() -> None:
    assert len(since_the_first(_buckets(*[0] * 60))) == 60
