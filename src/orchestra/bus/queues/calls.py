"""How a script of a queue is called: in its partition, repeated until the outcome is known."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from orchestra.bus.queues.records import QueueUnknown
from orchestra.store import queue_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, load_scripts


class Calls:
    """The scripts, where they run."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._scripts = load_scripts(__package__ or "")

    def tag(self, tenant: Tenant, name: str) -> int:
        """The partition of a queue."""
        digest = hashlib.sha256(f"{tenant}|{name}".encode()).digest()
        tags = self.store.partitions
        return tags[int.from_bytes(digest[:8], "big") % len(tags)]

    async def names(self, tenant: Tenant, *, own: bool = False) -> list[str]:
        """All queues of the tenant, or those that modules have for themselves, sorted."""
        key = queue_keys.own_queue_names if own else queue_keys.queue_names
        found: set[bytes] = set()
        for tag in self.store.partitions:
            prefix = self.store.prefix(tag)
            found |= set(await self.read(prefix, "SMEMBERS", key(prefix, tenant)))
        return sorted(name.decode() for name in found)

    async def run(self, tenant: Tenant, name: str, script: str, **args: Argument) -> list[Any]:
        """The reply of a script. Raises QueueUnknown."""
        return await self.known(tenant, name, script, (), args)

    async def known(
        self,
        tenant: Tenant,
        name: str,
        script: str,
        more: Sequence[bytes],
        args: Mapping[str, Argument],
    ) -> list[Any]:
        """As `run`, with what follows the args."""
        reply = await self.tried(tenant, name, script, more, args)
        if reply[:1] == [-1]:
            raise unknown()
        return reply

    async def tried(
        self,
        tenant: Tenant,
        name: str,
        script: str,
        more: Sequence[bytes],
        args: Mapping[str, Argument],
    ) -> list[Any]:
        """As `known`, and -1 for a queue that is not there."""
        known, prefix = self._scripts[script], self.store.prefix(self.tag(tenant, name))
        given = {"queue": f"{tenant}:{name}", **args}
        return cast(
            "list[Any]",
            await self.store.insist(lambda: self.store.run(known, prefix, *more, **given)),
        )

    async def due(self, queues: Sequence[bytes]) -> list[bytes]:
        """Those of these queues of one partition that have something to receive by now."""
        tenant, _, name = queues[0].decode().partition(":")
        return await self.tried(Tenant(tenant), name, "queue_due", queues, {})

    def placed(self, queues: Sequence[bytes]) -> list[list[bytes]]:
        """The same queues, those of a partition together."""
        found: dict[int, list[bytes]] = {}
        for queue in queues:
            tenant, _, name = queue.decode().partition(":")
            found.setdefault(self.tag(Tenant(tenant), name), []).append(queue)
        return list(found.values())

    async def read(self, prefix: str, *command: str) -> Any:
        """One reading command, repeated until it was answered."""
        return await self.store.insist(lambda: self.store.read(prefix, *command))


def unknown() -> QueueUnknown:
    """The one text for it."""
    return QueueUnknown("no queue has this name")


def rows(flat: Sequence[Any], width: int) -> list[Sequence[Any]]:
    """A flat reply as rows."""
    return [flat[i : i + width] for i in range(0, len(flat), width)]
