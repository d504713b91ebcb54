"""Queues on a real store: sent, leased, settled once, retried, buried, put back."""

from collections import Counter

import anyio
import msgspec
import pytest
from queue_store import bodies, counted, letters_of, queues_of, sent, taken
from store_time import passes

from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import (
    Change,
    MessageTooLarge,
    Options,
    QueueFull,
    QueueNotEmpty,
    QueueUnknown,
    Received,
    RedriveRunning,
)
from orchestra.clock import SystemClock
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


@pytest.fixture
def queues(store: Store) -> Queues:
    return queues_of(store)


async def test_messages_come_in_order_of_priority_and_arrival(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent(n, priority=n % 4) for n in range(12)])

    found = bodies(await taken(queues))

    assert found == sorted(range(12), key=lambda n: (n % 4, n))
    assert await counted(queues) == (0, 12, 0, 0)


async def test_a_message_is_settled_once(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent(1)])
    [one] = await taken(queues)

    first = await queues.settle(HOME, "q", [one.receipt], "done")
    second = await queues.settle(HOME, "q", [one.receipt], "done")

    assert (first, second) == (["ok"], ["gone"])
    assert await counted(queues) == (0, 0, 0, 0)


async def test_what_failed_comes_again_in_its_place_with_the_next_attempt(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent(n) for n in range(3)])
    first = (await taken(queues, 1))[0]
    await queues.settle(HOME, "q", [first.receipt], "again", delay_ms=0)

    found = await taken(queues)

    assert bodies(found) == [0, 1, 2]
    assert [one.attempt for one in found] == [2, 1, 1]


async def test_a_lease_that_ran_out_gives_the_message_to_the_next(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent(1)])
    [lost] = await taken(queues, lease_ms=1)
    [found] = await until_taken(queues)

    assert found.attempt == 2
    assert await queues.settle(HOME, "q", [lost.receipt], "done") == ["gone"]
    assert await queues.extend(HOME, "q", [lost.receipt], 1_000) == ["gone"]
    assert await queues.settle(HOME, "q", [found.receipt], "done") == ["ok"]


async def test_an_extended_lease_holds(queues: Queues, store: Store) -> None:
    await queues.send(HOME, "q", [sent(1)])
    [one] = await taken(queues, lease_ms=60_000)

    assert await queues.extend(HOME, "q", [one.receipt], 600_000) == ["ok"]

    await passes(store, 60_001)
    assert await taken(queues) == []
    assert await queues.settle(HOME, "q", [one.receipt], "done") == ["ok"]


async def test_a_poison_message_is_buried_with_its_reason_and_blocks_nobody(
    queues: Queues, store: Store
) -> None:
    await queues.save(HOME, "q", Options(tries_max=3))
    await queues.send(HOME, "q", [sent("bad", group="g"), sent("good", group="g"), sent("free")])
    handled: list[object] = []
    while found := await taken(queues):
        for one in found:
            if bodies([one]) == ["bad"]:
                await queues.settle(HOME, "q", [one.receipt], "again", delay_ms=0, error="boom")
            else:
                handled += bodies([one])
                await queues.settle(HOME, "q", [one.receipt], "done")

    letters, more = await letters_of(store).dead(HOME, "q", 50, None)

    assert handled == ["free", "good"]
    assert [(one.error, one.attempts, one.group) for one in letters] == [("boom", 3, "g")]
    assert more is None
    assert await counted(queues) == (0, 0, 0, 1)


async def test_a_message_that_kills_its_workers_is_buried(queues: Queues, store: Store) -> None:
    await queues.save(HOME, "q", Options(tries_max=2))
    await queues.send(HOME, "q", [sent("killer")])
    for _ in range(2):
        await until_taken(queues, lease_ms=1)
    with anyio.fail_after(60):
        while (await counted(queues))[3] == 0:  # noqa: ASYNC110  -- time passes in the store
            await anyio.sleep(0.01)

    [letter], _ = await letters_of(store).dead(HOME, "q", 50, None)

    assert letter.error.startswith("the lease ran out")
    assert letter.attempts == 2


async def test_one_of_a_group_is_in_flight_and_they_keep_their_order(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent([n, g], group=f"g{g}") for n in range(5) for g in range(3)])
    await queues.send(HOME, "q", [sent([5, 0], group="g0", priority=0)])
    order: dict[int, list[int]] = {0: [], 1: [], 2: []}
    while found := await taken(queues):
        groups = Counter(one.group for one in found)
        assert max(groups.values()) == 1
        for one in found:
            n, g = msgspec.json.decode(one.body, type=tuple[int, int])
            order[g].append(n)
            await queues.settle(HOME, "q", [one.receipt], "done")

    assert order == {0: [0, 1, 2, 3, 4, 5], 1: [0, 1, 2, 3, 4], 2: [0, 1, 2, 3, 4]}


async def test_groups_may_be_called_anything(queues: Queues) -> None:
    names = ["a", "a|b", "a\x01", "a\x01b", "\n", "%s", "é|", "[", "a b"]
    await queues.send(HOME, "q", [sent([n, g], group=g) for n in range(3) for g in names])
    order: dict[str, list[int]] = {name: [] for name in names}
    while found := await taken(queues):
        assert len({one.group for one in found}) == len(found) == len(names)
        for one in found:
            n, group = msgspec.json.decode(one.body, type=tuple[int, str])
            assert one.group == group
            order[group].append(n)
        await queues.settle(HOME, "q", [one.receipt for one in found], "done")

    assert order == {name: [0, 1, 2] for name in names}


async def test_a_head_that_waits_holds_its_group_back(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent(1, group="g", delay_ms=60_000), sent(2, group="g")])

    assert await taken(queues) == []
    assert await counted(queues) == (1, 0, 1, 0)


async def test_delayed_messages_come_when_they_are_due(queues: Queues, store: Store) -> None:
    await queues.send(HOME, "q", [sent("later", delay_ms=10_000), sent("now")])

    assert bodies(await taken(queues)) == ["now"]
    assert await taken(queues) == []
    await passes(store, 10_000)
    assert bodies(await until_taken(queues)) == ["later"]


async def test_the_same_dedup_is_the_same_message(queues: Queues) -> None:
    first = await queues.send(HOME, "q", [sent(1, dedup="a"), sent(2, dedup="a"), sent(3)])
    second = await queues.send(HOME, "q", [sent(4, dedup="a")])
    await queues.send(OTHER, "q", [sent(5, dedup="a")])

    assert first[0] == first[1] == second[0]
    assert bodies(await taken(queues)) == [1, 3]
    await queues.drop(HOME, "q", purge=True)
    await queues.send(HOME, "q", [sent(6, dedup="a")])
    assert bodies(await taken(queues)) == [6]


async def test_a_full_queue_takes_all_of_a_batch_or_none(queues: Queues) -> None:
    await queues.save(HOME, "q", Options(depth_max=3))
    await queues.send(HOME, "q", [sent(1), sent(2)])

    with pytest.raises(QueueFull) as full:
        await queues.send(HOME, "q", [sent(3), sent(4)])

    assert full.value.retry_after_ms
    assert await counted(queues) == (2, 0, 0, 0)
    with pytest.raises(MessageTooLarge):
        await queues.send(HOME, "q", [sent("x" * 262_144)])


async def test_a_queue_with_something_in_it_is_deleted_only_with_it(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent(1)])

    with pytest.raises(QueueNotEmpty):
        await queues.drop(HOME, "q", purge=False)
    await queues.drop(HOME, "q", purge=True)

    assert await queues.names(HOME) == []
    with pytest.raises(QueueUnknown):
        await queues.receive(HOME, "q", 1, None)


async def test_options_change_and_the_others_stay(queues: Queues) -> None:
    assert await queues.save(HOME, "q", Options(tries_max=7))
    assert not await queues.save(HOME, "q", Options(tries_max=8))
    await queues.change(HOME, "q", Change(backoff_ms=(1, 2)))
    await queues.ensure(HOME, "q", Options())

    found = await queues.look(HOME, "q")

    assert found.options == Options(tries_max=8, backoff_ms=(1, 2))
    with pytest.raises(QueueUnknown):
        await queues.change(HOME, "none", Change(tries_max=1))


async def test_dead_letters_come_back_once(queues: Queues, store: Store) -> None:
    letters = letters_of(store)
    ids = await buried(queues, 3)

    first = await letters.redrive(HOME, "q", [*ids[:2], "msg_none"])
    second = await letters.redrive(HOME, "q", ids[:2])

    assert (first, second) == (2, 0)
    assert await counted(queues) == (2, 0, 0, 1)
    assert [one.attempt for one in await taken(queues)] == [1, 1]
    assert await letters.forget_dead(HOME, "q", ids) == 1


async def test_a_page_of_dead_letters_goes_on_where_the_last_one_ended(
    queues: Queues, store: Store
) -> None:
    letters, seen = letters_of(store), list[str]()
    ids, more = await buried(queues, 7), None
    for _ in range(4):
        found, more = await letters.dead(HOME, "q", 2, more)
        seen += [one.id for one in found]

    assert seen == ids
    assert more is None
    assert await letters.forget_dead(HOME, "q", None) == 7


async def test_a_redrive_keeps_its_rate_and_can_be_stopped(queues: Queues, store: Store) -> None:
    letters = letters_of(store)
    await buried(queues, 30)
    [part] = await queues.parts(HOME, "q")
    before = SystemClock().now_ms()
    begun = await letters.begin(HOME, "q", per_s=1)
    with pytest.raises(RedriveRunning):
        await letters.begin(HOME, "q", per_s=1)
    for _ in range(9):
        await passes(store, 1_000)
        await letters.step(part)  # everybody may, the store keeps the rate
        await letters.step(part)
    stopped = await letters.job(HOME, "q", stop=True)

    took_s = 9 + (SystemClock().now_ms() - before) / 1_000
    assert 9 <= stopped.moved <= 1 + took_s
    assert (begun.state, begun.total) == ("running", 30)
    assert stopped.state == "stopped"
    assert not await letters.step(part)
    again = await letters.begin(HOME, "q", per_s=10_000)
    with anyio.fail_after(60):
        while await letters.step(part):  # noqa: ASYNC110  -- time passes in the store
            await anyio.sleep(0.001)
    done = await letters.job(HOME, "q")
    assert (done.id, done.state, done.moved) == (again.id, "completed", 30 - stopped.moved)
    assert await counted(queues) == (30, 0, 0, 0)


async def test_tenants_share_nothing(queues: Queues, store: Store) -> None:
    await queues.send(HOME, "q", [sent(1)])
    await queues.send(OTHER, "q", [sent(2)])
    [mine] = await taken(queues)

    assert await queues.settle(OTHER, "q", [mine.receipt], "done") == ["gone"]
    assert await queues.extend(OTHER, "q", [mine.receipt], 1_000) == ["gone"]
    theirs, _ = await queues.receive(OTHER, "q", 10, None)
    assert bodies(theirs) == [2]
    assert await queues.names(OTHER) == ["q"]
    await queues.drop(OTHER, "q", purge=True)
    assert await queues.settle(HOME, "q", [mine.receipt], "done") == ["ok"]


async def test_only_the_killer_is_buried_not_what_died_beside_it(queues: Queues) -> None:
    await queues.save(HOME, "q", Options(tries_max=100))
    await queues.send(HOME, "q", [sent(n, group=f"g{n % 3}" if n % 2 else "") for n in range(20)])
    killer, done = 7, list[object]()
    with anyio.fail_after(60):
        while any((await counted(queues))[:3]):
            held = await taken(queues)
            receipts = [one.receipt for one in held]
            if killer in bodies(held):  # its worker dies, with all that is in hand
                await queues.extend(HOME, "q", receipts, 1)
            else:
                await queues.settle(HOME, "q", receipts, "done")
                done += bodies(held)

    found = await queues.look(HOME, "q")
    assert sorted(map(str, done)) == sorted(str(n) for n in range(20) if n != killer)
    assert (found.counts.dead, found.totals.dead) == (1, 1)


async def until_taken(queues: Queues, lease_ms: int = 30_000) -> list[Received]:
    with anyio.fail_after(60):
        while not (found := await taken(queues, lease_ms=lease_ms)):  # noqa: ASYNC110  -- time passes in the store
            await anyio.sleep(0.005)
    return found


async def buried(queues: Queues, count: int) -> list[str]:
    ids = await queues.send(HOME, "q", [sent(n) for n in range(count)])
    for one in await taken(queues):
        await queues.settle(HOME, "q", [one.receipt], "bury", error="no")
    return ids
