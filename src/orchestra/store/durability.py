"""What the store promises when it has answered, read back from the server and never assumed.

fsync       on disk                          `appendfsync always`
replicated  the primary and a replica        WAIT behind every batch
process     in the server's page cache       `appendfsync everysec` (or no)
volatile    in memory                        no append-only file
unknown     the server does not let us look: counted as the weakest
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from orchestra.store.endpoints import Access, Address, ask
from orchestra.store.failures import Unfit
from orchestra.store.mux import Reply

Mode: TypeAlias = Literal["fsync", "replicated", "process", "volatile", "unknown"]

# What people write in the settings, in the server's words or in ours.
MODES: Mapping[str, Mode] = {
    "always": "fsync",
    "everysec": "process",
    "no": "process",
    "fsync": "fsync",
    "replicated": "replicated",
    "process": "process",
    "volatile": "volatile",
}
_STRENGTH: Mapping[Mode, int] = {
    "unknown": 0,
    "volatile": 1,
    "process": 2,
    "replicated": 3,
    "fsync": 3,
}
_OLDEST = (7, 2)


class Durability(msgspec.Struct, frozen=True):
    """Asked for and in force. `replicas` is how many confirm each batch.

    `appendfsync` is the server's own word: always, everysec, no; off without a file, or unknown.
    """

    requested: Mode
    effective: Mode
    replicas: int = 0
    appendfsync: str = "unknown"


class Facts(msgspec.Struct, frozen=True):
    """What one primary says about itself. `config` is None when it does not let us look."""

    address: Address
    version: str
    role: str
    replicas: int
    memory_max_bytes: int
    config: Mapping[str, str] | None


async def examine(address: Address, access: Access) -> Facts:
    """Ask one primary. Raises OSError, TimeoutError or what the login ends in."""
    info, config = await ask(
        address,
        access,
        ("INFO", "everything"),
        ("CONFIG", "GET", "maxmemory-policy", "appendonly", "appendfsync"),
    )
    facts = _lines(info)
    return Facts(
        address,
        # Valkey gives the Redis it is compatible with as redis_version.
        facts.get("valkey_version") or facts.get("redis_version", "0"),
        facts.get("role", "master"),
        int(facts.get("connected_slaves", 0)),
        int(facts.get("maxmemory", 0)),
        None if isinstance(config, Exception) else _pairs(config),
    )


def mode_of(facts: Facts, wait_replicas: int) -> Mode:
    """The strongest promise one primary keeps."""
    config = facts.config
    if wait_replicas and facts.replicas >= wait_replicas:
        return "replicated"
    if config is None:
        return "unknown"
    if config.get("appendonly") != "yes":
        return "volatile"
    return "fsync" if config.get("appendfsync") == "always" else "process"


def _appendfsync(facts: Facts) -> str:
    if facts.config is None:
        return "unknown"
    return facts.config.get("appendfsync", "") if facts.config.get("appendonly") == "yes" else "off"


def judge(
    facts: list[Facts], requested: Mode | None, wait_replicas: int, *, weaker: bool
) -> Durability:
    """The promise of the whole store: that of its weakest primary.

    Raises Unfit when a server must not be worked on, or promises less than `requested` and
    `weaker` does not allow that. `requested` None: whatever it promises is enough.
    """
    for one in facts:
        _check_fit(one)
    weakest = min(facts, key=lambda one: _STRENGTH[mode_of(one, wait_replicas)])
    effective = mode_of(weakest, wait_replicas)
    requested = requested or effective
    confirming = wait_replicas if effective == "replicated" else 0
    durability = Durability(requested, effective, confirming, _appendfsync(weakest))
    if _STRENGTH[effective] < _STRENGTH[requested] and not weaker:
        raise Unfit(
            f"durability {requested} was asked for and the store's is {effective}: configure the "
            "server, ask for less with --durability, or start with --allow-weaker-durability"
        )
    return durability


def warnings(facts: list[Facts], partitions_on: int) -> list[str]:
    """What a person should know and is no reason to refuse."""
    found = ["no maxmemory is set" for one in facts if not one.memory_max_bytes][:1]
    if any(one.config and one.config.get("appendonly") != "yes" for one in facts):
        found.append("no append-only file: a restart of the server loses everything")
    if partitions_on < len(facts):
        found.append(f"{len(facts) - partitions_on} primaries have no partition")
    return found


def weaker(durability: Durability) -> bool:
    """Whether it is less than was asked for."""
    return _STRENGTH[durability.effective] < _STRENGTH[durability.requested]


def _check_fit(facts: Facts) -> None:
    if tuple(int(part) for part in facts.version.split(".")[:2]) < _OLDEST:
        raise Unfit(f"the store is version {facts.version}; 7.2 is the oldest that works")
    if facts.role != "master":
        raise Unfit("the store URL names a replica; give the primary, sentinels or a cluster")
    policy = (facts.config or {}).get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        raise Unfit(
            f"the store's maxmemory-policy is {policy}, which drops running work when memory is "
            "short: CONFIG SET maxmemory-policy noeviction"
        )


def _lines(reply: Reply) -> dict[str, str]:
    if isinstance(reply, Exception):
        raise reply
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else ""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _pairs(reply: list[bytes]) -> dict[str, str]:
    words = [word.decode() for word in reply]
    return dict(zip(words[::2], words[1::2], strict=True))
