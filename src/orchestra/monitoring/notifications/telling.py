"""From what is said of alerts to letters: hearing it, and looking at groups whose time has come.

Everything is decided from the state in the store and kept at its next revision: two who hear the
same, or look at once, decide once.
"""

from typing import Any, Final

import anyio
import msgspec
import structlog

from orchestra.bus import Bury, Event, Gap
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Unavailable
from orchestra.monitoring.notifications.book import Book
from orchestra.monitoring.notifications.deciding import Known, heard, looked
from orchestra.monitoring.notifications.hush import Silences
from orchestra.monitoring.notifications.matching import Grave, graves
from orchestra.monitoring.notifications.ports import Firing
from orchestra.monitoring.notifications.posting import Postman
from orchestra.monitoring.notifications.records import (
    OVERFLOW,
    Contact,
    ContactUnknown,
    Group,
    Letter,
    Standing,
    Told,
    group_id,
)
from orchestra.monitoring.notifications.shelf import GroupsExhausted, Shelf
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

TRIES: Final = 20
MANY: Final = 100
OLD_S: Final = 10.0
STOOD_MAX: Final = 8
CONTACT: Final = "con_"
_SAYS: Final = frozenset(("alert.fired", "alert.resolved", "alert.acknowledged", "alert.flapping"))
_TOLD: Final = msgspec.json.Decoder(Told)


class Contended(Unavailable):
    """Others change this group at the same time."""


class Teller:
    """Hears, looks, decides."""

    def __init__(
        self, shelf: Shelf, book: Book, silences: Silences, postman: Postman,
        ports: tuple[Firing, Clock],
    ) -> None:  # fmt: skip
        self._shelf, self._book, self._silences, self._postman = shelf, book, silences, postman
        self._firing, self._clock = ports
        # One decision at a time in this process: only other processes are in each other's way.
        self._turn = anyio.Lock()
        self._stood: dict[Tenant, tuple[float, dict[str, Standing], Grave]] = {}

    async def handle(self, event: Event | Gap) -> None:
        """The handler of the durable reader `notifications`. Raises Unavailable: again later."""
        if isinstance(event, Gap):
            log.error("notification.alerts_missed", from_ms=event.from_ms, to_ms=event.to_ms)
            return
        if event.type.startswith("webhook."):
            await self._hook_failed(event)
        elif event.type in _SAYS:
            await self._hear(event)

    async def look(self, tenant: Tenant, name: str) -> list[Letter]:
        """Look at a group, and what is said now. Raises Unavailable, StoreAway."""
        async with self._turn:
            letters = await self._look(tenant, name)
        for one in letters:
            await self._postman.hand_on(one)
        return letters

    async def _look(self, tenant: Tenant, name: str) -> list[Letter]:
        for _ in range(TRIES):
            group = await self._shelf.get(tenant, name)
            if group is None:
                await self._shelf.forget_due(tenant, name)
                return []
            now_ms = self._clock.now_ms()
            try:
                contact = await self._book.get(tenant, group.contact)
            except ContactUnknown:
                empty = msgspec.structs.replace(group, members=(), due_ms=None)
                if await self._shelf.put(empty, [], now_ms):
                    return []
                continue
            silences = await self._silences.of_tenant(tenant)
            known = Known(now_ms, contact, silences, *await self._standing(tenant))
            after, letters = looked(group, known)
            if await self._shelf.put(after, letters, now_ms):
                return letters
        raise Contended("others change this group at the same time", retry_after_ms=1_000)

    async def _hear(self, event: Event) -> None:
        try:
            told = _TOLD.decode(event.data)
        except msgspec.DecodeError:
            raise Bury("it cannot be read") from None
        told = msgspec.structs.replace(told, type=event.type, at_ms=told.at_ms or event.at_ms)
        contacts, missing = await self._book.named(event.tenant, told.notify)
        if missing and told.type in ("alert.fired", "alert.flapping"):
            facts: dict[str, Any] = {
                "tenant": event.tenant,
                "alert_id": told.alert_id,
                "error": f"no contact is called {', '.join(missing)[:200]}",
                "tries": 0,
            }
            await self._postman.failed(None, facts, f"{told.alert_id}|{told.at_ms}")
        by = tuple((name, _label(told, name)) for name in told.group_by)
        for contact in contacts:
            async with self._turn:
                await self._group(event.tenant, contact, by, told)

    async def _group(
        self, tenant: Tenant, contact: Contact, by: tuple[tuple[str, str], ...], told: Told
    ) -> None:
        name, beyond = group_id(contact.id, by), ((OVERFLOW, ""),)
        for _ in range(TRIES):
            group = await self._shelf.get(tenant, name)
            if group is None or not group.contact:
                revision = group.revision if group else 0
                group = Group(name, tenant, contact.id, by, revision=revision)
            now_ms = self._clock.now_ms()
            after = heard(group, told, now_ms)
            known = any(one.alert == told.alert_id for one in group.members)
            if after is None and (known or by == beyond):
                return
            try:
                if after is not None and await self._shelf.put(after, [], now_ms):
                    return
            except GroupsExhausted:
                if by == beyond:
                    raise
                after = None
            if after is None:
                await self._group(tenant, contact, beyond, told)
                return
        raise Contended("others change this group at the same time", retry_after_ms=1_000)

    async def _standing(self, tenant: Tenant) -> tuple[dict[str, Standing] | None, Grave]:
        """How the alerts stand. Where many do, they are not read again for each group."""
        began = self._clock.monotonic()
        until, found, grave = self._stood.pop(tenant, (float("-inf"), {}, {}))
        if began < until:
            self._stood[tenant] = until, found, grave
            return found, grave
        try:
            found = dict(await self._firing(tenant))
        except OrchestraError as away:
            log.debug("notification.standing_unknown", error=away.code)
            return None, {}
        grave = graves(found)
        if len(found) > MANY:
            while len(self._stood) >= STOOD_MAX:
                del self._stood[next(iter(self._stood))]
            # One that fired since is not there; it counts as gone only after 15 s.
            spent = self._clock.monotonic() - began
            self._stood[tenant] = began + min(max(1.0, 5 * spent), OLD_S), found, grave
        return found, grave

    async def _hook_failed(self, event: Event) -> None:
        """What was given up, or turned off, of an endpoint that is a contact's."""
        if not event.key.startswith(CONTACT):
            return
        data: dict[str, Any] = msgspec.json.decode(event.data)
        try:
            contact = await self._book.get(event.tenant, event.key)
        except ContactUnknown:
            return
        facts: dict[str, Any] = {
            "tenant": event.tenant,
            "notification_id": str(data.get("delivery_id", "")),
            "error": str(data.get("error") or data.get("reason") or "failed"),
            "tries": int(data.get("tries") or data.get("failures") or 0),
        }
        await self._postman.failed(contact, facts, event.id)


def _label(told: Told, name: str) -> str:
    """What alerts are grouped by: a label, or one of what every alert has."""
    own = {"rule": told.rule_id, "alertname": told.name, "severity": told.severity}
    return own.get(name) or told.labels.get(name, "")
