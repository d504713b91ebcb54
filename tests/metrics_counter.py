"""Counts a journal until it is killed: `python metrics_counter.py URL`."""

import sys
from collections.abc import Mapping

import anyio

from orchestra.clock import Clock, Ids, SystemClock, system_random
from orchestra.errors import OrchestraError
from orchestra.instruments import Tally
from orchestra.monitoring import Counts, Ledger, Raw
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.counting import Counting, Elsewhere
from orchestra.monitoring.metrics.gathering import Gatherer
from orchestra.monitoring.metrics.hearing import Overhear
from orchestra.monitoring.metrics.leading import Leading
from orchestra.store.client import Store
from orchestra.store.keys import journal
from orchestra.store.opening import StoreOptions, open_store

METRIC = "orchestra_beans_total"
SPREAD = "orchestra_beans_seconds"
BEANS = 12


class Heap:
    """Beans that are not counted yet."""

    def __init__(self, into: Counts) -> None:
        self._into, self._beans = into, list[tuple[bytes, list[bytes]]]()

    def sort(self, entries: Raw) -> int:
        """Keep them."""
        self._beans += entries
        return len(entries)

    @property
    def unlike(self) -> int:
        """All of them."""
        return len(self._beans)

    def add(self) -> None:
        """One for each, and its weight."""
        beans, self._beans = self._beans, []
        from_beans(beans, self._into)


class Beans:
    """A ledger: each entry is a bean of some kind, with a weight."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def streams(self) -> Mapping[str, tuple[str, str]]:
        """The journals of all partitions."""
        prefixes = {str(tag): self._store.prefix(tag) for tag in self._store.partitions}
        return {name: (journal(prefix), prefix) for name, prefix in prefixes.items()}

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        """One for each, and its weight."""
        from_beans(entries, into)

    def pile(self, into: Counts) -> Heap:
        """Where they are kept until they are added."""
        return Heap(into)


def from_beans(entries: Raw, into: Counts) -> None:
    """What entries add."""
    for position, fields in entries:
        at_s = int(position.partition(b"-")[0]) // 10_000 * 10
        labels = (("kind", fields[1].decode()),)
        key = ("default", METRIC, labels, at_s)
        had = into.get(key, 0)
        assert not isinstance(had, Tally)
        into[key] = had + 1
        spread = into.setdefault(("default", SPREAD, labels, at_s), Tally())
        assert isinstance(spread, Tally)
        spread.add(int(fields[3]))


def a_counting(
    store: Store,
    clock: Clock,
    session: str,
    ledger: Ledger | None = None,
    overhear: Overhear | None = None,
) -> Counting:
    """One that counts beans."""
    admission = Admission(store, clock)
    gatherer = Gatherer(admission, Buffer(store, session), clock)
    leading, ledgers = Leading(store, clock, session), [ledger or Beans(store)]
    return Counting(store, clock, ledgers, gatherer, leading, overhear)


async def count_for_ever(url: str) -> None:
    """Turn after turn, beside whoever does the same."""
    options = StoreOptions(url=url, durability="no", allow_weaker=True, patience_s=60)
    clock, chance = SystemClock(), system_random()
    async with open_store(options, clock, chance) as store:
        counting = a_counting(store, clock, Ids(clock, chance).new("t"))
        while True:
            try:
                await counting.begin()
                while True:
                    await counting.turn()
                    await anyio.sleep(0.002)
            except (Elsewhere, OrchestraError):
                await anyio.sleep(0.005)


if __name__ == "__main__":
    anyio.run(count_for_ever, sys.argv[1])
