"""Counts of a journal: exact, whoever counts, however often they die half-way."""

import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import metrics_counter
import pytest
from metrics_counter import BEANS, METRIC, SPREAD, Beans, Heap, a_counting

from orchestra.clock import SystemClock
from orchestra.instruments import Tally
from orchestra.monitoring import Counts, Raw
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.counting import Counting, Elsewhere
from orchestra.monitoring.metrics.functions import Sum
from orchestra.monitoring.metrics.hearing import Heard
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.store.client import Store
from orchestra.store.failures import ReplyLost
from orchestra.store.keys import DEFAULT_TENANT, journal
from orchestra.store.scripts import Script

pytestmark = pytest.mark.anyio


async def spill(store: Store, chance: random.Random, n: int, truth: Counter[str]) -> None:
    """Write entries into the journals of random partitions."""
    sent: list[Any] = []
    for _ in range(n):
        prefix = store.prefix(chance.choice(store.partitions))
        kind = f"k{chance.randrange(BEANS)}"
        truth[kind] += 1
        truth[f"{kind} weight"] += (weight := chance.randrange(1, 50))
        sent.append(store.call(prefix, "XADD", journal(prefix), "*", "k", kind, "w", weight))
    for one in sent:
        await one


async def counted(store: Store) -> Counter[str]:
    """What the series say."""
    clock = SystemClock()
    answers = Answers(Admission(store, clock), Shelf(store), clock)
    now_s = clock.now_ms() // 1_000
    found: Counter[str] = Counter()
    for metric in (METRIC, SPREAD):
        asked = Question(metric, now_s - 3_600, now_s + 60, by=("kind",))
        for labels, bins in await answers.window(DEFAULT_TENANT, asked):
            for cell in bins.values():
                if isinstance(cell, Sum):
                    found[labels["kind"]] += round(cell.n)
                elif isinstance(cell, Tally):
                    found[f"{labels['kind']} weight"] += round(cell.sum)
                    assert cell.count == sum(cell.buckets.values())
    return found


class Unlucky:
    """A store of which some calls fail: they did not arrive, or their reply did not."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self._store, self._chance = store, chance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def run(self, script: Script, prefix: str, /, *more: bytes, **args: Any) -> Any:
        """Run it, perhaps, and perhaps say so."""

        async def one() -> Any:
            luck = self._chance.random()
            if script.name == "journal_apply" and luck < 0.08:
                raise ReplyLost
            reply = await self._store.run(script, prefix, *more, **args)
            if script.name == "journal_apply" and luck > 0.92:
                raise ReplyLost
            return reply

        return one()


@pytest.mark.parametrize("seed", range(4))
async def test_each_entry_counts_once_though_readers_race_and_replies_are_lost(
    store: Store, seed: int
) -> None:
    chance, clock, truth = random.Random(seed), SystemClock(), Counter[str]()
    unlucky: Any = Unlucky(store, chance)
    readers: list[Counting] = []
    for turn in range(60):
        if not readers or chance.random() < 0.15:
            readers.append(a_counting(unlucky, clock, f"s{turn}"))
            await readers[-1].begin()
            del readers[:-3]
        await spill(store, chance, chance.randrange(40), truth)
        reader = chance.choice(readers)
        try:
            await reader.turn()
        except (ReplyLost, Elsewhere):
            if chance.random() < 0.7:
                await reader.begin()
            else:
                readers.remove(reader)

    last = a_counting(store, clock, "last")
    await last.begin()
    while await last.turn():
        pass
    await last.turn()
    assert await counted(store) == truth


class Strangers(Beans):
    """Beans of which a kind is known when one of it was read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.kinds, self.pages = set[bytes](), list[int]()
        self.followed, self.heard = dict[str, str](), list[Heard]()

    def overhear(self, heard: Heard) -> Callable[[], Mapping[str, str]]:
        """As the bus offers it."""
        self.heard.append(heard)
        return lambda: self.followed

    async def grow(self) -> tuple[str, tuple[bytes, list[bytes]]]:
        """One more of the same kind: its key, and the entry."""
        prefix = self._store.prefix(self._store.partitions[0])
        fields = [b"k", b"k0", b"w", b"2"]
        sent: Any = self._store.call(prefix, "XADD", journal(prefix), "*", *fields)
        return journal(prefix), (await sent, fields)

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        """While a page is counted, the tail brings what follows it."""
        before = entries[-1][0].decode()
        key, fresh = await self.grow()
        self.heard[0](key, before, [fresh])
        self.kinds.update(fields[1] for _, fields in entries)
        self.pages.append(len(entries))
        await super().count(prefix, entries, into)

    def pile(self, into: Counts) -> Heap:
        """Where strangers are not sorted in."""
        return Known(self.kinds, into)


class Known(Heap):
    """Beans of known kinds that are not counted yet."""

    def __init__(self, kinds: set[bytes], into: Counts) -> None:
        super().__init__(into)
        self._kinds = kinds

    def sort(self, entries: Raw) -> int:
        """Up to the first stranger."""
        known = [fields[1] in self._kinds for _, fields in entries]
        return super().sort(entries[: (*known, False).index(False)])


async def test_what_comes_while_a_page_is_counted_is_not_read_again(store: Store) -> None:
    ledger = Strangers(store)
    reader = a_counting(store, SystemClock(), "one", ledger, ledger.overhear)
    await reader.begin()
    key, (position, _) = await ledger.grow()
    ledger.followed[key] = position.decode()
    await reader.turn()
    await reader.turn()

    assert ledger.pages == [1]
    assert await counted(store) == {"k0": 2, "k0 weight": 4}


@pytest.mark.chaos
async def test_each_entry_counts_once_though_readers_are_killed(
    store: Store, store_url: str
) -> None:
    chance, truth = random.Random(7), Counter[str]()
    program = [sys.executable, str(Path(metrics_counter.__file__)), store_url]
    for _ in range(5):
        readers = [await anyio.open_process(program) for _ in range(2)]
        before = await counted(store)
        with anyio.fail_after(240):  # two processes start
            while await counted(store) == before:
                await spill(store, chance, 300, truth)
        await spill(store, chance, 300, truth)
        for reader in readers:
            reader.send_signal(signal.SIGKILL)
            await reader.wait()
            await reader.aclose()

    last = a_counting(store, SystemClock(), "last")
    await last.begin()
    while await last.turn():
        pass
    await last.turn()
    assert await counted(store) == truth
