"""What instruments say of queues."""

import pytest
from queue_store import letters_of, queues_of, sent, taken

from orchestra import instruments
from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.records import Options
from orchestra.bus.queues.telling import Telling
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

NAMES = ("orchestra_queue_depth", "orchestra_dead_letters", "orchestra_messages_total")


def telling_of(store: Store) -> Telling:
    return Telling(Calls(store), Ids(SystemClock(), system_random()))


def told(name: str, queue: str) -> dict[str, float]:
    """Values of the instrument of that name about a queue, by what else is said."""
    [one] = [one for one in instruments.INSTRUMENTS if one.name == name]
    assert not isinstance(one, instruments.Histogram)
    return {
        values[-1] if len(values) == 3 else "": value
        for values, value in one.totals().items()
        if values[:2] == (HOME, queue)
    }


@pytest.mark.parametrize("spread", [False, True])
async def test_one_replica_tells_of_all_queues_and_nothing_twice(
    store: Store, spread: bool
) -> None:
    queues, one, other = queues_of(store), telling_of(store), telling_of(store)
    name = f"told-{spread}".lower()
    await queues.save(HOME, "q", Options(tries_max=1, spread=spread))
    await queues.save(HOME, name, Options(tries_max=1, spread=spread))
    await queues.send(HOME, "~own", [sent(1)])
    for n in range(20):
        await queues.send(HOME, name, [sent(n)])
    found, _ = await queues.receive(HOME, name, 4, None)
    await queues.settle(HOME, name, [found[0].receipt], "done")
    await queues.settle(HOME, name, [found[1].receipt], "again")
    assert await taken(queues) == []

    await one.tell()
    await other.tell()
    first = [told(instrument, name) for instrument in NAMES]
    [letter], _ = await letters_of(store).dead(HOME, name, 1)
    await letters_of(store).redrive(HOME, name, [letter.id])
    await other.tell()
    await one.tell()

    assert first == [
        {"": 18},
        {"": 1},
        {"sent": 20, "received": 4, "acked": 1, "nacked": 1, "dead": 1},
    ]
    assert [told(instrument, name) for instrument in NAMES] == [
        {"": 19},
        {"": 0},
        {"sent": 20, "received": 4, "acked": 1, "nacked": 1, "dead": 1, "redriven": 1},
    ]
    assert told("orchestra_queue_depth", "~own") == {}
    await queues.drop(HOME, name, purge=True)
    await one.tell()
    assert told("orchestra_queue_depth", name) == {}
