"""The scripts of queues answer exactly as a model of them, whatever is asked in whatever order."""

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from queue_model import Model

from orchestra.bus.queues.calls import Calls
from orchestra.clock import SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.opening import StoreOptions, open_store

TRIES, WAIT_MS, LEASE_MS = 4, 200, 1_000
OUTCOMES = "DDYYPXB"
STEP = st.tuples(
    st.sampled_from(
        "send send receive receive settle settle lose lose wait extend redrive forget".split()
    ),
    st.integers(0, 2**16),
)


class Drive:
    """Asks the store and the model the same."""

    def __init__(self, store: Store, queue: str, lost_max: int) -> None:
        self.store, self.queue = store, queue
        self.scripts = Calls(store)._scripts
        self.prefix = store.prefix(store.partitions[0])
        self.now, self.asked = 1_000_000, 0
        self.name = f"{system_random().getrandbits(32):08x}"  # calls of an example before are known
        self.model = Model(TRIES, lost_max, WAIT_MS)
        self.receipts: list[tuple[str, str]] = []

    async def call(self, script: str, *args: object) -> Any:
        """One script, now."""
        argv = (str(self.now), self.queue, *map(str, args))
        source = self.scripts[script].source
        return await self.store.call(self.prefix, "EVAL", source, 1, self.prefix, *argv)

    async def step(self, what: str, number: int) -> None:
        """One call, and everything that can be seen after it."""
        self.asked += 1
        acts: dict[str, Callable[[int], Any]] = {
            "send": self.send, "receive": self.receive, "settle": self.settle, "wait": self.wait,
            "lose": self.lose,
            "extend": self.extend, "redrive": partial(self.of_dead, "redrive"),
            "forget": partial(self.of_dead, "forget"),
        }  # fmt: skip
        await acts[what](number)
        await self.compare()

    async def send(self, number: int) -> None:
        """Up to three."""
        more: list[object] = []
        for n in range(number % 3 + 1):
            choice = number >> 2 * n
            message = f"m{self.asked:04}{n}"
            group, priority = ["", "", "a", "b"][choice % 4], choice // 4 % 4
            delay = 300 if choice // 16 % 4 == 0 else 0
            more += [message, priority, delay, group, "", '"x"']
            self.model.send(message, priority, group, self.now + delay if delay else 0, self.now)
        token = f"s{self.name}{self.asked}"
        first = await self.call("queue_send", token, 60_000, 60_000, 0, *more)
        assert first[0] == 1
        assert await self.call("queue_send", token, 60_000, 60_000, 0, *more) == first

    async def receive(self, number: int) -> None:
        """Up to eight; and the same again, as the reply may be lost."""
        token, most = f"{self.name}{self.asked:08x}", number % 8 + 1
        args = (token, most, LEASE_MS, 60_000, 0)
        reply = await self.call("queue_receive", *args)
        ids = [one.decode() for one in reply[2::5]]
        told = list(zip(ids, reply[3::5], strict=True))
        assert told == self.model.receive(most, token, self.now + LEASE_MS, self.now)
        if told:
            assert (await self.call("queue_receive", *args))[2:] == reply[2:]
        self.receipts += [(one, token) for one in ids]

    async def lose(self, number: int) -> None:
        """A worker takes some and dies."""
        await self.receive(number)
        self.now += LEASE_MS

    async def settle(self, number: int) -> None:
        """With a receipt of any age; and again."""
        if not self.receipts:
            return
        message, token = self.receipts[-1 - number % min(len(self.receipts), 12)]
        outcome = OUTCOMES[number // 16 % len(OUTCOMES)]
        args = (outcome, WAIT_MS if outcome == "P" else "", "why", message, token, 1)
        expected = self.model.settle(message, token, outcome, self.now)
        assert await self.call("queue_settle", *args) == [expected]
        assert await self.call("queue_settle", *args) == [0]

    async def extend(self, number: int) -> None:
        """With a receipt of any age."""
        if not self.receipts:
            return
        message, token = self.receipts[-1 - number % min(len(self.receipts), 12)]
        expected = self.model.extend(message, token, self.now + 500)
        assert await self.call("queue_extend", 500, message, token) == [expected]

    async def of_dead(self, what: str, number: int) -> None:
        """Put one back, or throw it away, twice; or one that is not dead."""
        choices = [one.id for one in self.model.of("z") or self.model.items.values()]
        if not choices:
            return
        message = choices[number % len(choices)]
        for _ in range(2):
            if what == "redrive":
                expected = self.model.redrive(message, self.now)
                assert await self.call("queue_redrive", message) == [expected]
            else:
                expected = self.model.forget(message)
                assert await self.call("queue_dead_drop", 0, "", message) == [1, expected]

    async def wait(self, number: int) -> None:
        """Time passes."""
        self.now += [1, 100, 250, 1_000][number % 4]

    async def compare(self) -> None:
        """Counts, totals and dead letters are those of the model."""
        look = await self.call("queue_look")
        self.model.advance(self.now)
        sizes = [len(self.model.of(state)) for state in "rwldz"]
        assert look[7:11] == [sizes[0] + sizes[1], *sizes[2:]]
        totals = {name.decode(): int(n) for name, n in zip(look[12::2], look[13::2], strict=True)}
        assert totals == {name: n for name, n in self.model.totals.items() if n}
        entered = totals.get("sent", 0) + totals.get("redriven", 0)
        assert entered == totals.get("acked", 0) + totals.get("dead", 0) + sum(sizes[:4])
        dead = await self.call("queue_dead", "", 10_000, "")
        told = list(zip(dead[2::8], (one.partition(b"|")[0] for one in dead[8::8]), strict=True))
        assert told == [(one.id.encode(), one.kind.encode()) for one in self.model.of("z")]

    async def finish(self) -> None:
        """Everything can be received and done."""
        for _ in range(1_000):
            self.now += LEASE_MS
            self.asked += 1
            await self.receive(7)
            for message, token in self.receipts[-8:]:
                expected = self.model.settle(message, token, "D", self.now)
                assert await self.call("queue_settle", "D", "", "", message, token, 1) == [expected]
            if not [one for one in self.model.items.values() if one.state != "z"]:
                break
        assert not [one for one in self.model.items.values() if one.state != "z"]
        await self.compare()


async def drive(url: str, lost_max: int, steps: list[tuple[str, int]]) -> None:
    """All of it, on an empty queue."""
    options = StoreOptions(url=url, durability="no", allow_weaker=True)
    async with open_store(options, SystemClock(), system_random()) as store:
        one = Drive(store, "t:model", lost_max)
        assert (await one.call("queue_drop", 1))[0] in (1, -1)
        await store.call(one.prefix, "DEL", f"{one.prefix}cur")
        saved = ("put", TRIES, lost_max, LEASE_MS, 100_000, WAIT_MS, 0, "")
        await one.call("queue_save", *saved)
        for what, number in steps:
            await one.step(what, number)
        await one.finish()


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lost_max=st.integers(1, 3), steps=st.lists(STEP, min_size=5, max_size=80))
def test_the_scripts_do_what_the_model_does(
    store_url: str, lost_max: int, steps: list[tuple[str, int]]
) -> None:
    anyio.run(drive, store_url, lost_max, steps)
