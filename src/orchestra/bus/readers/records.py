"""Durable readers in the store: what they read, how far they are, and who reads now.

All of a tenant's readers are in one slot, so that a claim, a cursor over all streams and a quota
are one script each (decision 0016). A token fences: who lost the claim writes nothing any more.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from orchestra.store import reader_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, load_scripts

READERS_MAX: Final = 100

Positions = Mapping[str, str]
"""By key of stream."""


class Definition(msgspec.Struct, frozen=True):
    """What a durable reader reads. Two are the same when all but `created_ms` is."""

    created_ms: int
    start: str = "new"
    """`new`, `oldest`, or a position."""
    types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """A claim. `crashes` at this cursor; `trying`: the event the last owner tried alone."""

    token: str
    crashes: int
    trying: str
    definition: Definition
    cursor: Positions


class Mark(msgspec.Struct, frozen=True):
    """What to say with a new cursor. `calm`: the crashes before are over; `trying`: see `Held`."""

    release: bool = False
    calm: bool = False
    trying: str = ""


class Readers:
    """The readers of one tenant, or the product's own (None)."""

    def __init__(self, store: Store, tenant: Tenant | None) -> None:
        self._store = store
        self._prefix = reader_keys.readers(tenant, store.space)
        self._scripts = load_scripts(__package__ or "")

    async def create(
        self, name: str, definition: Definition, positions: Positions, most: int
    ) -> Definition | None:
        """The definition in force, which may be another one; None: there are `most` already."""
        reply = cast(
            "list[Any]",
            await self._run(
                "reader_create", positions, name=name, max=most,
                definition=msgspec.json.encode(definition),
            ),
        )  # fmt: skip
        return None if reply[0] == -1 else msgspec.json.decode(reply[1], type=Definition)

    async def claim(self, name: str, owner: str, ttl_ms: int) -> Held | int | None:
        """The claim; ms for which somebody else has it; None when there is no such reader."""
        reply = cast(
            "list[Any]",
            await self._run("reader_claim", {}, name=name, owner=owner, ttl_ms=ttl_ms),
        )
        if reply[0] != 1:
            return int(reply[1]) if reply[0] == 0 else None
        _, token, crashes, trying, definition, flat = reply
        words = [word.decode() for word in flat]
        return Held(
            token.decode(),
            crashes,
            trying.decode(),
            msgspec.json.decode(definition, type=Definition),
            dict(zip(words[::2], words[1::2], strict=True)),
        )

    async def advance(
        self, name: str, token: str, ttl_ms: int, positions: Positions, mark: Mark
    ) -> bool:
        """Everything up to `positions` is handled. False: somebody else reads now."""
        return bool(
            await self._run(
                "reader_advance", positions, name=name, token=token, ttl_ms=ttl_ms,
                release=int(mark.release), calm=int(mark.calm), trying=mark.trying,
            )
        )  # fmt: skip

    async def bury(self, name: str, token: str, letter: tuple[str, bytes, str, int]) -> bool:
        """Put an event (id, itself, error, tries) to the dead letters. False: as `advance`."""
        event_id, event, error, tries = letter
        return bool(
            await self._run(
                "reader_bury", {}, name=name, token=token, event_id=event_id, event=event,
                error=error, tries=tries,
            )
        )  # fmt: skip

    async def give(self, name: str, token: str, lease_ms: int, positions: Positions) -> bool:
        """What lies before `positions` is with a client. False: as `advance`."""
        return bool(
            await self._run("reader_window", positions, name=name, token=token, lease_ms=lease_ms)
        )

    async def ack(self, name: str, token: str) -> bool | None:
        """The client has handled it. False: it went to somebody else; None: no such reader."""
        reply = await self._run("reader_ack", {}, name=name, token=token)
        return None if reply == -1 else reply == 1

    async def drop(self, name: str) -> bool:
        """Whether there was one, which is gone now with all that is kept of it."""
        return bool(await self._run("reader_drop", {}, name=name))

    async def all(self) -> Mapping[str, Definition]:
        """By name."""
        flat = cast(
            "list[bytes]", await self._read("HGETALL", reader_keys.reader_definitions(self._prefix))
        )
        return {
            name.decode(): msgspec.json.decode(text, type=Definition)
            for name, text in zip(flat[::2], flat[1::2], strict=True)
        }

    async def cursor(self, name: str) -> tuple[Definition, Positions] | None:
        """What one reads, and how far it is; None when there is no such reader."""
        text = await self._read("HGET", reader_keys.reader_definitions(self._prefix), name)
        if text is None:
            return None
        flat = await self._read("HGETALL", reader_keys.reader_cursor(self._prefix, name))
        words = [word.decode() for word in cast("list[bytes]", flat)]
        positions = dict(zip(words[::2], words[1::2], strict=True))
        return msgspec.json.decode(cast("bytes", text), type=Definition), positions

    async def _run(self, script: str, positions: Positions, **args: Argument) -> Any:
        more = [word.encode() for pair in positions.items() for word in pair]
        return await self._store.insist(
            lambda: self._store.run(self._scripts[script], self._prefix, *more, **args)
        )

    async def _read(self, *command: str) -> object:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command))
