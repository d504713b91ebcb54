"""Wrong keys are counted, by address and by the beginning of the key."""

import pytest

from orchestra.clock import ManualClock
from orchestra.dashboard.signing_in import own
from orchestra.dashboard.tries import (
    PLACES_MAX,
    TRIES_MAX,
    WINDOW_S,
    Tries,
    TriesExhausted,
    client_of,
)


def test_too_many_wrong_keys_have_to_wait() -> None:
    clock = ManualClock(0)
    tries = Tries(clock)
    for i in range(TRIES_MAX):
        tries.admit(("from a", f"key {i}"))
        tries.failed(("from a", f"key {i}"))
        clock.advance(1_000)

    with pytest.raises(TriesExhausted) as refused:
        tries.admit(("from a", "key new"))
    assert refused.value.retry_after_ms == (WINDOW_S - TRIES_MAX) * 1_000
    tries.admit(("from b", "key new"))
    clock.advance(int(WINDOW_S * 1_000))
    tries.admit(("from a", "key new"))


def test_one_key_from_many_addresses_has_to_wait_too() -> None:
    tries = Tries(ManualClock(0))
    for i in range(TRIES_MAX):
        tries.failed((f"from {i}", "key orc_live_abcdefgh"))

    with pytest.raises(TriesExhausted):
        tries.admit(("from elsewhere", "key orc_live_abcdefgh"))


def test_what_is_remembered_is_bounded() -> None:
    tries = Tries(ManualClock(0))
    for i in range(PLACES_MAX + 100):
        tries.failed((f"from {i}",))

    assert len(vars(tries)["_failed"]) == PLACES_MAX


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "/a\\b", "/login",
        "/ui/logout", "/a\r\nset-cookie: x=1", "javascript:alert(1)", "",
        "/é", "/" + "a" * 3_000, "\t/a",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(target: str) -> None:
    assert own(target) == "/"


def test_a_page_of_ours_is_gone_back_to() -> None:
    assert own("/executions?status=failed&q=a%20b") == "/executions?status=failed&q=a%20b"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # no proxy of ours: it may say what it likes
        ("10.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
    ],
)
def test_behind_a_proxy_of_ours_each_client_has_its_own_tries(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_of(peer, forwarded, ("10.0.0.0/8",)) == client
