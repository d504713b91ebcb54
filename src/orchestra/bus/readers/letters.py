"""Dead letters of durable readers: events that could not be handled, kept until somebody looks."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.bus import Event, PositionInvalid
from orchestra.bus.positions import parsed
from orchestra.errors import NotFound
from orchestra.store import reader_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts
from orchestra.store.tails import entries

_PAGE: Final = 200
_LOOKED_MAX: Final = 2_000
"""Dead letters that are looked at for one page: those of other tenants are passed over."""
_BITE: Final = 500


class ReaderUnknown(NotFound):
    """No durable reader has this name."""


class Letter(msgspec.Struct, frozen=True):
    """An event that a reader gave up, and why. `at` is its place."""

    at: str
    event: Event
    error: str
    tries: int

    @property
    def died_ms(self) -> int:
        """When."""
        return parsed(self.at)[0]


class Again(msgspec.Struct, frozen=True):
    """An event that is handed to its reader again, and how often that was begun before."""

    event: Event
    begun: int


class Letters:
    """Of the readers of one tenant, or of the product's own (None)."""

    def __init__(self, store: Store, tenant: Tenant | None = None) -> None:
        self._store = store
        self._prefix = reader_keys.readers(tenant, store.space)
        self._scripts = load_scripts(__package__ or "")

    async def names(self) -> list[str]:
        """The readers there are, sorted."""
        found = await self._read("HKEYS", reader_keys.reader_definitions(self._prefix))
        return sorted(name.decode() for name in cast("list[bytes]", found))

    async def page(
        self, of: Tenant, name: str, limit: int, after: str | None
    ) -> tuple[list[Letter], str | None]:
        """Those of events of a tenant, the oldest first, and where to go on.

        Raises ReaderUnknown, PositionInvalid.
        """
        if name not in await self.names():
            raise ReaderUnknown("no durable reader has this name")
        found, at = list[Letter](), _checked(after or "0-0")
        for _ in range(0, _LOOKED_MAX, _PAGE):
            key = reader_keys.reader_dead_letters(self._prefix, name)
            read = await self._read("XRANGE", key, f"({at}", "+", "COUNT", str(_PAGE))
            batch = entries(cast("list[Any]", read))
            for at, fields in batch:
                event = msgspec.json.decode(fields["e"], type=Event)
                if event.tenant == of:
                    why = fields["err"].decode("utf-8", "replace")
                    found.append(Letter(at, event, why, int(fields["tries"])))
                if len(found) == limit:
                    return found, at
            if len(batch) < _PAGE:
                return found, None
        return found, at

    async def redrive(self, of: Tenant, name: str, places: Sequence[str] | None) -> int:
        """Hand these to the reader again, or all of the tenant; how many. Each only once.

        Raises ReaderUnknown, PositionInvalid.
        """
        mine = await self._mine(of, name, places)
        moved = 0
        for i in range(0, len(mine), _BITE):
            more = [one.encode() for one in mine[i : i + _BITE]]
            moved += sum(cast("list[int]", await self._run("reader_redrive", more, name=name)))
        return moved

    async def forget(self, of: Tenant, name: str, places: Sequence[str] | None) -> int:
        """Throw these away, or all of the tenant; how many. As `redrive`."""
        mine = await self._mine(of, name, places)
        key, gone = reader_keys.reader_dead_letters(self._prefix, name), 0
        for i in range(0, len(mine), _BITE):
            some = mine[i : i + _BITE]
            gone += cast("int", await self._store.call(self._prefix, "XDEL", key, *some))
        return gone

    async def again(self, name: str, token: str, done: str) -> Again | None:
        """The next one to be handled again, when `done` is; None: there is none, or not for us."""
        reply = cast(
            "list[Any]", await self._run("reader_again", (), name=name, token=token, done=done)
        )
        if not reply or reply[0] == -1:
            return None
        return Again(msgspec.json.decode(reply[1], type=Event), reply[2])

    async def _mine(self, of: Tenant, name: str, places: Sequence[str] | None) -> list[str]:
        wanted = None if places is None else {_checked(one) for one in places}
        found, more = await self.page(of, name, _BITE, None)
        mine = [one.at for one in found]
        while more is not None:
            found, more = await self.page(of, name, _BITE, more)
            mine += [one.at for one in found]
        return [one for one in mine if wanted is None or one in wanted]

    async def _run(self, script: str, more: Sequence[bytes], **args: str) -> object:
        known = self._scripts[script]
        return await self._store.insist(lambda: self._store.run(known, self._prefix, *more, **args))

    async def _read(self, *command: str) -> object:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command))


def _checked(place: str) -> str:
    """Raises PositionInvalid."""
    ms, _, seq = place.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (ms, seq)):
        raise PositionInvalid("this is no place of a dead letter")
    return place
