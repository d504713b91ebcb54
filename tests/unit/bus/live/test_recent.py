"""The newest entries of a stream, without a hole."""

from collections.abc import Collection, Mapping

import msgspec
import pytest

from orchestra.bus import Event
from orchestra.bus.live import recent
from orchestra.bus.live.recent import Recent
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.tails import Raw


class Counting:
    """A source that says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def streams(self) -> Mapping[str, str]:
        return {}

    def types(self) -> Collection[str] | None:
        return None

    def event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event | None:
        self.asked += 1
        return Event(
            position, "a.b", "here", key, DEFAULT_TENANT, "module", 1, msgspec.Raw(fields["e"])
        )


def a_raw(n: int) -> Raw:
    return b"%d-0" % n, [b"e", b"%d" % n]


def test_who_is_at_the_tail_gets_what_came_behind_it() -> None:
    ring = Recent(Counting(), "k", "5-0")
    ring.add([a_raw(n) for n in range(6, 10)])

    found = ring.after("7-0", 10)

    assert found is not None
    assert [one.position for one in found] == ["8-0", "9-0"]
    assert ring.after("9-0", 10) == []


def test_a_page_is_the_oldest_of_what_is_asked_for() -> None:
    ring = Recent(Counting(), "k", "0-0")
    ring.add([a_raw(n) for n in range(1, 10)])

    assert [one.position for one in ring.after("0-0", 2) or ()] == ["1-0", "2-0"]


def test_who_is_further_behind_must_ask_the_store() -> None:
    ring = Recent(Counting(), "k", "5-3")

    assert ring.after("5-2", 10) is None
    assert ring.after("5-3", 10) == []


@pytest.mark.parametrize("bound", [("KEPT_MAX", 2), ("KEPT_MAX_BYTES", 4)])
def test_it_is_bounded_and_knows_what_it_forgot(
    bound: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, *bound)
    ring = Recent(Counting(), "k", "0-0")
    ring.add([a_raw(n) for n in range(1, 5)])

    assert ring.after("1-0", 10) is None
    assert [one.position for one in ring.after("2-0", 10) or ()] == ["3-0", "4-0"]


def test_an_entry_is_read_once_for_all() -> None:
    source = Counting()
    (told,) = Recent(source, "k", "0-0").add([a_raw(1)])

    assert source.asked == 0
    assert told.event is told.event
    assert source.asked == 1


def test_what_nobody_heard_is_asked_of_the_store() -> None:
    ring = Recent(Counting(), "k", "0-0")
    ring.add([a_raw(1)])

    ring.pass_over([a_raw(2), a_raw(3)])

    assert ring.after("1-0", 10) is None
    assert ring.after("3-0", 10) == []
