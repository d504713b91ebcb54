"""What callers may do with contacts: make, change, remove. Where they are is judged first."""

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError, Problem
from orchestra.instants import instant
from orchestra.monitoring.notifications.book import Book
from orchestra.monitoring.notifications.ports import Form, Hooks
from orchestra.monitoring.notifications.reading import ContactInvalid, read_contact, settle
from orchestra.monitoring.notifications.records import Contact, ContactMoved, ContactUnknown
from orchestra.security.hardened import loads
from orchestra.security.outbound import DestinationNotAllowed
from orchestra.store.keys import Tenant
from orchestra.store.repeats import Repeats

BODY_MAX_BYTES: Final = 65_536


class Contacts:
    """Contacts as callers see them."""

    def __init__(self, book: Book, hooks: Hooks, repeats: Repeats, clock: Clock, ids: Ids) -> None:
        self._book, self._hooks, self._repeats = book, hooks, repeats
        self._clock, self._ids = clock, ids

    async def page(self, tenant: Tenant, *, whole: bool) -> dict[str, Any]:
        """All of them."""
        default = await self._book.default(tenant)
        found = await self._book.of_tenant(tenant)
        return {"contacts": [shown(one, default, whole=whole) for one in found]}

    async def one(self, tenant: Tenant, contact: str, *, whole: bool) -> dict[str, Any]:
        """Raises ContactUnknown."""
        found = await self._book.get(tenant, contact)
        return shown(found, await self._book.default(tenant), whole=whole)

    async def create(
        self, tenant: Tenant, body: bytes, key: str | None
    ) -> tuple[dict[str, Any], bool]:
        """A new contact; with the `key` of before the one of before, and True.

        Raises ContactInvalid, ContactNameTaken, ContactsExhausted, IdempotencyMismatch,
        MasterKeyMissing.
        """
        now_ms = self._clock.now_ms()
        base = Contact(
            self._ids.new("con"), tenant, "", "webhook", created_ms=now_ms, updated_ms=now_ms
        )
        contact, default = await self._judged(body, base)
        claim = await self._repeats.claim(tenant, key, body, base.id)
        if claim.again:
            try:
                return await self._before(tenant, claim.id), True
            except ContactUnknown:
                pass  # its maker did not get so far
        contact, default = msgspec.structs.replace(contact, id=claim.id), default is True
        try:
            await self._book.put(contact, default=False)
        except ContactMoved:  # the same request, at the same time
            return await self._before(tenant, claim.id), True
        try:
            secret = await self._endpoint(contact) or await self._secret(contact)
        except OrchestraError:
            await self._book.drop(tenant, contact.id)
            raise
        if default:  # only now: one that cannot be made takes the place of nobody
            await self._book.put(contact, default=True)
        told = shown(contact, contact.id if default else None, whole=True)
        return told | {"secret": secret}, False

    async def change(self, tenant: Tenant, contact_id: str, body: bytes) -> dict[str, Any]:
        """Raises ContactUnknown, ContactInvalid, ContactNameTaken, ContactMoved."""
        before = await self._book.get(tenant, contact_id)
        base = msgspec.structs.replace(
            before, revision=before.revision + 1, updated_ms=self._clock.now_ms()
        )
        contact, wanted = await self._judged(body, base)
        was = await self._book.default(tenant) == contact_id
        default = was if wanted is None else wanted
        await self._book.put(contact, default=default)
        secret = await self._endpoint(contact)
        return shown(contact, contact_id if default else None, whole=True) | {"secret": secret}

    async def remove(self, tenant: Tenant, contact_id: str) -> None:
        """Raises ContactUnknown."""
        contact = await self._book.get(tenant, contact_id)
        await self._hooks.drop(tenant, contact.id)
        await self._book.drop(tenant, contact.id)

    async def _judged(self, body: bytes, base: Contact) -> tuple[Contact, bool | None]:
        """Raises ContactInvalid with all that is wrong; nothing was dialled."""
        findings: list[Problem] = []
        wanted = read_contact(loads(body, max_bytes=BODY_MAX_BYTES), base, findings)
        if wanted.contact.url:
            try:
                await self._hooks.admit(wanted.contact.url)
            except DestinationNotAllowed as refused:
                findings.append(Problem("/url", refused.code, refused.detail))
        settle(findings, ContactInvalid("the contact is wrong"))
        return wanted.contact, wanted.default

    async def _before(self, tenant: Tenant, contact_id: str) -> dict[str, Any]:
        """What was made before, and finished now where its maker was stopped."""
        contact = await self._book.get(tenant, contact_id)
        told = shown(contact, await self._book.default(tenant), whole=True)
        return told | {"secret": await self._secret(contact)}

    async def _secret(self, contact: Contact) -> str | None:
        """What the receiver of a webhook verifies with; what is called is there afterwards."""
        if contact.kind == "email":
            return None
        if (kept := await self._hooks.secret(contact.tenant, contact.id)) is None:
            made = await self._endpoint(contact)  # None, too, when somebody else just did
            kept = made or await self._hooks.secret(contact.tenant, contact.id)
        return kept if contact.kind == "webhook" else None

    async def _endpoint(self, contact: Contact) -> str | None:
        if contact.kind == "email":
            return None
        form: Form = "slack" if contact.kind == "slack" else "cloudevents"
        name = f"contact {contact.name}"
        secret = await self._hooks.keep(contact.tenant, name, contact.url, form, contact.id)
        return secret if contact.kind == "webhook" else None


def shown(one: Contact, default: str | None, *, whole: bool) -> dict[str, Any]:
    """A contact as a document; not `whole`: only the host of its URL, which may hold a token."""
    return {
        "id": one.id,
        "name": one.name,
        "kind": one.kind,
        "to": list(one.to),
        "url": (one.url if whole else _shortened(one.url)) or None,
        "resolved": one.resolved,
        "default": one.id == default,
        "created_at": instant(one.created_ms),
        "updated_at": instant(one.updated_ms),
    }


def _shortened(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…" if url else ""
