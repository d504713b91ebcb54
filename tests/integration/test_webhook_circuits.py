"""The scripts of circuits under random driving, in virtual time, held against what must be so."""

import random
from dataclasses import dataclass, field

import pytest
from webhook_deliveries import VirtualClock

from orchestra.bus.queues.calls import Calls
from orchestra.bus.webhooks.circuits import Circuits, Ending, Places, lease_ms
from orchestra.bus.webhooks.records import Endpoint
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

MOST, STEPS = 6, 600
SINK = Endpoint("whk_1", DEFAULT_TENANT, "one", "http://one.test/", concurrency=MOST)


@dataclass
class Drive:
    """Random calls, and what they may give."""

    circuits: Circuits
    clock: VirtualClock
    chance: random.Random
    held: dict[str, tuple[float, bool]] = field(default_factory=dict[str, tuple[float, bool]])
    """Name of a place -> until when, and whether it is the probe."""
    row: int = 0
    seen: set[str] = field(default_factory=set[str])
    n: int = 0

    async def admit(self) -> None:
        """Ask for places; sometimes the reply is lost, and asked for again."""
        self.n += 1
        before = await self.circuits.look(SINK.tenant, SINK.id)
        places = await self.circuits.admit(SINK, f"t{self.n}", self.chance.randint(1, 8))
        if self.chance.random() < 0.2:
            again = await self.circuits.admit(SINK, f"t{self.n}", 8)
            assert (again.count, again.probe) == (places.count, places.probe)
        now = self.clock.monotonic()
        live = {name: one for name, one in self.held.items() if one[0] > now}
        assert not (places.count and len(live) + places.count > MOST and not places.probe)
        if before.state != "closed":
            assert places.count <= 1
            assert places.probe == bool(places.count)
            assert not (places.probe and any(probe for _, probe in live.values())), "two probes"
        if not places.count:
            assert places.wait_ms > 0
        self.seen.add(before.state)
        await self._keep(places, now)

    async def _keep(self, places: Places, now: float) -> None:
        used = self.chance.randint(0, places.count)
        if self.chance.random() < 0.1:
            used = places.count  # and some of them are never heard of again
        else:
            await self.circuits.release(SINK, places, used)
        for number in range(1, used + 1):
            until = now + lease_ms(SINK) / 1_000
            self.held[places.name(number)] = (until, places.probe)

    async def tell(self, share: float) -> None:
        """One of them ends; `share` of them well."""
        if not self.held:
            return
        name = self.chance.choice(sorted(self.held))
        _, probe = self.held.pop(name)
        good = self.chance.random() < share
        ending = Ending(name, "dlv_1", "ok" if good else "bad", {"e": "evt_1"}, probe)
        told = await self.circuits.told(SINK, ending)
        if self.chance.random() < 0.2:
            assert await self.circuits.told(SINK, ending) == told, "told twice, heard once"
        self.row = 0 if good else self.row + 1
        if good:
            assert told.state == "closed"
        if self.row >= 5:
            assert told.state != "closed", "five failures in a row leave it closed"
        assert (told.failing_since_ms == 0) == good


@pytest.mark.parametrize("seed", range(3))
async def test_no_more_than_may_be_in_flight_and_one_probe(store: Store, seed: int) -> None:
    clock, chance = VirtualClock(store), random.Random(seed)
    drive = Drive(Circuits(Calls(store), chance), clock, chance)
    share = 0.5
    for step in range(STEPS):
        if step % 60 == 0:
            share = chance.choice([0.0, 0.0, 0.5, 0.9, 1.0])
        match chance.randrange(5):
            case 0 | 1:
                await drive.admit()
            case 2 | 3:
                await drive.tell(share)
            case _:
                await clock.advance(chance.choice([0.1, 5, 40, 300]))

    assert drive.seen >= {"closed", "open"}


async def test_an_endpoint_that_was_changed_begins_anew(store: Store) -> None:
    circuits = Circuits(Calls(store), random.Random(1))
    for n in range(5):
        places = await circuits.admit(SINK, f"t{n}", 1)
        assert places.count == 1
        await circuits.told(SINK, Ending(places.name(1), "dlv_1", "bad", {}))
    shut = await circuits.admit(SINK, "t5", 1)
    changed = Endpoint("whk_1", DEFAULT_TENANT, "one", "http://two.test/", revision=2)
    anew = await circuits.admit(changed, "t6", 1)
    old = await circuits.admit(SINK, "t7", 1)
    found = await circuits.look(SINK.tenant, SINK.id)

    assert (shut.count, anew.count) == (0, 1)
    assert old.count <= 1, "who does not know of the change yet does not undo it"
    assert (found.state, found.failures) == ("closed", 0)


async def test_half_of_twenty_in_a_minute_open_it_too(store: Store) -> None:
    circuits = Circuits(Calls(store), random.Random(1))
    states: list[str] = []
    for n in range(24):
        ending = Ending(f"t{n}:1", "dlv_1", "ok" if n % 2 else "bad", {})
        states.append((await circuits.told(SINK, ending)).state)

    assert set(states[:19]) == {"closed"}
    assert "open" in states[19:]
