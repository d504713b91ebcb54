"""When deliveries are tried, in virtual time: a receiver that is down, slow, flapping or gone."""

from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from webhook_deliveries import Delivering, Got, Receivers, Time, VirtualClock, delivering

from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.records import SCHEDULE_MS
from orchestra.bus.webhooks.sending import Answer
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

HOUR = 3_600


def answers(status: int) -> Callable[[Got], Awaitable[Answer]]:
    async def answer(_: Got) -> Answer:
        return Answer(status)

    return answer


def tries(attempts: list[Attempt]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for one in attempts:
        found.setdefault(one.delivery, []).append(one)
    return found


async def test_a_receiver_that_is_dead_for_an_hour_gets_everything_and_uses_up_few_tries(
    store: Store,
) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)
    back_s = HOUR

    async def dead_for_an_hour(_: Got) -> Answer:
        return Answer(500 if clock.monotonic() < back_s else 200)

    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink")
        well = await one.endpoint("well")
        receivers.answers[sink.url] = dead_for_an_hour
        told: dict[str, float] = {}
        for n in range(120):
            event = await one.happens(n)
            told[event.id] = clock.monotonic()
            await time.settle()
            await time.passes(30, 10)
        during = [got for got in receivers.of(sink.url) if got.at < back_s]
        await time.passes(2 * HOUR, 15)
        log = await one.attempts(sink)

    ended = {one.delivery for one in log if one.result == "delivered"}
    assert len(ended) == 120, "all are delivered after recovery"
    assert not [one for one in log if one.result in ("dead", "skipped")]
    assert all(got.at == told[got.json["id"]] for got in receivers.of(well.url)), "the others wait"
    assert len(receivers.of(well.url)) == 120
    # Five failures open the circuit; then one probe after 30 s, 1, 2, 4, 8, 15, 15 … minutes.
    assert 5 + 7 <= len(during) <= 5 + 9
    gaps = [b.at - a.at for a, b in pairwise(during[4:])]
    for gap, least in zip(gaps, (30, 60, 120, 240, 480, 900, 900), strict=False):
        assert least <= gap <= least + 60


async def test_tries_are_made_as_scheduled_and_the_last_one_ends_in_the_dead_letters(
    store: Store,
) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)

    async def fails_the_first(got: Got) -> Answer:
        return Answer(500 if got.json["data"]["n"] == 0 else 200)

    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink")
        receivers.answers[sink.url] = fails_the_first
        await one.happens(0)
        await time.settle()
        for n, wait_ms in enumerate(SCHEDULE_MS[1:], 1):  # what works keeps the circuit closed
            await one.happens(n)
            await time.passes(1.25 * wait_ms / 1_000, max(1, wait_ms / 1_000 / 50))
        await time.passes(HOUR, 60)
        log = await one.attempts(sink)
        [letter], _ = await one.parts.log._lines._letters.dead(sink.tenant, "~wh.whk_sink", 10)

    [failed] = [some for some in tries(log).values() if len(some) > 1]
    assert [one.attempt for one in failed] == list(range(1, 12))
    assert [one.result for one in failed] == ["failed"] * 10 + ["dead"]
    for (before, after), wait_ms in zip(pairwise(failed), SCHEDULE_MS[1:], strict=True):
        waited = after.at_ms - before.at_ms
        assert 0.8 * wait_ms <= waited <= 1.2 * wait_ms + max(2_000, wait_ms / 25)
    assert (letter.error, letter.attempts) == ("status 500", 11)
