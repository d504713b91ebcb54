"""The scripts of queues under random driving, in virtual time, held against a model of them."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.waiting import LOOK_S
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

TRIES, LEASE_MS, BACKOFF_MS = 3, 1_000, 400
STEPS = 1_500


@dataclass
class Model:
    """What must be true of a queue, whatever its scripts do."""

    sent: dict[str, str] = field(default_factory=dict[str, str])
    order: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    held: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    ended: dict[str, str] = field(default_factory=dict[str, str])

    def taken(self, message: str, token: str, until: int) -> None:
        """A message was leased: it was sent, has not ended, and is the head of its group."""
        assert message in self.sent
        assert message not in self.ended
        self.held[message] = (token, until)
        group = self.sent[message]
        if group:
            head = next(one for one in self.order[group] if one not in self.ended)
            assert message == head, "the order of the group is broken"

    def settled(self, message: str, outcome: str) -> None:
        """It was settled: by its holder, for the first time."""
        assert message not in self.ended, "settled twice"
        self.held.pop(message)
        self.ended[message] = outcome


class Drive:
    """Random calls of the scripts, each at a virtual instant."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.chance = store, random.Random(seed)
        self.scripts = Calls(store)._scripts
        self.now, self.model = 1_000_000, Model()

    async def call(self, script: str, *args: object) -> Any:
        """One script, now."""
        prefix = self.store.prefix(self.store.partitions[0])
        argv = (str(self.now), "t:q", *map(str, args))
        return await self.store.call(prefix, "EVAL", self.scripts[script].source, 1, prefix, *argv)

    async def send(self) -> None:
        """Up to three messages, some in groups, some delayed."""
        messages: list[object] = []
        for _ in range(self.chance.randint(1, 3)):
            message = f"m{len(self.model.sent):05}"
            group = self.chance.choice(["", "", "a", "b", "c"])
            delay = self.chance.choice([0, 0, 0, 300])
            self.model.sent[message] = group
            self.model.order.setdefault(group, []).append(message)
            messages += [message, self.chance.randrange(4), delay, group, "", '"x"']
        token = f"s{self.chance.getrandbits(64):x}"
        first = await self.call("queue_send", token, 60_000, 60_000, 0, *messages)
        assert first[0] == 1
        if self.chance.random() < 0.2:  # its reply was lost
            assert await self.call("queue_send", token, 60_000, 60_000, 0, *messages) == first

    async def receive(self) -> None:
        """Lease some; sometimes the reply is lost, and asked for again."""
        token = f"{self.chance.getrandbits(64):016x}"
        args = (token, self.chance.randint(1, 5), LEASE_MS, 60_000, 0)
        reply = await self.call("queue_receive", *args)
        if self.chance.random() < 0.2:
            assert (await self.call("queue_receive", *args))[2:] == reply[2:]
        await self.bury()
        for message, tries in zip(reply[2::5], reply[3::5], strict=True):
            assert 1 <= tries <= TRIES
            self.model.taken(message.decode(), token, self.now + LEASE_MS)

    async def settle(self) -> None:
        """Somebody is done, fails, or comes with a receipt that is too old."""
        if not self.model.held:
            return
        message = self.chance.choice(sorted(self.model.held))
        token, until = self.model.held[message]
        out = self.chance.choice("DDDYP")
        args = (out, 0 if out == "P" else "", "e", message, token, 0.5)
        [result] = await self.call("queue_settle", *args)
        if result == 0:
            assert self.now >= until, "refused although its lease was good"
            del self.model.held[message]
        elif out == "D" or result == 2:
            self.model.settled(message, "done" if out == "D" else "dead")
        else:
            del self.model.held[message]
        assert await self.call("queue_settle", *args) == [0]

    async def look(self) -> None:
        """The counts are those of the model."""
        await self.bury()
        look = await self.call("queue_look")
        ready, in_flight, delayed, dead = look[7:11]
        await self.bury()
        live = len(self.model.sent) - len(self.model.ended)
        assert ready + in_flight + delayed == live
        assert dead == sum(end == "dead" for end in self.model.ended.values())
        good = sum(until > self.now for _, until in self.model.held.values())
        assert in_flight == good

    async def bury(self) -> None:
        """What became a dead letter because its last lease ran out."""
        for message in (await self.call("queue_dead", "", 10_000, ""))[2::8]:
            if message.decode() not in self.model.ended:
                _, until = self.model.held[message.decode()]
                assert self.now >= until
                self.model.settled(message.decode(), "dead")

    async def run(self) -> None:
        """All of it; then everything is received and done."""
        await self.call("queue_save", "put", TRIES, 3, LEASE_MS, 100_000, BACKOFF_MS, 0, "")
        for _ in range(STEPS):
            self.now += self.chance.choice([0, 1, 20, 300])
            await self.bury()
            await self.chance.choice(
                [self.send, self.receive, self.settle, self.settle, self.look]
            )()
        for _ in range(10_000):
            self.now += int(LOOK_S * 1_000)
            await self.look()
            await self.receive()
            for message, (token, _) in list(self.model.held.items()):
                if await self.call("queue_settle", "D", "", "", message, token, 0) == [1]:
                    self.model.settled(message, "done")
            if len(self.model.ended) == len(self.model.sent):
                break
        assert self.model.ended.keys() == self.model.sent.keys(), "lost"
        await self.look()


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_settled_twice_or_out_of_order(store: Store, seed: int) -> None:
    await Drive(store, seed).run()
