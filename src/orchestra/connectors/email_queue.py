"""The queue of notifications that are mail, and who works on it."""

from collections.abc import Awaitable
from typing import Any, Final, Protocol

import msgspec
import structlog

from orchestra.bus import Again, Bury, Draft, Job, Working
from orchestra.clock import Clock
from orchestra.connectors.email import Mailer
from orchestra.connectors.email_messages import Message
from orchestra.connectors.email_server import Refused
from orchestra.errors import OrchestraError
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

QUEUE: Final = "~notifications"
HOME: Final = Tenant("~system")
"""The tenant of the queue; whose mail it is stands in the job."""
WORKING: Final = Working(
    concurrency=8,
    lease_ms=90_000,
    tries_max=9,
    backoff_ms=(5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000),
    jitter="fifth",
)


class Publish(Protocol):
    """`Bus.publish`."""

    def __call__(self, draft: Draft, *, dedup: str | None = None) -> Awaitable[str]:
        """See `Bus.publish`."""
        ...


class Parcel(msgspec.Struct, frozen=True):
    """A mail in the queue; tolerant, as the one who put it there may be newer."""

    id: str
    tenant: Tenant
    contact: str
    name: str
    to: str
    subject: str
    text: str
    html: str = ""
    notification: str = ""


class MailDesk:
    """Sends one mail at once, and says what came of it: for tests of a contact."""

    def __init__(self, mailer: Mailer, clock: Clock) -> None:
        self._mailer, self._clock = mailer, clock

    async def __call__(self, parcel: msgspec.Struct) -> dict[str, Any]:
        """One try. `parcel` has the members of a `Parcel`."""
        one = msgspec.convert(msgspec.to_builtins(parcel), Parcel)
        began = self._clock.monotonic()
        try:
            told, status, done = await self._mailer.send(_message(one), one.to), 250, True
        except Refused as refused:
            told, status, done = refused.told, refused.status, False
        ms = int((self._clock.monotonic() - began) * 1_000)
        return {"delivered": done, "status": status, "ms": ms, "detail": told}


class MailWorker:
    """Works on the queue of notifications: each mail until it is taken, or given up."""

    def __init__(self, mailer: Mailer, publish: Publish) -> None:
        self._mailer, self._publish = mailer, publish

    async def __call__(self, job: Job) -> None:
        """A `JobHandler`."""
        try:
            parcel = msgspec.json.decode(job.body, type=Parcel)
        except msgspec.DecodeError:
            raise Bury("it cannot be read") from None
        try:
            await self._mailer.send(_message(parcel), parcel.to)
        except Refused as refused:
            last = refused.definite or job.attempt >= WORKING.tries_max
            log.warning(
                "notification.mail_refused", tenant=parcel.tenant, contact=parcel.contact,
                notification=parcel.notification, reason=refused.told, attempt=job.attempt,
                last=last,
            )  # fmt: skip
            if not last:
                waits = WORKING.backoff_ms
                delay_ms = waits[min(job.attempt, len(waits)) - 1]
                raise Again(delay_ms, error=refused.told) from None
            await self._failed(parcel, refused.told, job.attempt)
            raise Bury(refused.told) from None
        log.info(
            "notification.mail_sent", tenant=parcel.tenant, contact=parcel.contact,
            notification=parcel.notification, attempt=job.attempt,
        )  # fmt: skip

    async def _failed(self, parcel: Parcel, why: str, tries: int) -> None:
        data = {
            "contact_id": parcel.contact,
            "name": parcel.name,
            "channel": "email",
            "notification_id": parcel.notification,
            "error": why,
            "tries": tries,
        }
        draft = Draft(
            parcel.tenant, "notification.failed", "/orchestra/monitoring", parcel.contact,
            msgspec.Raw(msgspec.json.encode(data)), "module",
        )  # fmt: skip
        try:
            await self._publish(draft, dedup=f"notification.failed|{parcel.id}")
        except OrchestraError as error:
            log.warning("notification.event_lost", contact=parcel.contact, error=error.code)


def _message(parcel: Parcel) -> Message:
    return Message(parcel.id, (parcel.to,), parcel.subject, parcel.text, parcel.html)
