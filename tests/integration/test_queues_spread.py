"""Queues that are spread over all partitions: as one queue to whoever uses them."""

import random

import pytest
from queue_store import bodies, counted, letters_of, queues_of, sent, taken

from orchestra.bus.queues.queues import Outcome, Queues
from orchestra.bus.queues.records import Change, Options, QueueFull, QueueNotEmpty, QueueUnknown
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio


@pytest.fixture
def queues(store: Store) -> Queues:
    return queues_of(store)


@pytest.fixture
async def spread(queues: Queues) -> Queues:
    await queues.save(HOME, "q", Options(tries_max=1, spread=True))
    return queues


async def emptied(queues: Queues) -> list[object]:
    """Everything, acknowledged."""
    found: list[object] = []
    while more := await taken(queues):
        found += bodies(more)
        receipts = [one.receipt for one in more]
        assert await queues.settle(HOME, "q", receipts, "done") == ["ok"] * len(receipts)
    return found


async def test_what_is_sent_lies_everywhere_and_is_received_from_everywhere(
    spread: Queues, store: Store
) -> None:
    for n in range(200):
        await spread.send(HOME, "q", [sent(n)])
    used = 0
    for tag in store.partitions:
        prefix = store.prefix(tag)
        used += await store.read(prefix, "EXISTS", f"{prefix}mq:{HOME}:q:r")
    ready, *_ = await counted(spread)
    found = await emptied(spread)

    assert used > len(store.partitions) // 2
    assert ready == 200
    assert sorted(found, key=str) == sorted(range(200), key=str)
    assert await counted(spread) == (0, 0, 0, 0)


async def test_a_batch_comes_back_with_its_ids_in_order_and_groups_stay_in_order(
    spread: Queues,
) -> None:
    batch = [sent(n, group=f"g{n % 7}" if n % 2 else "") for n in range(100)]
    ids = await spread.send(HOME, "q", batch)
    by_id: dict[str, object] = {}
    order = dict[str | None, list[object]]()
    while found := await taken(spread):
        for one in found:
            [body] = bodies([one])
            by_id[one.id] = body
            order.setdefault(one.group, []).append(body)
        await spread.settle(HOME, "q", [one.receipt for one in found], "done")

    assert [by_id[one] for one in ids] == list(range(100))
    for group in range(7):
        assert order[f"g{group}"] == [n for n in range(100) if n % 2 and n % 7 == group]


async def test_one_of_a_group_is_in_flight(spread: Queues) -> None:
    await spread.send(HOME, "q", [sent(n, group="g") for n in range(3)])

    first = await taken(spread)

    assert bodies(first) == [0]
    assert await taken(spread) == []
    await spread.settle(HOME, "q", [first[0].receipt], "done")
    assert bodies(await taken(spread)) == [1]


async def test_a_receipt_is_good_once_and_in_its_queue_only(spread: Queues) -> None:
    await spread.save(HOME, "other", Options(spread=True))
    await spread.send(HOME, "q", [sent(1)])
    [one] = await taken(spread)

    assert await spread.settle(HOME, "other", [one.receipt], "done") == ["gone"]
    assert await spread.extend(HOME, "q", [one.receipt], 60_000) == ["ok"]
    assert await spread.settle(HOME, "q", [one.receipt, "x"], "done") == ["ok", "gone"]
    assert await spread.settle(HOME, "q", [one.receipt], "done") == ["gone"]


async def test_the_same_dedup_is_the_same_message(spread: Queues) -> None:
    [first] = await spread.send(HOME, "q", [sent(1, dedup="a")])
    again = await spread.send(HOME, "q", [sent(2, dedup="a"), sent(3)])

    assert again[0] == first
    assert sorted(map(str, await emptied(spread))) == ["1", "3"]


async def test_a_full_queue_refuses_wherever_a_message_would_go(queues: Queues) -> None:
    await queues.save(HOME, "q", Options(depth_max=10, spread=True))
    for n in range(10):
        await queues.send(HOME, "q", [sent(n)])

    with pytest.raises(QueueFull):
        await queues.send(HOME, "q", [sent("more")])
    await queues.settle(HOME, "q", [one.receipt for one in await taken(queues)], "done")
    await queues.send(HOME, "q", [sent("again")])
    with pytest.raises(QueueFull):
        await queues.send(HOME, "q", [sent(n) for n in range(10)])


async def test_another_replica_learns_that_it_is_spread(queues: Queues, store: Store) -> None:
    theirs = queues_of(store)
    await queues.send(HOME, "q", [sent(0)])  # ours takes it for one that is not
    assert await emptied(queues) == [0]
    await theirs.change(HOME, "q", Change(spread=True))
    for n in range(40):
        await theirs.send(HOME, "q", [sent(n)])

    found = await emptied(queues)
    for n in range(40):
        await queues.send(HOME, "q", [sent(n)])
    await emptied(theirs)
    await queues.change(HOME, "q", Change(spread=False))
    await theirs.send(HOME, "q", [sent("gathered")])

    assert len(found) == 40
    assert await emptied(queues) == ["gathered"]


@pytest.mark.parametrize("was", [True, False])
async def test_what_is_not_empty_is_neither_spread_nor_gathered(queues: Queues, was: bool) -> None:
    await queues.save(HOME, "q", Options(spread=was))
    for n in range(3):
        await queues.send(HOME, "q", [sent(n)])

    with pytest.raises(QueueNotEmpty):
        await queues.change(HOME, "q", Change(spread=not was))
    with pytest.raises(QueueNotEmpty):
        await queues.save(HOME, "q", Options(spread=not was))

    assert (await queues.look(HOME, "q")).options.spread is was
    assert len(await emptied(queues)) == 3
    await queues.change(HOME, "q", Change(spread=not was))
    assert (await queues.look(HOME, "q")).options.spread is not was


async def test_options_are_for_all_parts(spread: Queues) -> None:
    await spread.change(HOME, "q", Change(tries_max=2))
    ids: list[str] = []
    for n in range(20):
        ids += await spread.send(HOME, "q", [sent(n)])

    for one in await taken(spread):
        assert await spread.settle(HOME, "q", [one.receipt], "again", delay_ms=0) == ["ok"]
    for one in await taken(spread):
        assert one.attempt == 2
        assert await spread.settle(HOME, "q", [one.receipt], "again") == ["dead"]

    assert await counted(spread) == (0, 0, 0, 20)


async def test_dead_letters_of_all_parts_are_listed_and_come_back_once(
    spread: Queues, store: Store
) -> None:
    letters, ids = letters_of(store), list[str]()
    for n in range(50):
        ids += await spread.send(HOME, "q", [sent(n)])
    receipts = [one.receipt for one in await taken(spread)]
    assert set(await spread.settle(HOME, "q", receipts, "again", error="no")) == {"dead"}
    seen, at = list[str](), None
    while True:
        page, at = await letters.dead(HOME, "q", 7, at)
        seen += [one.id for one in page]
        if at is None:
            break

    assert sorted(seen) == sorted(ids)
    assert await letters.redrive(HOME, "q", ids[:3]) == 3
    assert await letters.redrive(HOME, "q", ids[:5]) == 2
    job = await letters.begin(HOME, "q", per_s=10_000)
    assert (job.total, job.per_s) == (45, 10_000)
    parts = await spread.parts(HOME, "q")
    while (job := await letters.job(HOME, "q")).state == "running":
        for part in parts:
            await letters.step(part)
    assert (job.moved, job.state) == (45, "completed")
    assert await counted(spread) == (50, 0, 0, 0)
    totals = (await spread.look(HOME, "q")).totals
    assert (totals.sent, totals.dead, totals.redriven) == (50, 50, 50)
    assert await letters.forget_dead(HOME, "q", None) == 0


async def test_all_parts_go_with_the_queue(spread: Queues, store: Store) -> None:
    for n in range(50):
        await spread.send(HOME, "q", [sent(n)])
    with pytest.raises(QueueNotEmpty):
        await spread.drop(HOME, "q", purge=False)
    assert await counted(spread) == (50, 0, 0, 0)

    await spread.drop(HOME, "q", purge=True)

    with pytest.raises(QueueUnknown):
        await spread.look(HOME, "q")
    with pytest.raises(QueueUnknown):
        await spread.receive(HOME, "q", 1, None)
    for tag in store.partitions:
        prefix = store.prefix(tag)
        assert not await store.read(prefix, "EXISTS", f"{prefix}mq:{HOME}:q:c")
    await spread.save(HOME, "q", Options(spread=True))
    assert await counted(spread) == (0, 0, 0, 0)


async def test_messages_of_all_parts_are_looked_at(spread: Queues) -> None:
    ids: list[str] = []
    for n in range(30):
        ids += await spread.send(HOME, "q", [sent(n)])
    seen, at = list[str](), (0, 0)
    while at is not None:
        page, at = await spread.peek(HOME, "q", "ready", at, 4)
        seen += [one.id for one in page]

    assert sorted(seen) == sorted(ids)
    assert await counted(spread) == (30, 0, 0, 0)


class Drive:
    """Two replicas use a spread queue at random; what must be true is kept beside it."""

    def __init__(self, store: Store, seed: int) -> None:
        self.replicas, self.letters = [queues_of(store), queues_of(store)], letters_of(store)
        self.chance = random.Random(seed)
        self.order = dict[str, list[str]]()
        self.held = dict[str, tuple[str, str]]()
        self.ended = dict[str, str]()

    @property
    def queues(self) -> Queues:
        """Of either replica."""
        return self.chance.choice(self.replicas)

    async def send(self) -> None:
        """Some, in groups or not."""
        groups = [self.chance.choice(["", "", "a", "b", "c"]) for _ in range(4)]
        for group, one in zip(
            groups,
            await self.queues.send(HOME, "q", [sent(1, group=group) for group in groups]),
            strict=True,
        ):
            self.order.setdefault(group, []).append(one)

    async def receive(self) -> None:
        """Some: only the head of a group, and nothing that has ended."""
        found, _ = await self.queues.receive(HOME, "q", self.chance.randint(1, 9), 600_000)
        for one in found:
            assert one.id not in self.ended
            assert one.id not in self.held
            if one.group:
                head = next(each for each in self.order[one.group] if each not in self.ended)
                assert one.id == head, "the order of the group is broken"
            self.held[one.id] = (one.receipt, one.group or "")

    async def settle(self) -> None:
        """One of those that are held, in any way, twice."""
        if not self.held:
            return
        message = self.chance.choice(sorted(self.held))
        receipt, _ = self.held.pop(message)
        outcome: Outcome = self.chance.choice(["done", "done", "again", "postpone", "bury"])
        result = await self.queues.settle(HOME, "q", [receipt], outcome, delay_ms=0)
        assert await self.queues.settle(HOME, "q", [receipt], outcome) == ["gone"]
        if outcome == "done" or result == ["dead"]:
            self.ended[message] = "done" if outcome == "done" else "dead"

    async def redrive(self) -> None:
        """A dead one comes back, once, at the end of its group."""
        dead = sorted(one for one, end in self.ended.items() if end == "dead")
        if not dead:
            return
        message = self.chance.choice(dead)
        assert await self.letters.redrive(HOME, "q", [message, message]) == 1
        del self.ended[message]
        for group in self.order.values():
            if message in group:
                group.remove(message)
                group.append(message)

    async def check(self) -> None:
        """Counts and totals are what they should be."""
        found = await self.queues.look(HOME, "q")
        there = sum(map(len, self.order.values())) - len(self.ended)
        dead = sum(end == "dead" for end in self.ended.values())
        assert (found.counts.depth, found.counts.dead) == (there, dead)
        assert found.counts.in_flight == len(self.held)
        totals = found.totals
        assert totals.sent + totals.redriven == totals.acked + totals.dead + there

    async def run(self) -> None:
        """All of it; then everything is done."""
        await self.queues.save(HOME, "q", Options(tries_max=3, spread=True))
        acts = [self.send, self.receive, self.receive, self.settle, self.settle, self.redrive]
        for _ in range(250):
            await self.chance.choice(acts)()
        await self.check()
        while len(self.ended) < sum(map(len, self.order.values())):
            await self.receive()
            await self.settle()
        await self.check()
        with pytest.raises(QueueNotEmpty):
            await self.queues.drop(HOME, "q", purge=False)
        await self.queues.drop(HOME, "q", purge=True)
        for replica in self.replicas:
            with pytest.raises(QueueUnknown):
                await replica.receive(HOME, "q", 1, None)


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_lost_settled_twice_or_out_of_order(store: Store, seed: int) -> None:
    await Drive(store, seed).run()
