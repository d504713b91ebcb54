"""The lease's arithmetic: who may act, for how long, and when a session is over."""

import random

import pytest

from orchestra.clock import ManualClock
from orchestra.store.leases import Beat, LeaseClock

TAGS = (0, 128)

pytestmark = pytest.mark.hasty


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lease(clock: ManualClock) -> LeaseClock:
    return LeaseClock(TAGS, clock.monotonic, random.Random(1))


def renew(lease: LeaseClock, clock: ManualClock, tag: int, *stopped: bytes) -> Beat | None:
    return lease.answered(tag, lease.session, clock.monotonic(), [1, 5_000, 7, *stopped])


def test_nothing_may_start_before_the_first_renewal(lease: LeaseClock, clock: ManualClock) -> None:
    assert lease.fenced(0)
    assert not lease.joined(0)

    renew(lease, clock, 0)

    assert not lease.fenced(0)
    assert lease.joined(0)
    assert lease.fenced(128)


def test_a_session_joins_once(lease: LeaseClock, clock: ManualClock) -> None:
    first = lease.request(0)
    renew(lease, clock, 0)
    second = lease.request(0)

    assert first == {
        "session": lease.session, "lease_ms": 3_000, "join": "1", "cancelled_since": 0,
    }  # fmt: skip
    assert second is not None
    assert second["join"] == ""


def test_it_fences_itself_half_a_second_before_the_lease_ends(
    lease: LeaseClock, clock: ManualClock
) -> None:
    renew(lease, clock, 0)

    clock.advance(2_500)
    assert not lease.fenced(0)
    clock.advance(1)
    assert lease.fenced(0)


def test_the_lease_counts_from_the_sending_of_the_renewal(
    lease: LeaseClock, clock: ManualClock
) -> None:
    sent = clock.monotonic()
    clock.advance(2_600)
    lease.answered(0, lease.session, sent, [1, 5_000, 0])

    assert lease.fenced(0)


def test_each_loss_is_told_once(lease: LeaseClock, clock: ManualClock) -> None:
    renew(lease, clock, 0)
    clock.advance(2_600)

    assert lease.lost() == [0]
    assert lease.lost() == []
    renew(lease, clock, 0)
    clock.advance(2_600)
    assert lease.lost() == [0]


def test_a_renewal_tells_what_is_held_and_what_is_to_stop(
    lease: LeaseClock, clock: ManualClock
) -> None:
    assert renew(lease, clock, 0, b"exe_1", b"exe_2/m") == Beat(0, 7, ("exe_1", "exe_2/m"))


def test_an_expired_session_never_comes_back(lease: LeaseClock, clock: ManualClock) -> None:
    old = lease.session
    renew(lease, clock, 0)

    assert lease.answered(0, old, clock.monotonic(), [0]) is None
    assert lease.expired
    assert lease.fenced(0)
    assert lease.request(0) is None

    assert lease.renew() == lease.session != old
    assert lease.answered(0, old, clock.monotonic(), [1, 5_000, 0]) is None
    assert not lease.joined(0)
    renew(lease, clock, 0)
    assert not lease.fenced(0)


def test_a_loop_that_hangs_for_ten_seconds_lets_the_lease_go(
    lease: LeaseClock, clock: ManualClock
) -> None:
    lease.pulse()
    clock.advance(10_000)
    assert lease.request(0) is not None
    clock.advance(1)
    assert lease.request(0) is None
    lease.pulse()
    assert lease.request(0) is not None


def test_session_ids_are_twelve_characters_without_a_dot(lease: LeaseClock) -> None:
    made = {lease.renew() for _ in range(100)}

    assert len(made) == 100
    assert all(len(session) == 12 and session.isalnum() for session in made)


def test_the_age_of_a_lease_is_that_of_the_partition_renewed_longest_ago() -> None:
    clock = ManualClock()
    lease = LeaseClock((1, 2), clock.monotonic, random.Random(1))
    ages = [lease.age_s()]
    for tag, later_ms in ((1, 400), (2, 700)):
        lease.answered(tag, lease.session, clock.monotonic(), [1, 0, 0])
        clock.advance(later_ms)
        ages.append(lease.age_s())

    assert ages == [None, pytest.approx(0.4), pytest.approx(1.1)]
