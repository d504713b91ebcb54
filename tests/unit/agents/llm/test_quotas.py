"""What the headers say of a quota."""

import pytest

from orchestra.agents.llm.quotas import gate_ms

DATE = "Mon, 23 Nov 2026 01:00:00 GMT"


@pytest.mark.parametrize(
    ("reset", "expected"),
    [("1s", 1_000), ("6m0s", 360_000), ("20ms", 20), ("1m26.4s", 86_400), ("1.5", 1_500),
     ("1h", 900_000), ("soon", 5_000), ("", 5_000), ("-1s", 5_000), ("9" * 40, 5_000)],
)  # fmt: skip
def test_a_quota_at_0_closes_the_gate_until_it_is_filled(reset: str, expected: int) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}

    assert gate_ms(headers) == expected


@pytest.mark.parametrize(
    ("reset", "expected"),
    [("2026-11-23T01:00:07Z", 7_000), ("2026-11-23T02:00:00+01:00", 0), ("2027-01-01T00:00:00Z",
     900_000), ("soon", 5_000), ("2026-11-23T01:00:07", 5_000)],
)  # fmt: skip
def test_an_instant_is_measured_against_the_answers_own_date(reset: str, expected: int) -> None:
    headers = {
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": reset,
        "date": DATE,
    }

    assert gate_ms(headers) == expected


def test_the_last_quota_to_be_filled_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "3s",
    }

    assert gate_ms(headers) == 3_000
    assert gate_ms(headers | {"x-ratelimit-remaining-tokens": "10"}) == 1_000


def test_what_is_left_leaves_the_gate_open() -> None:
    assert gate_ms({}) == 0
    assert gate_ms({"x-ratelimit-remaining-requests": "1", "x-ratelimit-limit-tokens": "0"}) == 0
    assert gate_ms({"anthropic-ratelimit-requests-limit": "0"}) == 0
