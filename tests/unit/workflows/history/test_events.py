"""The journal as events: a glance tells what the events themselves would."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from orchestra.store.client import Store
from orchestra.store.tails import Raw, entries
from orchestra.workflows.history.events import JournalSource


class _Places:
    """As much of a store as a source asks for."""

    partitions = (1,)

    def prefix(self, tag: int) -> str:
        return f"{{{tag}}}"


SOURCE = JournalSource(cast("Store", _Places()))
[KEY] = SOURCE.streams()
KINDS = st.sampled_from([*"NBTKERCSGHLWZ?"])
PATHS = st.sampled_from(["", "one", ":out", "~one", "each[3]/two", "!"])
DATA = st.sampled_from(["", "D", "F", "pause\tme", "cancel", "\t\t12", "odd"])
WHO = st.sampled_from(["default", "other"])
RUNS = st.sampled_from(["exe_1", "exe_2", "sub_3"])


@st.composite
def raws(draw: st.DrawFn) -> list[Raw]:
    """Entries of a journal, kinds and texts mixed as they never would be."""
    found: list[Raw] = []
    for n in range(draw(st.integers(0, 12))):
        values = {
            "k": draw(KINDS), "x": draw(RUNS), "s": draw(PATHS), "a": "e.0.1",
            "d": draw(DATA), "t": draw(WHO),
        }  # fmt: skip
        fields = [text.encode() for pair in values.items() for text in pair]
        found.append((b"1700000000000-%d" % n, fields))
    return found


@given(raws())
def test_a_glance_tells_of_each_event_and_of_nothing_else(found: list[Raw]) -> None:
    events = [SOURCE.event(KEY, position, fields) for position, fields in entries(found)]

    expected = {(event.tenant, event.type, event.key) for event in events if event is not None}
    told = SOURCE.glance(found)
    assert {(*of, one) for of, every in told.items() for one in every} == expected
