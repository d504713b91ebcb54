"""From an event to its receivers: who is told, once, and what is sent again."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from webhook_deliveries import Delivering, Got, Receivers, becomes, delivering, until

from orchestra.bus import Draft
from orchestra.bus.queues.records import OWN_OPTIONS
from orchestra.bus.webhooks import delivering as delivering_module
from orchestra.bus.webhooks import lines
from orchestra.bus.webhooks.circuits import queue_of
from orchestra.bus.webhooks.deliveries import DeliveryUnknown, EventGone, Wanted, WebhookDisabled
from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.replaying import ReplayRunning, Wish
from orchestra.bus.webhooks.sending import Answer
from orchestra.clock import SystemClock
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")
SOON = (0, 50, 50)
LATE = (0, 3_600_000)


@pytest.fixture
def receivers() -> Receivers:
    return Receivers(SystemClock())


def answers(status: int) -> Callable[[Got], Awaitable[Answer]]:
    async def answer(_: Got) -> Answer:
        return Answer(status)

    return answer


def numbers(got: list[Got]) -> list[int]:
    return [one.json["data"]["n"] for one in got]


async def logged(one: Delivering, endpoint: Endpoint, *results: str) -> None:
    """Until the last results of all deliveries are these."""

    async def so() -> bool:
        found = [attempt.result for attempt in await one.parts.log.last(endpoint)]
        return sorted(found) == sorted(results)

    await becomes(so)


async def test_an_event_reaches_who_asks_for_it(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", types=("thing.*",))
        await one.endpoint("b", types=("other.**",))
        event = await one.happens(1)
        await logged(one, a, "delivered")
        [attempt] = await one.attempts(a)

    [got] = receivers.got
    assert got.url == a.url
    assert got.json["id"] == event.id
    assert (attempt.result, attempt.status, attempt.attempt) == ("delivered", 200, 1)
    assert (attempt.delivery, attempt.event, attempt.type) == (got.id, event.id, "thing.happened")


async def test_an_event_that_is_handled_again_is_delivered_once(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a")
        event = await one.happens(1)
        await one.parts.handle(event)
        await becomes(lambda: one.attempts(a))
        await one.parts.handle(event)
        await one.happens(2)
        await until(lambda: len(receivers.got) == 2)

    assert len({got.id for got in receivers.got}) == 2


async def test_of_a_tenant_nobody_else_is_told(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        mine, theirs = await one.endpoint("a"), await one.endpoint("b", tenant=OTHER)
        await one.happens(1)
        await one.happens(2, tenant=OTHER)
        await logged(one, mine, "delivered")
        await logged(one, theirs, "delivered")
        foreign = msgspec.structs.replace(theirs, tenant=HOME)
        stolen, _ = await one.parts.log.page(foreign, 100)

    assert numbers(receivers.of(mine.url)) == [1]
    assert numbers(receivers.of(theirs.url)) == [2]
    assert not stolen


async def test_events_of_webhooks_go_to_who_names_them_and_not_to_whom_they_are_about(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        everything = await one.endpoint("all")
        about = await one.endpoint("about", types=("webhook.*",))
        watcher = await one.endpoint("watcher", types=("webhook.*", "thing.*"))
        await one.happens(1, key=about.id, kind="webhook.disabled")
        await one.happens(2, key="whk_x", kind="webhook.disabled")
        await one.happens(3)
        await logged(one, everything, "delivered")
        await logged(one, about, "delivered")
        await logged(one, watcher, "delivered", "delivered", "delivered")

    assert numbers(receivers.of(everything.url)) == [3]
    assert numbers(receivers.of(about.url)) == [2]


async def test_a_filter_and_sources_and_ids_choose(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        some = await one.endpoint("some", filter="event.data.n > 5")
        await one.endpoint("elsewhere", sources=("billing",))
        flows = await one.endpoint("flows", workflow_ids=("wfl_default_exe_1",))
        agents = await one.endpoint("agents", agent_ids=("agt_1",))
        for n in (5, 6):
            await one.happens(n)
        for agent in ("agt_1", "agt_2"):
            data = msgspec.Raw(msgspec.json.encode({"agent_id": agent, "n": 0}))
            draft = Draft(HOME, "agent.healthy", "/orchestra/agents", agent, data, "module")
            await one.parts.handle(await one.event(draft))
        for execution in ("exe_1", "exe_2"):
            data = msgspec.Raw(b'{"n":1}')
            draft = Draft(HOME, "step.failed", "/orchestra/workflows", execution, data, "module")
            await one.parts.handle(await one.event(draft))
        await logged(one, some, "delivered")
        await logged(one, flows, "delivered")
        await logged(one, agents, "delivered")

    assert numbers(receivers.of(some.url)) == [6]
    assert [got.json["subject"] for got in receivers.of(flows.url)] == ["exe_1"]
    assert [got.json["subject"] for got in receivers.of(agents.url)] == ["agt_1"]
    assert not receivers.of("http://elsewhere.test/")


async def test_data_over_64_kib_is_a_reference(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a")
        data = msgspec.Raw(msgspec.json.encode("x" * 70_000))
        event = await one.event(Draft(HOME, "big.one", "test", "k", data, "api"))
        await one.parts.handle(event)
        await logged(one, a, "delivered")

    assert receivers.got[0].json["data"] == {"$ref": f"/api/events/{event.id}"}


async def test_to_a_disabled_endpoint_nothing_is_sent_and_the_log_says_so(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", schedule_ms=LATE)
        receivers.answers[a.url] = answers(500)
        await one.happens(0)
        await logged(one, a, "failed")
        off = await one.endpoints.disable(a, "by somebody")
        await one.happens(1)
        await logged(one, a, "failed", "skipped")
        with pytest.raises(WebhookDisabled):
            await one.parts.log.redeliver(off, receivers.got[0].id)

    assert len(receivers.got) == 1


async def test_what_waited_when_it_was_disabled_is_skipped(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers, working=False) as one:
        a = await one.endpoint("a")
        for n in range(5):
            await one.happens(n)
        await one.endpoints.disable(a, "by somebody")
    async with delivering(store, receivers) as one:
        await logged(one, a, *["skipped"] * 5)

    assert not receivers.got


async def test_beyond_its_backlog_the_oldest_are_skipped(
    store: Store, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BACKLOG_MAX", 20)
    monkeypatch.setattr(lines, "_SHED", 5)
    async with delivering(store, receivers, working=False) as one:
        a = await one.endpoint("a")
        for n in range(22):
            await one.happens(n)
        log, told = await one.attempts(a), await one.told("webhook.backlogged")
        waiting = (await one.parts.log.health(HOME, a.id)).waiting

    assert [(attempt.result, attempt.detail) for attempt in log] == [("skipped", "backlog")] * 5
    assert waiting == 17
    assert [event.key for event in told] == [a.id]
    assert OWN_OPTIONS.depth_max > 20


async def test_beyond_the_bytes_of_its_tenant_the_oldest_of_the_heaviest_are_skipped(
    store: Store, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering_module, "BACKLOG_BYTES_MAX", 60_000)
    monkeypatch.setattr(lines, "_SHED", 3)
    async with delivering(store, receivers, working=False) as one:
        quiet = await one.endpoint("quiet", types=("small",))
        loud = await one.endpoint("loud", types=("large",))
        apart = await one.endpoint("apart", types=("large",), tenant=OTHER)
        for n in range(3):
            await one.happens(n, kind="small")
        for n in range(14):
            for tenant in (HOME, OTHER) if n < 5 else (HOME,):
                data = msgspec.Raw(msgspec.json.encode({"n": n, "text": "x" * 10_000}))
                draft = Draft(tenant, "large", "test", "k", data, "api")
                await one.parts.handle(await one.event(draft))
        deliverer = one.parts.deliverer
        [buried] = await deliverer._lines.receive(loud, 1)
        queues, queue = deliverer._lines.queues, queue_of(loud.id)
        await queues.settle(HOME, queue, [buried.receipt], "bury", error="no use")

        for _ in range(2):
            await deliverer.sweep()
            found = await deliverer._lines.look([quiet, loud, apart])
            weights = {endpoint.name: glance.weight for endpoint, glance in found}
            waiting = {endpoint.name: glance.depth for endpoint, glance in found}
            assert 40_000 < weights["loud"] <= 60_000 - weights["quiet"]
            assert waiting == {"quiet": 3, "loud": 5, "apart": 5}
        skipped = [attempt.detail for attempt in await one.attempts(loud)]
        told = await one.told("webhook.backlogged")
        letters = (await queues.look(HOME, queue)).counts.dead
        for received in await deliverer._lines.receive(loud, 10):
            await queues.settle(HOME, queue, [received.receipt], "done")
        [(_, empty)] = await deliverer._lines.look([loud])

    assert (skipped, letters) == (["backlog"] * 8, 0)  # the dead one has gone first
    assert [event.key for event in told] == [loud.id]
    assert (empty.depth, empty.weight) == (0, 0)


async def test_a_test_is_one_attempt_now_that_the_circuit_does_not_hear_of(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers, working=False) as one:
        a = await one.endpoint("a")
        receivers.answers[a.url] = answers(503)
        event = await one.happens(1)
        attempt = await one.parts.deliverer.deliver_now(a, event, test=True)
        health = await one.parts.log.health(HOME, a.id)
        [kept] = await one.attempts(a)

    assert (attempt.status, attempt.result, attempt.error) == (503, "dead", "status")
    assert (kept.trigger, kept.status) == ("test", 503)
    assert (health.circuit.state, health.circuit.failures) == ("closed", 0)


async def test_one_that_waits_for_its_next_try_is_tried_now(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", schedule_ms=LATE)
        receivers.answers[a.url] = answers(500)
        await one.happens(1)
        await logged(one, a, "failed")
        del receivers.answers[a.url]
        done = await one.parts.log.redeliver(a, receivers.got[0].id)
        await logged(one, a, "delivered")

    assert done == "due"
    assert len({got.id for got in receivers.got}) == 1


async def test_a_dead_one_comes_back_once(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", schedule_ms=SOON)
        receivers.answers[a.url] = answers(500)
        await one.happens(1)
        await logged(one, a, "dead")
        await becomes(lambda: one.told("webhook.exhausted"))
        [told] = await one.told("webhook.exhausted")
        del receivers.answers[a.url]
        done = await one.parts.log.redeliver(a, receivers.got[0].id)
        await logged(one, a, "delivered")

    assert done == "queued"
    assert len(receivers.got) == 3 + 1
    assert msgspec.json.decode(told.data)["delivery_id"] == receivers.got[0].id


async def test_one_that_arrived_is_sent_again_under_its_id(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a")
        await one.happens(1)
        await logged(one, a, "delivered")
        await one.parts.log.redeliver(a, receivers.got[0].id)
        await until(lambda: len(receivers.got) == 2)
        with pytest.raises(DeliveryUnknown):
            await one.parts.log.redeliver(a, "dlv_x")
        forgotten = msgspec.structs.replace((await one.attempts(a))[-1], event="evt_0")
        with pytest.raises(EventGone):
            await one.parts.log.again(a, forgotten, "redelivery")

    assert receivers.got[0].id == receivers.got[1].id


async def test_what_happened_is_replayed(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", types=("thing.*",))
        for n in range(10):
            await one.happens(n, kind="thing.happened" if n % 2 else "other.happened")
        await logged(one, a, *["delivered"] * 5)
        replay = await one.parts.replays.begin(a, Wish(0, 2**50))
        with pytest.raises(ReplayRunning):
            await one.parts.replays.begin(a, Wish(0, 2**50))

        async def over() -> bool:
            return (await one.parts.replays.job(a)).state == "completed"

        await becomes(over)
        await until(lambda: len(receivers.got) == 10)
        done = await one.parts.replays.job(a)

    assert (done.id, done.sent) == (replay.id, 5)
    assert sorted(numbers(receivers.got)) == sorted([1, 3, 5, 7, 9] * 2)
    assert len({got.id for got in receivers.got}) == 5


async def test_only_what_failed_is_replayed(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", schedule_ms=(0,))

        async def odd_ones(got: Got) -> Answer:
            return Answer(500 if got.json["data"]["n"] % 2 else 200)

        receivers.answers[a.url] = odd_ones
        for n in range(8):
            await one.happens(n)
        await logged(one, a, *["delivered", "dead"] * 4)
        del receivers.answers[a.url]
        await one.parts.replays.begin(a, Wish(0, 2**50, failed_only=True))
        await logged(one, a, *["delivered"] * 8)

    assert sorted(numbers(receivers.got)[8:]) == [1, 3, 5, 7]


async def test_a_replay_keeps_its_rate_and_can_be_stopped(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        for n in range(300):
            await one.happens(n)
        a = await one.endpoint("a")
        before = SystemClock().now_ms()
        await one.parts.replays.begin(a, Wish(0, 2**50), per_s=10)
        await until(lambda: len(receivers.got) >= 5)
        took_ms = SystemClock().now_ms() - before
        stopped = await one.parts.replays.job(a, stop=True)
        again = await one.parts.replays.job(a)

    assert took_ms >= 450
    assert stopped.state == again.state == "stopped"
    assert again.ended_ms is not None
    assert len(receivers.got) < 300


async def test_the_log_is_paged_and_filtered(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", schedule_ms=(0,))

        async def odd_ones(got: Got) -> Answer:
            return Answer(500 if got.json["data"]["n"] % 2 else 200)

        receivers.answers[a.url] = odd_ones
        for n in range(6):
            await one.happens(n, kind=f"thing.{n}")
        await logged(one, a, *["delivered", "dead"] * 3)
        first, cursor = await one.parts.log.page(a, 4)
        rest, end = await one.parts.log.page(a, 4, cursor)
        dead, _ = await one.parts.log.page(a, 50, None, Wanted(result="dead"))
        typed, _ = await one.parts.log.page(a, 50, None, Wanted(type="thing.2"))
        late, _ = await one.parts.log.page(a, 50, None, Wanted(since_ms=2**50))

    assert len({attempt.id for attempt in (*first, *rest)}) == 6
    assert end is None
    assert len(dead) == 3
    assert [attempt.type for attempt in typed] == ["thing.2"]
    assert not late


async def test_of_a_deleted_endpoint_nothing_stays(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a")
        receivers.answers[a.url] = answers(500)
        await one.happens(1)
        await logged(one, a, "failed")
        await one.endpoints.remove(a)
        await becomes(lambda: nothing_of(store, a))


async def nothing_of(store: Store, endpoint: Endpoint) -> bool:
    """Whether no key but what repeats find has the id of the endpoint."""
    for tag in store.partitions:
        prefix = store.prefix(tag)
        keys = await store.read(prefix, "KEYS", f"{prefix}*{endpoint.id}*")
        if [key for key in keys if b":i:" not in key]:
            return False
    return True
