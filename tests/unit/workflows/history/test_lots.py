"""Entries of the journal sorted as they come: however they are cut, the same is in the lots."""

from collections import Counter
from itertools import pairwise
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.workflows.history.lots import Began, Counts, Known, Lot, Pile, Raw

Entry: TypeAlias = tuple[bytes, list[bytes]]
Told: TypeAlias = tuple[str, str, str, str, str, int]
BEGIN_MS = 1_795_431_005_000
"""The half of a slot of 10 s."""
ENTRY = st.tuples(
    st.sampled_from("NBRCFSYEKZ"),
    st.sampled_from("abc"),
    st.sampled_from(["", "one", "~one", ":ours"]),
    st.sampled_from(["D", "F", "\t\t7"]),
    st.sampled_from(["default", "other"]),
    st.integers(0, 4_000),
)


class Facts:
    """What is known of executions: what began, what was looked up. What completed may be late."""

    def __init__(self, *, forgets: bool = True) -> None:
        self.live: dict[bytes, Began] = {}
        self.ended: dict[bytes, Began] = {}
        self.names: dict[bytes, str] = {}
        self.forgets = forgets
        self.known = Known(
            self.live.get, self.ended.get, self.names.get, self.live.__setitem__, self._over
        )

    def _over(self, execution: bytes, how: bytes) -> None:
        if how == b"D" and (began := self.live.pop(execution, None)) and not self.forgets:
            self.ended[execution] = began

    def learn(self, entry: Entry, every: Raw) -> None:
        """Look up what this one needs: the store knows it from what was written before."""
        position, fields = entry
        began = 0
        for at, (_, kind, _, execution, *_) in every:
            if at == position:
                break
            if kind == b"N" and execution == fields[3]:
                began = int(at.partition(b"-")[0])
        self.live[fields[3]] = ("triage", began)
        self.names[fields[9]] = "triage"


class Sorted:
    """A pile, and what is in its lots when they are added."""

    def __init__(self, facts: Facts, every: Raw) -> None:
        self.facts, self.every, self.found = facts, every, Counter[Any]()
        self.pile = Pile(facts.known, self._add, {})

    def _add(self, lot: Lot, _: Counts) -> None:
        for what in ("plain", "said", "started", "steps", "ended"):
            for key, n in getattr(lot, what).items():
                self.found[lot.at_s, what, key] += n

    def sort(self, entries: Raw) -> None:
        """All of them: what is missing is looked up."""
        while entries := entries[self.pile.sort(entries) :]:
            self.facts.learn(entries[0], self.every)


def raw(told: list[Told]) -> list[Entry]:
    """Entries as XRANGE gives them, in order."""
    found, at_ms = list[Entry](), BEGIN_MS
    for n, (kind, execution, path, data, tenant, later_ms) in enumerate(told):
        at_ms += later_ms
        values = (kind, execution, path, "1.0.0.0.s", data, tenant)
        fields = [text.encode() for pair in zip("kxsadt", values, strict=True) for text in pair]
        found.append((b"%d-%d" % (at_ms, n), fields))
    return found


@given(st.lists(ENTRY, max_size=30), st.sets(st.integers(1, 29)), st.booleans())
def test_it_is_the_same_however_entries_are_cut(
    told: list[Told], cuts: set[int], forgets: bool
) -> None:
    entries = raw(told)
    whole, cut = Sorted(Facts(), entries), Sorted(Facts(forgets=forgets), entries)
    for one in entries:
        whole.sort([one])
        whole.pile.add()
    for begin, end in pairwise(sorted({0, len(told), *(n for n in cuts if n < len(told))})):
        cut.sort(entries[begin:end])
        if begin % 2:
            cut.pile.add()
    cut.pile.add()

    counted = [one for one in told if one[0] not in "CFSY" or one[2] != ":ours"]
    assert cut.found == whole.found
    assert cut.found.total() == len(counted)


def test_each_is_of_the_ten_seconds_it_was_written_in() -> None:
    entries = raw([("B", "a", "", "", "default", ms) for ms in (0, 4_999, 1, 9_999, 1)])
    sorted_in = Sorted(Facts(), entries)
    sorted_in.sort(entries)
    sorted_in.pile.add()

    at_s = BEGIN_MS // 10_000 * 10
    key = ("plain", (b"B", b"", b"default"))
    assert sorted_in.found == {(at_s, *key): 2, (at_s + 10, *key): 2, (at_s + 20, *key): 1}


@pytest.mark.parametrize("kind", ["C", "E", "N"])
def test_it_stops_at_what_must_be_looked_up_and_goes_on_there(kind: str) -> None:
    plain = ("R", "a", "one", "", "default", 6_000)
    entries = raw([plain, plain, (kind, "a", "", "D", "default", 1), plain])
    sorted_in = Sorted(Facts(), entries)

    assert sorted_in.pile.sort(entries) == 2
    assert sorted_in.pile.sort(entries[2:]) == 0
    sorted_in.facts.learn(entries[2], entries)
    assert sorted_in.pile.sort(entries[2:]) == 2
    sorted_in.pile.add()
    assert sorted_in.found.total() == 4


@pytest.mark.parametrize(("forgets", "known"), [(False, 3), (True, 2)])
def test_what_follows_the_end_is_of_the_same_workflow(*, forgets: bool, known: int) -> None:
    entries = raw([
        ("N", "a", "", "D", "default", 0), ("E", "a", "", "D", "default", 250),
        ("F", "a", "lost", "", "default", 1),
    ])  # fmt: skip
    sorted_in = Sorted(Facts(forgets=forgets), entries)
    sorted_in.facts.names[b"D"] = "triage"

    assert sorted_in.pile.sort(entries) == known
    if forgets:
        sorted_in.sort(entries[known:])
    sorted_in.pile.add()
    at_s = BEGIN_MS // 10_000 * 10
    assert sorted_in.found[at_s, "ended", (b"default", "triage", b"D", 250)] == 1
    assert sorted_in.found[at_s, "steps", (b"F", b"lost", b"", b"default", "triage")] == 1


def test_an_entry_of_another_shape_is_a_fault() -> None:
    with pytest.raises(LookupError):
        Sorted(Facts(), []).pile.sort([(b"1-0", [b"k", b"R"])])
