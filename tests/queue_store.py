"""Queues on the store of a test."""

import msgspec

from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.letters import Letters
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Queue, Received, Sent
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT


def queues_of(store: Store) -> Queues:
    """Real ones."""
    chance = system_random()
    return Queues(Calls(store), Ids(SystemClock(), chance), chance)


def letters_of(store: Store) -> Letters:
    """Real ones."""
    return Letters(Calls(store), Ids(SystemClock(), system_random()))


def sent(body: object, **given: object) -> Sent:
    """A message."""
    return msgspec.structs.replace(Sent(msgspec.Raw(msgspec.json.encode(body))), **given)


async def taken(queues: Queues, most: int = 100, lease_ms: int = 30_000) -> list[Received]:
    """What is ready in the queue `q`."""
    return (await queues.receive(DEFAULT_TENANT, "q", most, lease_ms))[0]


async def counted(queues: Queues) -> tuple[int, int, int, int]:
    """Ready, in flight, delayed, dead of the queue `q`."""
    found: Queue = await queues.look(DEFAULT_TENANT, "q")
    one = found.counts
    assert one.depth == one.ready + one.in_flight + one.delayed
    return one.ready, one.in_flight, one.delayed, one.dead


def bodies(found: list[Received]) -> list[object]:
    """What they say."""
    return [msgspec.json.decode(one.body) for one in found]
