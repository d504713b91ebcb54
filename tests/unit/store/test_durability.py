"""Durability: read back, the weakest primary counts, less than asked for is refused."""

import msgspec
import pytest

from orchestra.store.durability import Durability, Facts, Mode, judge, warnings
from orchestra.store.endpoints import Address
from orchestra.store.failures import Unfit

ALWAYS = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always"}
SOUND = Facts(Address("a", 1), "8.1.0", "master", 1, 10**9, ALWAYS)


def but(**changes: object) -> Facts:
    return msgspec.structs.replace(SOUND, **changes)


@pytest.mark.parametrize(
    ("config", "effective", "appendfsync"),
    [
        (ALWAYS, "fsync", "always"),
        (ALWAYS | {"appendfsync": "everysec"}, "process", "everysec"),
        (ALWAYS | {"appendfsync": "no"}, "process", "no"),
        (ALWAYS | {"appendonly": "no"}, "volatile", "off"),
        (None, "unknown", "unknown"),
    ],
)
def test_the_mode_is_what_the_server_does(
    config: dict[str, str] | None, effective: Mode, appendfsync: str
) -> None:
    found = judge([but(config=config)], None, 0, weaker=False)

    assert found == Durability(effective, effective, 0, appendfsync)


def test_a_replica_that_confirms_is_as_good_as_a_disk() -> None:
    found = judge([but(config=None)], "replicated", 1, weaker=False)

    assert (found.effective, found.replicas) == ("replicated", 1)


def test_the_weakest_primary_counts() -> None:
    found = judge([SOUND, but(replicas=0, config=None)], "replicated", 1, weaker=True)

    assert found == Durability("replicated", "unknown", 0, "unknown")


def test_less_than_asked_for_is_refused_naming_both() -> None:
    everysec = but(config=ALWAYS | {"appendfsync": "everysec"})

    with pytest.raises(Unfit, match="fsync was asked for and the store's is process"):
        judge([everysec], "fsync", 0, weaker=False)
    assert judge([everysec], "fsync", 0, weaker=True).effective == "process"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (but(version="7.0.15"), "7.0.15"),
        (but(role="slave"), "replica"),
        (but(config=ALWAYS | {"maxmemory-policy": "allkeys-lru"}), "allkeys-lru"),
    ],
)
def test_a_server_that_would_lose_work_is_refused_with_the_remedy(wrong: Facts, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        judge([SOUND, wrong], None, 0, weaker=True)


def test_what_a_person_should_know_is_said() -> None:
    said = warnings([but(memory_max_bytes=0, config=ALWAYS | {"appendonly": "no"}), SOUND], 1)

    assert [text.split(":")[0] for text in said] == [
        "no maxmemory is set", "no append-only file", "1 primaries have no partition",
    ]  # fmt: skip
