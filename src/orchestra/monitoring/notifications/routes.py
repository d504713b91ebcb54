"""Contacts and silences over HTTP: `/api/alerts/contacts`, `/api/alerts/silences`."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, SkipValidation

from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.monitoring.notifications import descriptions
from orchestra.monitoring.notifications.book import Book
from orchestra.monitoring.notifications.contacts import BODY_MAX_BYTES, Contacts
from orchestra.monitoring.notifications.hush import Silences
from orchestra.monitoring.notifications.matching import is_meant
from orchestra.monitoring.notifications.ports import Ports
from orchestra.monitoring.notifications.posting import Postman
from orchestra.monitoring.notifications.quieting import Quieting
from orchestra.monitoring.notifications.reading import read_matchers
from orchestra.monitoring.notifications.records import Silence
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import loads
from orchestra.store.client import Store

Asking = Request[Any, Any, Any]
Document = dict[str, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Office = NamedDependency[SkipValidation[Contacts]]
Addresses = NamedDependency[SkipValidation[Book]]
Post = NamedDependency[SkipValidation[Postman]]
Quiet = NamedDependency[SkipValidation[Silences]]
Others = NamedDependency[SkipValidation[Ports]]
Now = NamedDependency[SkipValidation[Clock]]
Makes = NamedDependency[SkipValidation[Quieting]]
IdempotencyKey = Annotated[
    str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=256)
]
Kept = NamedDependency[SkipValidation[Store]]
READS: Final = [requires(Permission.ALERTS_READ)]
WRITES: Final = [requires(Permission.ALERTS_WRITE)]
MATCHES_MAX: Final = 100


class ContactRoutes(Controller):
    """Who is told of alerts."""

    path = "/api/alerts/contacts"
    tags = ("alerts",)

    @get("/", guards=READS, opt=descriptions.CONTACTS)
    async def page(self, principal: Caller, contacts: Office) -> Document:
        """All contacts, by name."""
        whole = principal.may(Permission.ALERTS_WRITE)
        return await contacts.page(principal.tenant, whole=whole)

    @post("/", guards=WRITES, opt=descriptions.CREATE)
    async def create(
        self,
        request: Asking,
        principal: Caller,
        contacts: Office,
        store: Kept,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Document]:
        """Make a contact: mail, a webhook that is signed, or a chat.

        Repeating an `Idempotency-Key` in 24 h makes no second one.
        """
        store.admit()
        body = await request.body()
        made, again = await contacts.create(principal.tenant, body, idempotency_key)
        return _created(made, f"/api/alerts/contacts/{made['id']}", again=again)

    @get("/{contact_id:str}", guards=READS, opt=descriptions.ONE)
    async def one(self, contact_id: FromPath[str], principal: Caller, contacts: Office) -> Document:
        """One contact."""
        whole = principal.may(Permission.ALERTS_WRITE)
        return await contacts.one(principal.tenant, contact_id, whole=whole)

    @put("/{contact_id:str}", guards=WRITES, opt=descriptions.CHANGE)
    async def change(
        self, request: Asking, contact_id: FromPath[str], principal: Caller, contacts: Office
    ) -> Document:
        """Say all of it anew; its kind stays. A webhook keeps its secret."""
        return await contacts.change(principal.tenant, contact_id, await request.body())

    @delete("/{contact_id:str}", status_code=204, guards=WRITES, opt=descriptions.REMOVE)
    async def remove(self, contact_id: FromPath[str], principal: Caller, contacts: Office) -> None:
        """Forget a contact, and what waits for it."""
        await contacts.remove(principal.tenant, contact_id)

    @post("/{contact_id:str}/test", status_code=200, guards=WRITES, opt=descriptions.TEST)
    async def test(
        self, contact_id: FromPath[str], principal: Caller, book: Addresses, postman: Post
    ) -> Document:
        """Send a test now, once, and say what came of it."""
        contact = await book.get(principal.tenant, contact_id)
        await book.may_be_tested(contact)
        return await postman.test(contact)


class SilenceRoutes(Controller):
    """What nobody is told of for a while."""

    path = "/api/alerts/silences"
    tags = ("alerts",)

    @get("/", guards=READS, opt=descriptions.SILENCES)
    async def page(self, principal: Caller, silences: Quiet, clock: Now) -> Document:
        """Silences that are on, will be, or were a day ago."""
        found, now_ms = await silences.of_tenant(principal.tenant), clock.now_ms()
        return {"silences": [_shown(one, now_ms) for one in found]}

    @post("/", guards=WRITES, opt=descriptions.SILENCE)
    async def create(
        self,
        request: Asking,
        principal: Caller,
        quieting: Makes,
        clock: Now,
        others: Others,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Document]:
        """Tell nobody of some alerts for a while. Their states go on.

        Repeating an `Idempotency-Key` in 24 h makes no second one.
        """
        silence, again = await quieting.create(principal, await request.body(), idempotency_key)
        told = _shown(silence, clock.now_ms()) | await _preview(silence, others)
        return _created(told, f"/api/alerts/silences/{silence.id}", again=again)

    @post("/preview", status_code=200, guards=READS, opt=descriptions.PREVIEW)
    async def preview(self, request: Asking, principal: Caller, others: Others) -> Document:
        """Which alerts that fire now a silence would be about. Nothing is kept."""
        matchers = read_matchers(loads(await request.body(), max_bytes=BODY_MAX_BYTES))
        return await _preview(Silence("", principal.tenant, matchers, 0, 0, "", "", 0), others)

    @get("/{silence_id:str}", guards=READS, opt=descriptions.SHOW)
    async def one(
        self, silence_id: FromPath[str], principal: Caller, silences: Quiet, clock: Now
    ) -> Document:
        """One silence."""
        return _shown(await silences.get(principal.tenant, silence_id), clock.now_ms())

    @delete("/{silence_id:str}", status_code=204, guards=WRITES, opt=descriptions.UNSILENCE)
    async def remove(self, silence_id: FromPath[str], principal: Caller, silences: Quiet) -> None:
        """End a silence now. What still fires is said."""
        await silences.drop(principal.tenant, silence_id)


def _created(made: Document, at: str, *, again: bool) -> Response[Document]:
    headers = {"Location": at} | ({"Idempotency-Replayed": "true"} if again else {})
    return Response(made, headers=headers)


async def _preview(silence: Silence, others: Ports) -> Document:
    firing = await others.firing(silence.tenant)
    found = [
        {"id": name, "rule_id": one.rule, "labels": one.labels, "severity": one.severity}
        for name, one in sorted(firing.items())
        if is_meant(silence, one.facts())
    ]
    return {"matches": found[:MATCHES_MAX], "count": len(found)}


def _shown(one: Silence, now_ms: int) -> Document:
    state = "pending" if now_ms < one.starts_ms else "active" if now_ms < one.ends_ms else "expired"
    return {
        "id": one.id,
        "state": state,
        "matchers": msgspec.to_builtins(one.matchers),
        "starts_at": instant(one.starts_ms),
        "ends_at": instant(one.ends_ms),
        "comment": one.comment,
        "author": one.author,
        "created_at": instant(one.created_ms),
    }
