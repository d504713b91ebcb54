"""What an attempt means: when it is tried again, and when not."""

import random

import pytest

from orchestra.bus.webhooks.records import SCHEDULE_MS, Endpoint, Ordering
from orchestra.bus.webhooks.verdicts import BLOCK_MAX_MS, Failure, Outcome, judge, wait_ms
from orchestra.store.keys import DEFAULT_TENANT

HOUR_MS = 3_600_000


class Fixed(random.Random):
    """The same chance each time."""

    def __init__(self, value: float) -> None:
        super().__init__(1)
        self._value = value

    def random(self) -> float:
        return self._value


def endpoint(ordering: Ordering = "parallel") -> Endpoint:
    return Endpoint("whk_1", DEFAULT_TENANT, "one", "http://one.test/", ordering=ordering)


def failed(status: int | None = 500, failure: Failure = "status", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Outcome(failure, 12, status, named)


def test_what_arrived_is_delivered() -> None:
    assert judge(endpoint(), 1, Outcome("", 5, 204), None, Fixed(0.5)).result == "delivered"


def test_the_schedule_is_kept_within_a_fifth() -> None:
    for attempt, scheduled in enumerate(SCHEDULE_MS[1:], 1):
        for chance in (0.0, 0.5, 0.9999):
            verdict = judge(endpoint(), attempt, failed(), None, Fixed(chance))
            assert verdict.result == "again"
            assert 0.8 * scheduled - 1 <= verdict.delay_ms <= 1.2 * scheduled


def test_after_the_last_try_it_is_dead() -> None:
    assert judge(endpoint(), len(SCHEDULE_MS), failed(), None, Fixed(0.5)).result == "dead"


def test_a_receiver_that_is_gone_is_gone() -> None:
    verdict = judge(endpoint(), 1, failed(410), None, Fixed(0.5))

    assert (verdict.result, verdict.gone) == ("dead", True)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_who_is_busy_is_left_alone_for_a_minute(status: int) -> None:
    assert wait_ms(5_000, failed(status), Fixed(0.0)) == 60_000


def test_who_is_silent_is_left_alone_for_a_minute() -> None:
    assert wait_ms(5_000, failed(None, "timeout"), Fixed(0.0)) == 60_000


@pytest.mark.parametrize(
    ("scheduled_ms", "asked", "waits_ms"),
    [
        (300_000, "1", 300_000),  # not less than scheduled
        (300_000, "400", 400_000),
        (300_000, "4000", 600_000),  # not more than twice as long
        (7_200_000, "9000", 7_200_000),  # and not for more than an hour, when that is longer
        (2_000_000, "999999999999999", HOUR_MS),
        (300_000, "-1", 300_000),
        (300_000, "soon", 300_000),
    ],
)
def test_what_the_receiver_asks_for_is_kept_within_bounds(
    scheduled_ms: int, asked: str, waits_ms: int
) -> None:
    assert wait_ms(scheduled_ms, failed(500, retry_after=asked), Fixed(0.5)) == waits_ms


def test_an_instant_is_read_by_the_clock_of_the_receiver() -> None:
    outcome = failed(
        503,
        retry_after="Wed, 21 Oct 2015 07:30:00 GMT",
        date="Wed, 21 Oct 2015 07:28:30 GMT",
    )

    assert wait_ms(5_000, outcome, Fixed(0.5)) == 90_000


@pytest.mark.parametrize("ordering", ["key", "all"])
def test_what_keeps_others_waiting_is_given_up_after_an_hour(ordering: Ordering) -> None:
    chance = Fixed(0.5)
    early = judge(endpoint(ordering), 5, failed(), 36 * 60_000, chance)
    late = judge(endpoint(ordering), 6, failed(), BLOCK_MAX_MS, chance)

    assert (early.result, early.delay_ms) == ("again", 24 * 60_000)
    assert late.result == "dead"
