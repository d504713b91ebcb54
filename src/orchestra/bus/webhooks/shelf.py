"""Records of tenants in one slot: read, written at a revision, no more than a quota of them."""

from typing import Any, Final, Generic, Literal, TypeVar, cast

import msgspec
import structlog

from orchestra.bus.webhooks.records import Quota
from orchestra.errors import NotFound
from orchestra.store import frames, webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=msgspec.Struct)
Kind = Literal["e", "h"]
_KEYS: Final = {"e": webhook_keys.endpoints, "h": webhook_keys.inbound}


class Shelf(Generic[T]):
    """The records of one kind: endpoints (`e`) or inbound hooks (`h`)."""

    def __init__(
        self, store: Store, kind: Kind, record: type[T], most: int, unknown: NotFound
    ) -> None:
        self._store, self._kind, self._record = store, kind, record
        self._most, self._unknown = most, unknown
        self._prefix = webhook_keys.webhooks(store.space)
        self._scripts = load_scripts(__package__ or "")

    def unknown(self) -> NotFound:
        """The one text for it."""
        return type(self._unknown)(self._unknown.detail)

    async def get(self, tenant: Tenant, name: str) -> T:
        """As it is now. Raises what says that there is none."""
        found = cast(
            "bytes | None", await self.read("HGET", _KEYS[self._kind](self._prefix, tenant), name)
        )
        if found is None:
            raise self.unknown()
        return self._decoded(found)

    async def of_tenant(self, tenant: Tenant) -> list[T]:
        """All that can be read, in no order."""
        flat = cast(
            "list[bytes]", await self.read("HGETALL", _KEYS[self._kind](self._prefix, tenant))
        )
        found: list[T] = []
        for record in flat[1::2]:
            try:
                found.append(self._decoded(record))
            except (frames.CorruptRecord, msgspec.DecodeError):
                log.exception("webhook.unreadable")
        return found

    async def put(self, tenant: Tenant, name: str, revision: int, record: T) -> bool:
        """Keep it if the one there has the revision before; 1 is a new one. Raises Quota."""
        framed = frames.pack(msgspec.json.encode(record))
        stored = await self._store.insist(
            lambda: self._store.run(
                self._scripts["endpoint_put"],
                self._prefix,
                kind=self._kind,
                tenant=tenant,
                id=name,
                revision=revision,
                record=framed,
                most=self._most,
            )
        )
        if stored == -1:
            raise Quota(f"a tenant has at most {self._most} of these", limit=self._most)
        return bool(stored)

    async def drop(self, tenant: Tenant, name: str) -> bool:
        """Forget it. False when there was none."""
        gone = await self._store.insist(
            lambda: self._store.run(
                self._scripts["endpoint_drop"],
                self._prefix,
                kind=self._kind,
                tenant=tenant,
                id=name,
            )
        )
        return bool(gone)

    async def read(self, *command: str) -> Any:
        """One reading command, repeated until it was answered."""
        return await self._store.insist(lambda: self._store.read(self._prefix, *command))

    def _decoded(self, record: bytes) -> T:
        return msgspec.json.decode(frames.unpack(record.partition(b"|")[2]), type=self._record)
