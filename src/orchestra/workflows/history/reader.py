"""Reads whole executions: live ones from their hashes, those that ended long ago from archives."""

import zlib
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from orchestra.clock import Clock
from orchestra.errors import NotFound, OrchestraError
from orchestra.instants import instant
from orchestra.store import frames, keys, partitions
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history import chronicle
from orchestra.workflows.history.stored import Stored
from orchestra.workflows.ports import Partitions


class NoSuchExecution(NotFound):
    """No execution of this id, for this tenant."""


class Archive(msgspec.Struct, frozen=True, array_like=True):
    """Everything of an ended execution. In the store: msgpack, compressed, framed."""

    state: dict[str, bytes]
    nested: dict[str, bytes]
    records: dict[str, bytes]
    history: list[bytes]
    undo: list[bytes]


_archive = msgspec.msgpack.Decoder(Archive)


def pack_archive(archive: Archive) -> bytes:
    """As it is stored."""
    packed = zlib.compress(msgspec.msgpack.encode(archive), 1)
    return frames.pack(packed, frames.MSGPACK)


def unpacked(framed: bytes) -> Archive:
    """What was stored. Raises CorruptRecord."""
    return _archive.decode(zlib.decompress(frames.unpack(framed)))


class Reader:
    """Reads executions of a tenant."""

    def __init__(
        self, store: Partitions, catalogue: Catalogue, clock: Clock, durability: str
    ) -> None:
        self._store, self._catalogue = store, catalogue
        self._clock, self.durability = clock, durability

    def tag(self, execution: str) -> int:
        """The partition an id lives in. Raises NoSuchExecution for what is no such id."""
        try:
            tag = partitions.tag_number_of(execution) if execution.startswith("exe_") else -1
        except ValueError:
            tag = -1
        if tag not in self._store.partitions:
            raise NoSuchExecution("no execution of this id")
        return tag

    async def read(self, tenant: Tenant, execution: str, *, whole: bool = False) -> Stored:
        """What the store has of it; `whole` reads nested steps even where there should be none.

        Raises NoSuchExecution, CorruptRecord, StoreAway.
        """
        prefix = self._store.prefix(self.tag(execution))
        state, records = await self._gather(
            prefix,
            ("HGETALL", keys.state(prefix, execution)),
            ("HGETALL", keys.results(prefix, execution)),
        )
        archive = Archive(hashed(state), {}, hashed(records), [], [])
        archived = not archive.state
        if archived:
            archive = await self._archived(prefix, execution)
        if archive.state.get("@t", b"").decode() != tenant:
            raise NoSuchExecution("no execution of this id")
        plan = await self._catalogue.plan(archive.state["@d"].decode())
        stored = Stored(
            execution, plan, archive.state, archive.nested, archive.records, archive.undo,
            now_ms=self._clock.now_ms(), durability=self.durability,
        )  # fmt: skip
        if archived:
            stored.history = archive.history
            return stored
        deep = any(node.opens or node.undo for node in plan.nodes.values())
        if whole or deep or stored.letter == "P":
            await self._read_nested(prefix, stored)
        paths = [name for name in stored.records if name[0] not in "@$" and name[-1] not in "!>"]
        for path in paths:
            await self._unfold(prefix, stored, path)
        return stored

    async def lines(self, stored: Stored) -> list[chronicle.Line]:
        """The history of an execution."""
        if stored.history is None:
            prefix = self._store.prefix(self.tag(stored.id))
            key = keys.history(prefix, stored.id)
            stored.history = await self._store.read(prefix, "LRANGE", key, 0, -1)
        return chronicle.read(stored.history or [])

    async def window(
        self, stored: Stored, after: int, limit: int, *, newest: bool = False
    ) -> list[chronicle.Line]:
        """So many lines behind line `after`, or, the newest first, before it; 0: from the end."""
        prefix = self._store.prefix(self.tag(stored.id))
        key, kept = keys.history(prefix, stored.id), stored.history
        length = await self._store.read(prefix, "LLEN", key) if kept is None else len(kept)
        if newest:
            end = min(after - 1, length) if after > 0 else length
            first = max(0, end - limit)
        else:
            first = min(max(0, after), length)
            end = min(first + limit, length)
        if end <= first:
            return []
        if kept is not None:
            found = kept[first:end]
        else:  # lines are only added, and keep their numbers
            found = await self._store.read(prefix, "LRANGE", key, first, end - 1)
        read = chronicle.read(found, first + 1)
        return read[::-1] if newest else read

    async def line(self, stored: Stored, path: str) -> dict[str, int | str]:
        """Where a step that is ready stands in its line: how many are before it, in its part."""
        prefix, item = self._store.prefix(self.tag(stored.id)), _item(stored, path)
        queue = item.split("|", 2)[1]
        key = keys.queue(prefix, queue)
        rank, length = await self._gather(prefix, ("ZRANK", key, item), ("ZCARD", key))
        return {"queue": queue, "ahead": int(rank or 0), "length": int(length or 0)}

    async def due(self, stored: Stored, path: str) -> str | None:
        """When the next attempt of a step begins; None when nothing is set for it."""
        prefix, item = self._store.prefix(self.tag(stored.id)), _item(stored, path)
        found = await self._store.read(prefix, "ZSCORE", keys.timers(prefix), f"R|{item}")
        return instant(int(float(found))) if found is not None else None

    async def archive_of(self, execution: str) -> tuple[Archive, str] | None:
        """All there is of an ended execution, blobs unfolded, and its tenant; None when gone."""
        prefix = self._store.prefix(self.tag(execution))
        state = hashed(await self._store.read(prefix, "HGETALL", keys.state(prefix, execution)))
        if not state:
            return None
        tenant = state["@t"].decode()
        stored = await self.read(Tenant(tenant), execution, whole=True)
        await self.lines(stored)
        made = Archive(
            stored.state, stored.nested, stored.records, stored.history or [], stored.undo
        )
        return made, tenant

    async def _read_nested(self, prefix: str, stored: Stored) -> None:
        nested, undo = await self._gather(
            prefix,
            ("HGETALL", keys.nested(prefix, stored.id)),
            ("LRANGE", keys.undo_stack(prefix, stored.id), 0, -1),
        )
        stored.nested, stored.undo = hashed(nested), undo
        if stored.letter == "P":
            stored.pause = chronicle.paused(await self.lines(stored))

    async def _unfold(self, prefix: str, stored: Stored, path: str) -> None:
        """A record that is in a blob is read from there."""
        name = stored.record(path).get("blob")
        if name:
            framed = await self._store.read(prefix, "GET", keys.blob(prefix, stored.id, name))
            if framed is not None:
                stored.replace(path, framed)

    async def _archived(self, prefix: str, execution: str) -> Archive:
        framed = await self._store.read(prefix, "GET", keys.archive(prefix, execution))
        if framed is None:
            raise NoSuchExecution("no execution of this id")
        return unpacked(framed)

    async def _gather(self, prefix: str, *commands: tuple[Any, ...]) -> list[Any]:
        """Several reads in one round trip."""
        return await every([self._store.read(prefix, *words) for words in commands])


def _item(stored: Stored, path: str) -> str:
    """`class|queue|execution/path`: what stands in lines and timers for a step."""
    node = stored.plan.nodes[path.removeprefix("~")]
    undone = path[0] == "~" and node.undo is not None
    route = "|".join(node.undo.entry.split("|", 2)[:2]) if undone and node.undo else node.route
    return f"{route}|{stored.id}/{path}"


async def every(sent: Sequence[Awaitable[Any]]) -> list[Any]:
    """All replies, in order. Raises the first failure, when every one has been looked at."""
    replies: list[Any] = []
    failure: OrchestraError | None = None
    for reply in sent:
        try:
            replies.append(await reply)
        except OrchestraError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return replies


def hashed(flat: list[bytes]) -> dict[str, bytes]:
    """A hash as HGETALL gives it."""
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
