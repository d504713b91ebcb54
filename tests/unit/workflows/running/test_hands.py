"""What a replica holds, and what it stops."""

import anyio
import pytest

from orchestra.workflows.running.hands import Hands

pytestmark = pytest.mark.anyio


def a_hand(hands: Hands, path: str, execution: str = "exe_1") -> anyio.CancelScope:
    """A call under way."""
    held = hands.take(7, (f"2|t|{execution}/{path}", "1.0.0.0.s"))
    assert held is not None
    held.scope = anyio.CancelScope()
    return held.scope


async def test_a_claim_seen_twice_is_taken_once() -> None:
    hands = Hands(3)

    assert hands.take(7, ("item", "token")) is not None
    assert hands.take(7, ("item", "token")) is None
    assert (hands.count, hands.free, hands.known(7)) == (1, 2, 1)


async def test_what_is_dropped_twice_is_counted_once() -> None:
    hands = Hands(3)
    hands.take(7, ("item", "token"))

    hands.drop(7, ("item", "token"))
    hands.drop(7, ("item", "token"))

    assert (hands.count, hands.free) == (0, 3)


@pytest.mark.parametrize(
    ("what", "stopped"),
    [
        ("exe_1", {"a", "p/b/x"}),
        ("exe_1/p", {"p/b/x"}),
        ("exe_1/p/b", {"p/b/x"}),
        ("exe_1|i", {"a", "p/b/x"}),
        ("exe_3", set[str]()),
    ],
)
async def test_r22_stopping_is_of_an_execution_or_a_scope_and_never_of_undoing(
    what: str, stopped: set[str]
) -> None:
    hands = Hands(9)
    scopes = {path: a_hand(hands, path) for path in ("a", "p/b/x", "~u")}
    other = a_hand(hands, "a", "exe_2")

    hands.stop(7, what)

    assert {path for path, scope in scopes.items() if scope.cancel_called} == stopped
    assert not other.cancel_called


async def test_the_first_reason_to_stop_counts() -> None:
    hands = Hands(9)
    a_hand(hands, "a")

    hands.stop(7, "exe_1|i")
    hands.stop_all("drain")

    (held,) = hands.held[7].values()
    assert held.why == "interrupt"
