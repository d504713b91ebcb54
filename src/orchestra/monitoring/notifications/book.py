"""Contacts in the store."""

from collections.abc import Sequence
from typing import Final, cast

import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.monitoring.notifications.records import (
    CONTACTS_MAX,
    Contact,
    ContactMoved,
    ContactNameTaken,
    ContactsExhausted,
    ContactTestedLately,
    ContactUnknown,
)
from orchestra.store import frames, notice_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

DEFAULT: Final = "*"
TEST_MS: Final = 2_000
TESTS_MS: Final = 60_000
TESTS_MAX: Final = 20


class Book:
    """Who can be told. Read from the store each time: it is asked seldom."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._scripts = load_scripts("orchestra.monitoring.notifications", prelude=False)
        self._prefix = notice_keys.notices(store.space)

    async def of_tenant(self, tenant: Tenant) -> list[Contact]:
        """All of a tenant, by name."""
        key = notice_keys.contacts(self._prefix, tenant)
        flat = cast("list[bytes]", await self._read("HGETALL", key))
        found = [one for one in map(_decoded, flat[1::2]) if one is not None]
        return sorted(found, key=lambda one: (one.name, one.id))

    async def get(self, tenant: Tenant, contact: str) -> Contact:
        """Raises ContactUnknown."""
        key = notice_keys.contacts(self._prefix, tenant)
        kept = cast("bytes | None", await self._read("HGET", key, contact))
        found = None if kept is None else _decoded(kept)
        if found is None:
            raise ContactUnknown("there is no contact of this id")
        return found

    async def default(self, tenant: Tenant) -> str | None:
        """The id of the contact of rules that name none."""
        key = notice_keys.contact_names(self._prefix, tenant)
        kept = cast("bytes | None", await self._read("HGET", key, DEFAULT))
        return None if kept is None else kept.decode()

    async def named(
        self, tenant: Tenant, names: Sequence[str]
    ) -> tuple[list[Contact], tuple[str, ...]]:
        """Those of these names or ids, and the names that are nobody's. Of no names, and when none
        of them is anybody's: the default one, if there is one.
        """
        everybody = await self.of_tenant(tenant)
        found = [one for one in everybody if one.name in names or one.id in names]
        known = {name for one in found for name in (one.name, one.id)}
        missing = tuple(name for name in names if name not in known)
        if not found:
            default = await self.default(tenant)
            found = [one for one in everybody if one.id == default]
        return found, missing

    async def put(self, contact: Contact, *, default: bool) -> None:
        """Keep it, if the one there has the revision before.

        Raises ContactNameTaken, ContactMoved, ContactsExhausted.
        """
        record = frames.pack(msgspec.json.encode(contact))
        kept = await self._store.insist(
            lambda: self._store.run(
                self._scripts["contact_put"],
                self._prefix,
                tenant=contact.tenant,
                id=contact.id,
                name=contact.name,
                revision=contact.revision,
                record=record,
                most=CONTACTS_MAX,
                default=int(default),
            )
        )
        match kept:
            case 0:
                raise ContactMoved("somebody else changed the contact meanwhile")
            case -1:
                told = f"a tenant has at most {CONTACTS_MAX} contacts"
                raise ContactsExhausted(told, limit=CONTACTS_MAX)
            case -2:
                raise ContactNameTaken("another contact has this name")
            case _:
                return

    async def drop(self, tenant: Tenant, contact: str) -> None:
        """Forget it. Safe to repeat."""
        script = self._scripts["contact_drop"]
        await self._store.insist(
            lambda: self._store.run(script, self._prefix, tenant=tenant, id=contact)
        )

    async def may_be_tested(self, contact: Contact) -> None:
        """One test in two seconds, of a tenant 20 a minute. Raises ContactTestedLately."""
        key = notice_keys.tested(self._prefix, contact.tenant, contact.id)
        first = await self._store.call(self._prefix, "SET", key, "1", "NX", "PX", TEST_MS)
        if first is None:
            told = "this contact was tested a moment ago"
            raise ContactTestedLately(told, retry_after_ms=TEST_MS)
        # Of a tenant, too: tests go to whatever address somebody names.
        key = notice_keys.tested(self._prefix, contact.tenant, "*")
        await self._store.call(self._prefix, "SET", key, "0", "NX", "PX", TESTS_MS)
        if cast("int", await self._store.call(self._prefix, "INCR", key)) > TESTS_MAX:
            told = f"{TESTS_MAX} tests were made in a minute"
            raise ContactTestedLately(told, retry_after_ms=TESTS_MS)

    async def _read(self, *command: str) -> object:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command))


def _decoded(kept: bytes) -> Contact | None:
    try:
        record = frames.unpack(kept.partition(b"|")[2])
        return msgspec.json.decode(record, type=Contact)
    except (frames.CorruptRecord, msgspec.DecodeError):
        log.exception("contact.unreadable")
        return None
