"""When deliveries are tried, in virtual time: a receiver that is down, slow, flapping or gone."""

from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from webhook_deliveries import Got, Receivers, Time, VirtualClock, delivering

from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.records import SCHEDULE_MS
from orchestra.bus.webhooks.sending import Answer
from orchestra.clock import SystemClock
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
        for n in range(60):
            event = await one.happens(n)
            told[event.id] = clock.monotonic()
            await time.settle()
            await time.passes(60, 20)
        during = [got for got in receivers.of(sink.url) if got.at < back_s]
        await time.passes(HOUR / 2, 30)
        soon = [got for got in receivers.of(sink.url) if got.at >= back_s]
        await time.passes(7 * HOUR, 180)  # who was a probe five times waits for two hours
        log = await one.attempts(sink)

    ended = {one.delivery for one in log if one.result == "delivered"}
    assert len(ended) == 60, "all are delivered after recovery"
    assert len(soon) >= 50, "and most of them at once"
    assert not [one for one in log if one.result in ("dead", "skipped")]
    assert all(got.at == told[got.json["id"]] for got in receivers.of(well.url)), "the others wait"
    assert len(receivers.of(well.url)) == 60
    # Five failures open the circuit; then one probe after 30 s, 1, 2, 4, 8, 15, 15 … minutes.
    assert 5 + 6 <= len(during) <= 5 + 10
    gaps = [b.at - a.at for a, b in pairwise(during[4:])]
    for gap, least in zip(gaps, (30, 60, 120, 240, 480, 900, 900), strict=False):
        assert 0.8 * least <= gap <= 1.2 * least + 60


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
            await time.passes(1.25 * wait_ms / 1_000, max(1, wait_ms / 1_000 / 25))
        await time.passes(HOUR, 60)
        log = await one.attempts(sink)
        [letter], _ = await one.parts.log._lines._letters.dead(sink.tenant, "~wh.whk_sink", 10)

    [failed] = [some for some in tries(log).values() if len(some) > 1]
    assert [one.attempt for one in failed] == list(range(1, 12))
    assert [one.result for one in failed] == ["failed"] * 10 + ["dead"]
    moved_s = [got.at for got in receivers.got if got.json["data"]["n"] == 0]
    found = zip(pairwise(failed), pairwise(moved_s), SCHEDULE_MS[1:], strict=True)
    for (before, after), (since_s, at_s), wait_ms in found:
        # Time that passes beside the tests makes a wait longer, and the moves within it fewer.
        assert 0.8 * wait_ms <= after.at_ms - before.at_ms
        assert 1_000 * (at_s - since_s) <= 1.2 * wait_ms + max(2_500, wait_ms / 20)
    assert (letter.error, letter.attempts) == ("status 500", 11)


async def test_a_receiver_that_takes_14_s_keeps_nobody_else_waiting(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)

    async def slow(_: Got) -> Answer:
        await clock.sleep(14)
        return Answer(200)

    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink, well = await one.endpoint("sink"), await one.endpoint("well")
        receivers.answers[sink.url] = slow
        told: dict[str, float] = {}
        for n in range(40):
            told[(await one.happens(n)).id] = clock.monotonic()
            await time.passes(1)
        await time.passes(120, 2)

    assert len(receivers.of(sink.url)) == 40, "each is sent once"
    assert receivers.most <= 10 + 1, "ten at once to one receiver"
    assert all(got.at - told[got.json["id"]] <= 1 for got in receivers.of(well.url))


async def test_a_receiver_that_flaps_gets_everything(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)

    async def flaps(_: Got) -> Answer:
        return Answer(200 if clock.monotonic() % 61 < 40 else 503)

    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink")
        receivers.answers[sink.url] = flaps
        for n in range(50):
            await one.happens(n)
            await time.passes(7, 7)
        await time.passes(HOUR, 20)
        await time.passes(30 * HOUR, HOUR / 6 + 1)
        log = await one.attempts(sink)

    assert len({one.delivery for one in log if one.result == "delivered"}) == 50
    assert not [one for one in log if one.result == "dead"]


async def test_a_receiver_that_is_gone_is_disabled_at_once(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)
    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink")
        receivers.answers[sink.url] = answers(410)
        await one.happens(0)
        await time.settle()
        now = await one.endpoints.get(sink.tenant, sink.id)
        await one.happens(1)
        await time.passes(60, 10)
        log = await one.attempts(sink)
        told = await one.told("webhook.disabled")

    assert now.state == "disabled"
    assert "410" in now.disabled_reason
    assert len(receivers.got) == 1
    assert [one.result for one in log] == ["dead", "skipped"]
    assert [event.key for event in told] == [sink.id]


async def test_what_fails_for_five_days_is_warned_of_and_disabled(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)
    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink")
        receivers.answers[sink.url] = answers(500)
        for n in range(25):
            await one.happens(n)
        await time.settle()
        await time.passes(23 * HOUR, HOUR)
        early = await one.told("webhook.failing")
        await time.passes(3 * HOUR, HOUR)
        warned = await one.told("webhook.failing")
        for n in range(10):
            await one.happens(100 + n)
            await time.passes(9 * HOUR, HOUR)
        active = (await one.endpoints.get(sink.tenant, sink.id)).state
        await time.passes(10 * HOUR, HOUR)
        state = (await one.endpoints.get(sink.tenant, sink.id)).state
        disabled = await one.told("webhook.disabled")

    assert (len(early), len(warned), len(disabled)) == (0, 1, 1)
    assert (active, state) == ("active", "disabled")


@pytest.mark.parametrize("ordering", ["key", "all"])
async def test_order_is_kept_while_a_delivery_fails(store: Store, ordering: str) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)
    arrived: list[tuple[str, int]] = []

    async def stumbles(got: Got) -> Answer:
        n = got.json["data"]["n"]
        if n % 7 == 3 and len([one for one in receivers.got if one.id == got.id]) < 3:
            return Answer(500)
        arrived.append((got.json["subject"], n))
        return Answer(200)

    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink", ordering=ordering)
        receivers.answers[sink.url] = stumbles
        for n in range(40):
            await one.happens(n, key=f"k{n % 4}")
        await time.settle()
        await time.passes(20 * 60, 12)

    assert len(arrived) == 40
    if ordering == "all":
        assert [n for _, n in arrived] == list(range(40))
    for key in range(4):
        mine = [n for name, n in arrived if name == f"k{key}"]
        assert mine == sorted(mine)


async def test_one_that_always_fails_blocks_its_key_for_an_hour_at_most(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)

    async def poisoned(got: Got) -> Answer:
        return Answer(500 if got.json["data"]["n"] == 0 else 200)

    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        sink = await one.endpoint("sink", ordering="key")
        receivers.answers[sink.url] = poisoned
        for n in range(3):
            await one.happens(n, key="a")
        await time.settle()
        for n in range(55):
            await one.happens(100 + n, key="b")
            await time.passes(60, 30)
        before = [got.json["data"]["n"] for got in receivers.got if got.json["subject"] == "a"]
        await time.passes(15 * 60, 15)
        after = [got.json["data"]["n"] for got in receivers.got if got.json["subject"] == "a"]
        log = await one.attempts(sink)

    assert set(before) == {0}
    assert after[-2:] == [1, 2]
    assert [one.result for one in log if one.result == "dead"] == ["dead"]


async def test_no_more_a_second_than_the_endpoint_wants(store: Store) -> None:
    clock = VirtualClock(store)
    receivers = Receivers(clock)
    async with delivering(store, receivers, clock) as one:
        time = Time(clock, one)
        await one.endpoint("sink", rate_per_s=2)
        before = SystemClock().monotonic()
        for n in range(30):
            await one.happens(n)
        await time.settle()
        await time.passes(20, 0.5)
        beside_s = SystemClock().monotonic() - before

    times = [got.at for got in receivers.got]
    assert len(times) == 30
    for start in range(20):
        assert len([at for at in times if start <= at < start + 1]) <= 2 + 2  # one burst of two
    assert times[-1] + beside_s >= 13
