"""The journal in figures: what is not known is looked up, and nothing is added before it is."""

from typing import Any, cast

import pytest

from orchestra.store.client import Store
from orchestra.store.failures import StoreAway
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history import figures
from orchestra.workflows.history.figures import JournalFigures
from orchestra.workflows.history.lots import Counts

pytestmark = pytest.mark.anyio

AT_MS = 1_795_431_003_000
DIGEST = b"d1"


class Shelf:
    """A store and a catalogue that know every execution as one of the same workflow."""

    def __init__(self) -> None:
        self.asked, self.away = list[str](), False

    def read(self, prefix: str, *words: Any) -> Any:
        """When it began and of which workflow."""
        self.asked.append(words[1].rpartition(":")[2])

        async def reply() -> list[bytes]:
            if self.away:
                raise StoreAway
            return [DIGEST, b"%d" % AT_MS]

        return reply()

    def cached(self, _: str) -> None:
        """Nothing is compiled."""

    async def document(self, _: str) -> dict[str, str]:
        """All are alike."""
        return {"name": "triage"}

    def figures(self) -> JournalFigures:
        """What is to be tested."""
        return JournalFigures(cast("Store", self), cast("Catalogue", self))


def raw(*told: tuple[str, str, str, str]) -> list[tuple[bytes, list[bytes]]]:
    """Entries, 100 ms one after the other."""
    found = list[tuple[bytes, list[bytes]]]()
    for n, (kind, execution, path, data) in enumerate(told):
        values = (kind, execution, path, "1.0.0.0.s", data, "default")
        fields = [text.encode() for pair in zip("kxsadt", values, strict=True) for text in pair]
        found.append((b"%d-0" % (AT_MS + 100 * n), fields))
    return found


def steps(into: Counts) -> dict[tuple[str, ...], Any]:
    """How many steps, by outcome and workflow."""
    return {
        tuple(text for _, text in labels): value
        for (_, name, labels, _), value in into.items()
        if name == "orchestra_steps_total"
    }


LATE = raw(
    ("N", "exe_1", "", "d1"), ("E", "exe_1", "", "D"), ("F", "exe_1", "lost", "\t\t7"),
    ("C", "exe_2", "one", "\t\t7"), ("E", "exe_2", "", "D"), ("F", "exe_2", "lost", "\t\t7"),
)  # fmt: skip


async def test_a_branch_that_lost_is_of_its_workflow_and_nothing_is_looked_up_twice() -> None:
    shelf, into = Shelf(), Counts()
    journal = shelf.figures()
    await journal.count("p", LATE, into)

    assert shelf.asked == ["exe_2"]
    assert steps(into) == {("failed", "triage"): 2, ("completed", "triage"): 1}
    assert journal.pile({}).sort(raw(("F", "exe_1", "other", ""))) == 1


async def test_what_was_forgotten_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "ENDED_MAX", 1)
    shelf, into = Shelf(), Counts()
    ends = [("N", f"exe_{n}", "", "d1") for n in range(3)]
    ends += [("E", f"exe_{n}", "", "D") for n in range(3)]
    late = [("F", f"exe_{n}", "lost", "\t\t7") for n in range(3)]
    await shelf.figures().count("p", raw(*ends, *late), into)

    assert shelf.asked == ["exe_0", "exe_1"]
    assert steps(into) == {("failed", "triage"): 3}


async def test_nothing_is_added_while_the_store_is_away() -> None:
    shelf, into = Shelf(), Counts()
    journal, shelf.away = shelf.figures(), True
    with pytest.raises(StoreAway):
        await journal.count("p", LATE, into)
    assert into == {}

    shelf.away = False
    await journal.count("p", LATE, into)
    assert steps(into) == {("failed", "triage"): 2, ("completed", "triage"): 1}
