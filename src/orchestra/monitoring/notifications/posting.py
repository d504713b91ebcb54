"""Handing letters on: mail into its queue, webhooks and chats to the bus, once under their id."""

from typing import Any, Final

import msgspec
import structlog

from orchestra.bus import Draft, Event, Sending
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.instruments import counter
from orchestra.monitoring.notifications import wording
from orchestra.monitoring.notifications.book import Book
from orchestra.monitoring.notifications.ports import Mail, Ports
from orchestra.monitoring.notifications.records import Contact, ContactUnknown, Letter
from orchestra.monitoring.notifications.shelf import Shelf
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

SOURCE: Final = "/orchestra/monitoring"
QUEUE: Final = "~notifications"
HOME: Final = Tenant("~system")
"""The tenant of the queue of mail; whose it is stands in each job."""
GIVEN_UP_MS: Final = 86_400_000
"""What could not be put in line for a day is too old to be told."""
_NOTIFICATIONS = counter("orchestra_notifications_total", ("tenant", "channel", "kind"))


class Postman:
    """Hands letters on."""

    def __init__(self, book: Book, shelf: Shelf, ports: Ports, clock: Clock, ids: Ids) -> None:
        self._book, self._shelf, self._ports = book, shelf, ports
        self._clock, self._ids = clock, ids

    async def hand_on(self, letter: Letter) -> None:
        """Put it in line where it belongs; repeating it is the same. What fails is left for later.

        Raises StoreAway.
        """
        try:
            contact = await self._book.get(letter.tenant, letter.contact)
        except ContactUnknown:
            log.info("notification.contact_gone", contact=letter.contact, letter=letter.id)
            await self._shelf.handed_on(letter.id)
            return
        try:
            await self._put_in_line(contact, letter)
        except OrchestraError as error:  # it stays, and is handed on by whoever leads
            if self._clock.now_ms() - letter.at_ms < GIVEN_UP_MS:
                log.warning("notification.not_handed_on", letter=letter.id, error=error.code)
                return
            await self.failed(contact, _facts(letter, error.code), letter.id)
        if not await self._shelf.handed_on(letter.id):
            return  # somebody else did
        _NOTIFICATIONS.add(1, letter.tenant, contact.kind, letter.kind)
        log.info(
            "notification.decided", tenant=letter.tenant, contact=contact.id, kind=letter.kind,
            letter=letter.id, alerts=len(letter.lines) + letter.more,
        )  # fmt: skip

    async def hand_on_left(self) -> None:
        """Letters whose maker did not get so far. Raises StoreAway."""
        for letter in await self._shelf.letters():
            try:
                await self.hand_on(letter)
            except (ValueError, LookupError, TypeError, msgspec.MsgspecError):
                # It would fail for ever, and with it all that is behind it.
                log.exception("notification.letter_broken", letter=letter.id)
                await self._shelf.handed_on(letter.id)

    async def test(self, contact: Contact) -> dict[str, Any]:
        """Send a test at once, and what came of it. Raises NotFound, Unavailable."""
        letter = Letter(
            self._ids.new("ntf"), contact.tenant, contact.id, "", "test", self._clock.now_ms()
        )
        if contact.kind == "email":
            tries = [await self._ports.mail_now(one) for one in mails(contact, letter)]
            found = [
                {"to": to, **{name: one[name] for name in ("delivered", "status", "ms", "detail")}}
                for to, one in zip(contact.to, tries, strict=True)
            ]
        else:
            one = await self._ports.hooks.tell_now(contact.id, event_of(letter))
            why = " ".join(filter(None, (one["error"], one["detail"])))
            found = [
                {
                    "to": "",
                    "delivered": one["result"] == "delivered",
                    "status": one["status"],
                    "ms": one["ms"],
                    "detail": why,
                }
            ]
        good = all(one["delivered"] for one in found)
        return {"contact_id": contact.id, "delivered": good, "attempts": found}

    async def failed(self, contact: Contact | None, facts: dict[str, Any], once: str) -> None:
        """Say that somebody could not be told. Left out when it cannot be published."""
        about = {"contact_id": contact.id, "name": contact.name} if contact else {}
        data = {"contact_id": "", "name": "", "channel": contact.kind if contact else ""}
        tenant = Tenant(facts.pop("tenant"))
        key = contact.id if contact else str(facts.get("alert_id", "contact"))
        draft = Draft(
            tenant, "notification.failed", SOURCE, key,
            msgspec.Raw(msgspec.json.encode(data | about | facts)), "module",
        )  # fmt: skip
        try:
            await self._ports.bus.publish(draft, dedup=f"notification.failed|{once}")
        except OrchestraError as error:
            log.warning("notification.event_lost", contact=key, error=error.code)

    async def _put_in_line(self, contact: Contact, letter: Letter) -> None:
        if contact.kind == "email":
            for one in mails(contact, letter):
                sending = Sending(dedup=one.id, urgent=True)
                await self._ports.bus.enqueue(HOME, QUEUE, one, sending)
        elif not await self._ports.hooks.tell(contact.id, event_of(letter)):
            gone = "the endpoint of the contact is off, or gone: save the contact"
            await self.failed(contact, _facts(letter, gone), letter.id)


def _facts(letter: Letter, error: str) -> dict[str, Any]:
    facts = {"tenant": letter.tenant, "notification_id": letter.id}
    return facts | {"error": error, "tries": 0}


def mails(contact: Contact, letter: Letter) -> list[Mail]:
    """One for each address."""
    subject, text, html = wording.subject(letter), wording.text_of(letter), wording.html_of(letter)
    return [
        Mail(
            f"{letter.id}|{to}", contact.tenant, contact.id, contact.name, to, subject, text, html,
            letter.id,
        )
        for to in contact.to
    ]  # fmt: skip


def event_of(letter: Letter) -> Event:
    """What webhooks are told: `notification.<kind>`, with the letter's id."""
    return Event(
        id=letter.id,
        type=f"notification.{letter.kind}",
        source=SOURCE,
        key=letter.group or letter.contact,
        tenant=letter.tenant,
        origin="module",
        at_ms=letter.at_ms,
        data=msgspec.Raw(msgspec.json.encode(wording.document(letter))),
    )
