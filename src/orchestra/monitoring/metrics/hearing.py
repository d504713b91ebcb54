"""Counts what a tail of this process brings of the ledgers, as it comes: it is not read again.

The tail is read for those who watch or subscribe, whoever counts. What it brings is sorted at once,
while it is in the caches of the processor; it is added and taken once a second. Where it left
something out (it began later, or something must be looked up first), the stream is `lost`: the
reader reads it in the store, and says where to go on from. Nothing here is told to anybody yet, so
it may be forgotten at any time: it is counted again.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from orchestra.monitoring import Counts, Ledger, Pile, Raw

UNLIKE_MAX: Final = 500
"""More entries that differ are added at once: nothing else runs meanwhile."""
KEPT: Final = 64
"""What came of a stream while that was read in the store: so many times."""
START: Final = "0-0"
_FAULTS: Final = (ArithmeticError, ValueError, LookupError, TypeError, AttributeError)

Heard: TypeAlias = Callable[[str, str, Raw], None]
"""Gets the key of a stream, the position before, and what follows it."""
Overhear: TypeAlias = Callable[[Heard], Callable[[], Mapping[str, str]]]
"""Has somebody told what comes; gives a look at the streams that are followed."""
Moved: TypeAlias = Mapping[str, tuple[str, str]]
"""By the name of a stream: from, to."""


@dataclass(slots=True)
class _Ear:
    """How far a stream was heard: told, and counted."""

    name: str
    ledger: int
    at: str = ""
    counted: str = ""
    lost: bool = True
    silent: bool = True
    kept: deque[tuple[str, Raw]] = field(
        default_factory=lambda: deque[tuple[str, Raw]](maxlen=KEPT)
    )


class Hearing:
    """What was heard of the ledgers since it was taken last. Idle until `begin`."""

    def __init__(self, ledgers: Sequence[Ledger], overhear: Overhear | None) -> None:
        self._ledgers = tuple(ledgers)
        self._ears: dict[str, _Ear] = {}
        self._keys: dict[str, str] = {}
        self._counts: Counts = {}
        self._piles: list[Pile] = []
        self._followed: Callable[[], Mapping[str, str]] = overhear(self.hear) if overhear else dict

    def begin(self) -> None:
        """Forget everything. All streams are lost until `resume` says where to go on from."""
        self.stop()
        self._anew()
        for i, ledger in enumerate(self._ledgers):
            for name, (key, _) in ledger.streams().items():
                self._ears[key] = _Ear(name, i)
                self._keys[name] = key

    def stop(self) -> None:
        """Hear no more: another replica counts."""
        self._forget()
        self._ears, self._keys = {}, {}

    def _anew(self) -> Counts:
        """What was counted until now; from here on it is others."""
        counts, self._counts = self._counts, {}
        self._piles = [ledger.pile(self._counts) for ledger in self._ledgers]
        return counts

    def _forget(self) -> None:
        self._anew()
        for ear in self._ears.values():
            ear.counted, ear.lost = ear.at, True

    def lost(self) -> list[str]:
        """The names of streams that must be read in the store now: all that was heard is told."""
        followed = self._followed()
        for key, ear in self._ears.items():
            ear.lost = ear.lost or key not in followed
        return [ear.name for ear in self._ears.values() if ear.lost and ear.at == ear.counted]

    @property
    def listens(self) -> bool:
        """Whether a tail brings the streams: reading in the store comes to an end."""
        followed = self._followed()
        return any(key in followed for key in self._ears)

    def resume(self, name: str, at: str) -> None:
        """All before `at` was read in the store; what came meanwhile is counted now."""
        ear = self._ears.get(self._keys.get(name, ""))
        key = self._keys.get(name, "")
        if ear is None or key not in self._followed():
            return
        ear.at = ear.counted = at
        ear.lost, kept = False, list(ear.kept)
        ear.kept.clear()
        for before, raw in kept:
            self.hear(key, before, raw)

    def doubt(self) -> None:
        """Streams of which nothing came since the last time are read once: the tail may be gone."""
        for ear in self._ears.values():
            ear.lost = ear.lost or ear.silent
            ear.silent = True

    def hear(self, key: str, before: str, raw: Raw) -> None:
        """Something came."""
        ear = self._ears.get(key)
        if ear is None:
            return
        if ear.lost:
            ear.kept.append((before, raw))
            return
        if before != ear.counted:
            if order(before) > order(ear.counted or START):  # something is missing
                ear.lost = True
                ear.kept.append((before, raw))
                return
            done = order(ear.counted or START)
            raw = [one for one in raw if order(one[0].decode()) > done]
            if not raw:
                return
        ear.silent = False
        self._sort(ear, raw)

    def _sort(self, ear: _Ear, raw: Raw) -> None:
        pile = self._piles[ear.ledger]
        try:
            done = pile.sort(raw)
            if pile.unlike > UNLIKE_MAX:
                pile.add()
        except _FAULTS:  # the reader will come upon it, and say so
            self._forget()
            return
        if done:
            ear.counted = raw[done - 1][0].decode()
        ear.lost = done < len(raw)

    def take(self) -> tuple[Moved, Counts]:
        """What was counted since the last time, and of what."""
        try:
            for pile in self._piles:
                pile.add()
        except _FAULTS:
            self._forget()
        moved: dict[str, tuple[str, str]] = {}
        for ear in self._ears.values():
            if ear.counted != ear.at:
                moved[ear.name] = (ear.at, ear.counted)
                ear.at = ear.counted
        return moved, self._anew()


def order(position: str) -> tuple[int, int]:
    """What positions are compared by. The empty one is before all."""
    ms, _, seq = position.partition("-")
    return int(ms or -1), int(seq or 0)
