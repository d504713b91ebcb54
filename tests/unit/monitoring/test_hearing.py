"""What a tail brings, counted as it comes: each entry once, and what it left out is asked for."""

import random
from collections.abc import Callable, Mapping

import pytest

from orchestra.monitoring import Counts, Raw
from orchestra.monitoring.metrics.hearing import START, UNLIKE_MAX, Heard, Hearing, order

KEY, NAME = "o:{p00}:j", "0"
BEGIN_MS = 1_795_431_009_000


class Beans:
    """A ledger: how many entries there were. Sometimes it must look something up first."""

    def __init__(self) -> None:
        self.knows = True
        self.broken = False

    def streams(self) -> Mapping[str, tuple[str, str]]:
        return {NAME: (KEY, "o:{p00}:")}

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        raise AssertionError("nothing is read here")

    def pile(self, into: Counts) -> "Heap":
        return Heap(self, into)


class Heap:
    """Beans that are not counted yet. `known` says how many of those that come may be."""

    def __init__(self, beans: Beans, into: Counts) -> None:
        self._beans, self._into, self._kept = beans, into, 0

    def sort(self, entries: Raw) -> int:
        done = len(entries) if self._beans.knows else len(entries) // 2
        self._kept += done
        if self._beans.broken:
            raise ValueError("an entry of another version")
        return done

    @property
    def unlike(self) -> int:
        return self._kept

    def add(self) -> None:
        if not self._kept:
            return
        key = ("default", "beans", (), 0)
        had = self._into.get(key, 0)
        assert isinstance(had, int)
        self._into[key] = had + self._kept
        self._kept = 0


class Stream:
    """A stream and its tail, which is where the test puts it."""

    def __init__(self) -> None:
        self.ledger, self.entries = Beans(), list[str]()
        self.followed: dict[str, str] = {KEY: START}
        self.heard: Heard | None = None
        self.hearing = Hearing([self.ledger], self._overhear)
        self.hearing.begin()

    def _overhear(self, heard: Heard) -> Callable[[], Mapping[str, str]]:
        self.heard = heard
        return lambda: self.followed

    def grow(self, n: int, step_ms: int = 1) -> None:
        """More is appended."""
        for _ in range(n):
            self.entries.append(f"{BEGIN_MS + len(self.entries) * step_ms}-0")

    def bring(self) -> None:
        """The tail brings what is behind it."""
        before = self.followed[KEY]
        new = [one for one in self.entries if order(one) > order(before)]
        if new and self.heard is not None:
            self.heard(KEY, before, [(one.encode(), []) for one in new])
            self.followed[KEY] = new[-1]

    def read(self) -> int:
        """What the reader does with streams that are lost; how many entries that were."""
        moved, counts = self.hearing.take()
        found = taken(counts)
        self.at = moved[NAME][1] if NAME in moved else self.at
        if self.hearing.lost():
            new = [one for one in self.entries if order(one) > order(self.at)]
            self.at = new[-1] if new else self.at
            found += len(new)
            self.hearing.resume(NAME, self.at)
        return found

    at = ""


def taken(counts: Counts) -> int:
    """How many beans."""
    return sum(one for one in counts.values() if isinstance(one, int))


def test_nothing_is_heard_before_the_reader_says_from_where() -> None:
    one = Stream()
    one.grow(3)
    one.bring()
    first = one.hearing.take()
    lost = one.hearing.lost()
    one.grow(2)
    one.bring()  # while the first three are read in the store
    one.hearing.resume(NAME, one.entries[2])
    moved, counts = one.hearing.take()

    assert (first, lost) == (({}, {}), [NAME])
    assert (moved, taken(counts)) == ({NAME: (one.entries[2], one.entries[4])}, 2)
    assert one.hearing.lost() == []


def test_a_hole_is_left_to_the_reader() -> None:
    one = Stream()
    one.hearing.resume(NAME, "")
    one.grow(5)
    one.followed[KEY] = one.entries[2]  # the tail began anew
    one.bring()

    assert one.hearing.take() == ({}, {})
    assert one.hearing.lost() == [NAME]


def test_what_must_be_looked_up_is_left_to_the_reader_and_what_follows_it() -> None:
    one = Stream()
    one.hearing.resume(NAME, "")
    one.grow(9)
    one.ledger.knows = False
    one.bring()
    one.ledger.knows = True
    one.grow(2)
    one.bring()
    moved, counts = one.hearing.take()

    assert (moved, taken(counts)) == ({NAME: ("", one.entries[3])}, 4)
    assert one.hearing.lost() == [NAME]


def test_what_cannot_be_counted_is_left_to_the_reader_with_all_that_is_not_told() -> None:
    one = Stream()
    one.hearing.resume(NAME, "")
    one.grow(UNLIKE_MAX + 1)
    one.bring()  # so much is added at once, and told later
    one.grow(3)
    one.ledger.broken = True
    one.bring()
    one.ledger.broken = False

    assert one.hearing.take() == ({}, {})
    assert one.read() == UNLIKE_MAX + 4


@pytest.mark.parametrize("seed", range(6))
def test_each_entry_counts_once_whatever_the_tail_does(seed: int) -> None:
    chance, one, found = random.Random(seed), Stream(), 0
    for _ in range(150):
        one.grow(chance.randrange(60), step_ms=37)
        luck = chance.random()
        one.ledger.knows = luck > 0.05
        one.ledger.broken = luck > 0.95
        if luck < 0.8:
            one.bring()
        elif luck < 0.85:
            one.followed = {}
        elif luck < 0.9 and one.entries:
            one.followed = {KEY: chance.choice(one.entries[-40:])}
        if chance.random() < 0.2:
            one.hearing.doubt()
        if chance.random() < 0.4:
            found += one.read()
        one.followed = one.followed or {KEY: one.entries[-1] if one.entries else START}
    one.ledger.knows, one.ledger.broken = True, False
    one.bring()
    one.hearing.doubt()
    one.hearing.doubt()
    found += one.read() + one.read()

    assert found == len(one.entries)
