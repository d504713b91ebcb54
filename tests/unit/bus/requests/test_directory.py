"""Who is given up, and who is asked."""

from typing import Any

import msgspec
import pytest

from orchestra.bus.requests import Process
from orchestra.bus.requests.directory import Directory

pytestmark = pytest.mark.hasty


def told(**beats: int) -> list[Any]:
    """The reply of a beat: each of these processes, and how often it has beaten."""
    reply: list[Any] = [b"0"]
    for session, count in beats.items():
        about = Process(session, "h", 1, "0", ("agents",), 0, ("echo",), {"busy": (session,)})
        reply += [session.encode(), b"%d|" % count + msgspec.json.encode(about)]
    return reply


def test_a_process_that_beats_lives() -> None:
    directory = Directory()

    gone = [directory.look(told(a=n, b=n), float(n)) for n in range(20)]

    assert not any(gone)
    assert directory.alive() == {"a", "b"}


def test_a_silent_process_is_given_up_after_three_seconds_once() -> None:
    directory = Directory()
    directory.look(told(a=1, b=1), 0.0)

    gone = [directory.look(told(a=n, b=1), float(n)) for n in range(1, 7)]

    assert gone == [set(), set(), {"b"}, set(), set(), set()]
    assert directory.providers("echo") == ["a"]


def test_an_outage_of_the_store_is_nobodys_silence() -> None:
    directory = Directory()
    directory.look(told(a=1), 0.0)

    after_an_hour = directory.look(told(a=1), 3_600.0)
    then = directory.look(told(a=2), 3_601.0)

    assert not after_an_hour
    assert not then


def test_a_process_that_beats_again_lives_again() -> None:
    directory = Directory()
    for now in range(5):
        directory.look(told(a=1), float(now))
    assert directory.alive() == set()

    directory.look(told(a=2), 5.0)

    assert directory.alive() == {"a"}


def test_a_process_that_left_is_gone_at_once() -> None:
    directory = Directory()
    directory.look(told(a=1, b=1), 0.0)

    assert directory.look(told(a=2), 1.0) == {"b"}
    assert [one.session for one in directory.processes()] == ["a"]


def test_providers_take_turns_and_tell_their_hints() -> None:
    directory = Directory()
    directory.look(told(a=1, b=1), 0.0)

    first = [directory.providers("echo")[0] for _ in range(4)]

    assert sorted(first[:2]) == ["a", "b"]
    assert first[:2] == first[2:]
    assert directory.providers("other") == []
    assert sorted(directory.hints("echo", "busy"), key=sorted) == [{"a"}, {"b"}]
