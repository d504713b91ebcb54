"""The frontier: a cursor only moves over what is handled."""

from orchestra.bus import Gap
from orchestra.bus.readers.frontier import AHEAD_MAX, FLUSH, Frontier

TOLD = Gap(0, 0)


def test_the_cursor_stays_before_what_is_not_handled() -> None:
    frontier = Frontier()
    first, second = frontier.add(TOLD, "a", "1-0"), frontier.add(TOLD, "b", "2-0")
    frontier.skip("a", "3-0")
    frontier.finish(second)
    assert frontier.take() == {}
    frontier.finish(first)

    assert frontier.take() == {"a": "3-0", "b": "2-0"}
    assert frontier.idle


def test_what_the_store_may_not_know_is_told_again_and_never_backwards() -> None:
    frontier = Frontier()
    frontier.finish(frontier.add(TOLD, "a", "1-0"))
    frontier.finish(frontier.add(TOLD, "b", "1-0"))
    taken = frontier.take()
    frontier.finish(frontier.add(TOLD, "a", "2-0"))
    frontier.again(taken)

    assert frontier.take() == {"a": "2-0", "b": "1-0"}


def test_no_more_is_begun_than_a_crash_may_repeat() -> None:
    frontier = Frontier()
    for n in range(FLUSH):
        assert frontier.room
        frontier.finish(frontier.add(TOLD, "a", f"{n}-0"))
    assert not frontier.room
    frontier.take()
    assert not frontier.room
    frontier.told()
    for n in range(AHEAD_MAX):
        assert frontier.room
        frontier.add(TOLD, "a", f"{FLUSH + n}-0")

    assert not frontier.room
