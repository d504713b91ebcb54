"""Lots: entries of the journal, sorted by what is alike as they come. Pure.

An engine at full speed writes 30,000 entries a second, most of which differ in nothing that is
counted. So what each of them passes through is little; the rest is done once for all alike.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias

import msgspec

from orchestra.instruments import Tally

Labels: TypeAlias = tuple[tuple[str, str], ...]
Key: TypeAlias = tuple[str, str, Labels, int]
Counts: TypeAlias = dict[Key, float | Tally]
"""Tenant, metric, labels by name, second of a slot of 10 s -> what is added."""
Raw: TypeAlias = Sequence[tuple[bytes, list[bytes]]]
"""Entries as XRANGE gives them."""

UNKNOWN: Final = "unknown"
STEPS: Final = {b"C": "completed", b"F": "failed", b"S": "skipped", b"Y": "retried"}
_TOLD: Final = frozenset((*STEPS, b"N", b"E", b"K"))
"""What adds to more than a number of events, or says itself what event it is."""
_KIND, _EXECUTION, _PATH, _DATA, _TENANT = 1, 3, 5, 9, 11
"""Where the fields of an entry are."""
_SLOT_DIGITS: Final = 4
"""Of a position in milliseconds: so many count what is within 10 s."""

Began: TypeAlias = tuple[str, int]
"""Workflow of an execution, and when that began, in ms; 0 when nobody knows."""
Step: TypeAlias = tuple[bytes, bytes, bytes, bytes, str]
"""Kind, path, data, tenant, workflow."""
End: TypeAlias = tuple[bytes, str, bytes, int | None]
"""Tenant, workflow, data, and how many ms it took; None when nobody knows."""


class Known(msgspec.Struct, frozen=True):
    """What is known of executions, of such as completed, and of workflows. They say None for what
    is not.
    """

    began: Callable[[bytes], Began | None]
    late: Callable[[bytes], Began | None]
    named: Callable[[bytes], str | None]
    begin: Callable[[bytes, Began], None]
    over: Callable[[bytes, bytes], None]
    """An execution ended, and how."""


class Lot:
    """Entries of the same 10 s, by what is alike."""

    __slots__ = ("at_s", "ended", "plain", "said", "started", "steps")

    def __init__(self, slot: bytes) -> None:
        self.at_s = int(slot) * 10 if slot else 0
        self.plain: dict[tuple[bytes, bytes, bytes], int] = defaultdict(int)
        """Kind, how its path begins, tenant: what is an event, and nothing else."""
        self.said: dict[tuple[bytes, bytes], int] = defaultdict(int)
        self.started: dict[tuple[bytes, str], int] = defaultdict(int)
        self.steps: dict[Step, int] = defaultdict(int)
        self.ended: dict[End, int] = defaultdict(int)

    def sort(self, entries: Raw, known: Known) -> int:
        """Sort them in, up to one for which something must be looked up first: how many."""
        steps, ended, plain = self.steps, self.ended, self.plain
        began, late = known.began, known.late
        end = entries[0][0].index(b"-")
        for position, fields in entries:
            kind = fields[_KIND]
            if kind not in _TOLD:
                plain[kind, fields[_PATH][:1], fields[_TENANT]] += 1
            elif kind in STEPS:
                path = fields[_PATH]
                if path[:1] == b":":  # a step of our own making
                    continue
                mine = began(fields[_EXECUTION]) or late(fields[_EXECUTION])
                if mine is None:
                    return _before(position, entries)
                steps[kind, path, fields[_DATA], fields[_TENANT], mine[0]] += 1
            elif kind == b"E":
                execution, data = fields[_EXECUTION], fields[_DATA]
                mine = began(execution) or late(execution)
                if mine is None:
                    return _before(position, entries)
                took_ms = int(position[:end]) - mine[1] if mine[1] else None
                ended[fields[_TENANT], mine[0], data, took_ms] += 1
                known.over(execution, data)
            elif kind == b"N":
                workflow = known.named(fields[_DATA])
                if workflow is None:
                    return _before(position, entries)
                known.begin(fields[_EXECUTION], (workflow, int(position[:end])))
                self.started[fields[_TENANT], workflow] += 1
            else:
                self.said[fields[_DATA].partition(b"\t")[0], fields[_TENANT]] += 1
        return len(entries)


class Pile:
    """Lots that are open, of one 10 s or a few. `add` is what has them added `into` counts."""

    def __init__(self, known: Known, add: Callable[[Lot, Counts], None], into: Counts) -> None:
        self._known, self._add, self._into = known, add, into
        self._lots: dict[bytes, Lot] = {}

    def sort(self, entries: Raw) -> int:
        """Sort in entries of one stream, in order, up to one for which something must be looked up
        first: how many.
        """
        done = 0
        for slot, run in _runs(entries):
            lot = self._lots.get(slot)
            if lot is None:
                lot = self._lots[slot] = Lot(slot)
            sorted_in = lot.sort(run, self._known)
            done += sorted_in
            if sorted_in < len(run):
                break
        return done

    @property
    def unlike(self) -> int:
        """How many of the entries differ from each other, of those that often do."""
        return sum(len(lot.steps) + len(lot.ended) for lot in self._lots.values())

    def add(self) -> None:
        """Add what was sorted in."""
        while self._lots:
            self._add(self._lots.popitem()[1], self._into)


def _before(position: bytes, entries: Raw) -> int:
    return next(n for n, entry in enumerate(entries) if entry[0] == position)


def _runs(entries: Raw) -> Iterator[tuple[bytes, Raw]]:
    """Those of the same 10 s together. They are in order."""
    slot = _slot(entries[0])
    if slot == _slot(entries[-1]):
        yield slot, entries
        return
    for slot, run in groupby(entries, key=_slot):
        yield slot, list(run)


def _slot(entry: tuple[bytes, list[bytes]]) -> bytes:
    return entry[0][: max(0, entry[0].index(b"-") - _SLOT_DIGITS)]
