"""How a script of a queue is called: in a partition of it, repeated until the outcome is known."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from orchestra.bus.queues.records import QueueUnknown
from orchestra.store import queue_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, load_scripts

_KNOWN_MAX: Final = 10_000
UNKNOWN: Final = -1
ELSEWHERE: Final = -2
"""The queue is spread and was not taken for it, or the other way round."""


class Part(NamedTuple):
    """What a partition has of a queue: all of it, and `number` is None, when it is not spread."""

    tenant: Tenant
    name: str
    tag: int
    number: int | None = None

    @property
    def queue(self) -> str:
        """As the scripts name it."""
        return f"{self.tenant}:{self.name}"


class Calls:
    """The scripts, where they run, and which queues are known to be spread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._scripts = load_scripts(__package__ or "")
        self._spread: set[tuple[Tenant, str]] = set()

    def tag(self, tenant: Tenant, name: str) -> int:
        """The partition of a queue, or of the first part of one that is spread."""
        return self.home(tenant, name).tag

    def home(self, tenant: Tenant, name: str) -> Part:
        """The partition that has the queue, or of a spread one the part that knows of it."""
        return Part(tenant, name, self._placed(f"{tenant}|{name}")[1])

    def part(self, tenant: Tenant, name: str, index: int) -> Part | None:
        """That part of a spread queue; None: it can have none such."""
        tags = self.store.partitions
        return Part(tenant, name, tags[index], index) if index < len(tags) else None

    def parts(self, tenant: Tenant, name: str) -> list[Part]:
        """All parts of a spread queue; which one is the home, `home` tells."""
        return [Part(tenant, name, tag, i) for i, tag in enumerate(self.store.partitions)]

    def part_of(self, tenant: Tenant, name: str, unique: str) -> Part:
        """The part of a spread queue that has this group."""
        index, tag = self._placed(f"{tenant}|{name}|{unique}")
        return Part(tenant, name, tag, index)

    def is_spread(self, tenant: Tenant, name: str) -> bool:
        """As far as is known here: a script says so when it is wrong."""
        return (tenant, name) in self._spread

    def learn(self, tenant: Tenant, name: str, *, spread: bool) -> None:
        """It is so."""
        if not spread:
            self._spread.discard((tenant, name))
        else:
            if len(self._spread) >= _KNOWN_MAX:
                self._spread.clear()  # it is learnt again
            self._spread.add((tenant, name))

    async def names(self, tenant: Tenant, *, own: bool = False) -> list[str]:
        """All queues of the tenant, or those that modules have for themselves, sorted."""
        key = queue_keys.own_queue_names if own else queue_keys.queue_names
        found: set[bytes] = set()
        for tag in self.store.partitions:
            prefix = self.store.prefix(tag)
            found |= set(await self.read(prefix, "SMEMBERS", key(prefix, tenant)))
        return sorted(name.decode() for name in found)

    async def known(
        self, part: Part, script: str, args: Mapping[str, Argument], more: Sequence[bytes] = ()
    ) -> list[Any]:
        """The reply of a script; `more` follows its args. Raises QueueUnknown."""
        reply = await self.tried(part, script, args, more)
        if reply[:1] == [UNKNOWN]:
            raise unknown()
        return reply

    async def tried(
        self, part: Part, script: str, args: Mapping[str, Argument], more: Sequence[bytes] = ()
    ) -> list[Any]:
        """As `known`, and -1 for a queue that is not there."""
        known, prefix = self._scripts[script], self.store.prefix(part.tag)
        given = {"queue": part.queue, **args}
        return cast(
            "list[Any]",
            await self.store.insist(lambda: self.store.run(known, prefix, *more, **given)),
        )

    async def glance(self, part: Part, queues: Sequence[bytes]) -> "list[Glance]":
        """What there is to receive in these queues, as far as this partition has them."""
        reply = await self.tried(part, "queue_glance", {}, queues)
        return [
            Glance(spread, soon if isinstance(soon, int) else None, depth, depth_max, weight)
            for spread, soon, depth, depth_max, weight in rows(reply, 5)
        ]

    def placed(self, queues: Iterable[bytes]) -> list[tuple[Part, list[bytes]]]:
        """The queues by partition, each with one of its parts there."""
        found: dict[int, tuple[Part, list[bytes]]] = {}
        for queue in queues:
            tenant, _, name = queue.decode().partition(":")
            at = Tenant(tenant)
            spread = self.is_spread(at, name)
            for part in self.parts(at, name) if spread else [self.home(at, name)]:
                found.setdefault(part.tag, (part, []))[1].append(queue)
        return list(found.values())

    async def read(self, prefix: str, *command: str) -> Any:
        """One reading command, repeated until it was answered."""
        return await self.store.insist(lambda: self.store.read(prefix, *command))

    def _placed(self, text: str) -> tuple[int, int]:
        tags = self.store.partitions
        index = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % len(tags)
        return index, tags[index]


class Glance(NamedTuple):
    """What is in a part of a queue. `spread` -1: nothing, there is no such queue.

    `weight`: its bytes, where it is a module's own.
    """

    spread: int
    soon_ms: int | None
    depth: int
    depth_max: int
    weight: int


def unknown() -> QueueUnknown:
    """The one text for it."""
    return QueueUnknown("no queue has this name")


def rows(flat: Sequence[Any], width: int) -> list[Sequence[Any]]:
    """A flat reply as rows."""
    return [flat[i : i + width] for i in range(0, len(flat), width)]
