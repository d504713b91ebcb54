"""The log of deliveries: every attempt of an endpoint, and sending one or many again.

What is sent again keeps its id, so a receiver that remembers ids is told of nothing twice.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.bus import PositionInvalid
from orchestra.bus.events.reading import Events, EventUnknown
from orchestra.bus.webhooks import attempts
from orchestra.bus.webhooks.attempts import Attempt, Result
from orchestra.bus.webhooks.circuits import Circuit, Circuits, queue_of
from orchestra.bus.webhooks.delivering import Deliverer
from orchestra.bus.webhooks.formats import thinned
from orchestra.bus.webhooks.lines import Lines
from orchestra.bus.webhooks.matching import Parcel
from orchestra.bus.webhooks.records import Endpoint
from orchestra.errors import Conflict, NotFound
from orchestra.store import delivery_keys
from orchestra.store.keys import Tenant
from orchestra.store.tails import entries

PAGE: Final = 200
LOG_MAX: Final = 1_000
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,15}-[0-9]{1,16}")
"""Nothing is before the first position there is: the store is not asked for it."""


class DeliveryUnknown(NotFound):
    """No delivery of this id is in the log of the webhook."""


class EventGone(Conflict):
    """The event of the delivery is no longer kept, so it cannot be sent again."""


class WebhookDisabled(Conflict):
    """Nothing is sent to a webhook that is disabled: enable it first."""


class Wanted(msgspec.Struct, frozen=True):
    """Which attempts: with this result, of this type of event, in this time."""

    result: Result | None = None
    type: str | None = None
    since_ms: int = 0
    until_ms: int | None = None

    def fits(self, attempt: Attempt) -> bool:
        """Whether it is one of them."""
        return (
            self.result in (None, attempt.result)
            and self.type in (None, attempt.type)
            and attempt.at_ms >= self.since_ms
            and (self.until_ms is None or attempt.at_ms < self.until_ms)
        )


EVERY: Final = Wanted()


class Health(msgspec.Struct, frozen=True):
    """How an endpoint is: its circuit, and how many deliveries wait."""

    circuit: Circuit
    waiting: int


class Log:
    """Attempts of all endpoints; of each the last 1,000, for 30 days."""

    def __init__(
        self, lines: Lines, circuits: Circuits, deliverer: Deliverer, events: Events,
        base_url: str = "",
    ) -> None:  # fmt: skip
        self._lines, self._circuits, self._deliverer = lines, circuits, deliverer
        self._events, self.base_url = events, base_url

    async def page(
        self, endpoint: Endpoint, limit: int, cursor: str | None = None, wanted: Wanted = EVERY
    ) -> tuple[list[Attempt], str | None]:
        """Attempts, the newest first, and where to go on. Raises PositionInvalid."""
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise PositionInvalid("this is no cursor of ours: begin without one")
        found: list[Attempt] = []
        high = "+" if cursor is None else f"({cursor}"
        while True:
            some = await self._read(endpoint, high)
            for one in some:
                if wanted.fits(one):
                    found.append(one)
                    if len(found) == limit:
                        return found, one.id
            if len(some) < PAGE:
                return found, None
            high = f"({some[-1].id}"

    async def get(self, endpoint: Endpoint, delivery: str) -> list[Attempt]:
        """All attempts of a delivery, the newest first. Raises DeliveryUnknown."""
        found = [one for one in await self._all(endpoint) if one.delivery == delivery]
        if not found:
            raise DeliveryUnknown("the log has no delivery of this id")
        return found

    async def last(self, endpoint: Endpoint) -> list[Attempt]:
        """The last attempt of each delivery in the log, the oldest first."""
        newest: dict[str, Attempt] = {}
        for one in reversed(await self._all(endpoint)):
            newest.pop(one.delivery, None)
            newest[one.delivery] = one
        return list(newest.values())

    async def redeliver(
        self, endpoint: Endpoint, delivery: str, trigger: str = "redelivery"
    ) -> Literal["due", "queued"]:
        """Send it again, under its id: `due` when it was waiting for its next try anyway.

        Raises DeliveryUnknown, EventGone, WebhookDisabled.
        """
        return await self.again(endpoint, (await self.get(endpoint, delivery))[0], trigger)

    async def again(
        self, endpoint: Endpoint, last: Attempt, trigger: str
    ) -> Literal["due", "queued"]:
        """As `redeliver`, of the last attempt of a delivery."""
        if endpoint.state == "disabled":
            raise WebhookDisabled("the webhook is disabled: enable it first")
        if last.result == "failed" and await self._lines.hurry(endpoint, last.message):
            await self._deliverer.retry(endpoint)
            return "due"
        dead = last.result == "dead" and last.message
        if not (dead and await self._lines.redrive(endpoint, last.message)):
            try:
                event = await self._events.one(endpoint.tenant, last.event)
            except EventUnknown:
                raise EventGone("the event of this delivery is no longer kept") from None
            parcel = Parcel(last.delivery, thinned(event, self.base_url), trigger)
            await self._deliverer.enqueue(endpoint, parcel, f"{trigger}|{last.id}")
        await self._deliverer.retry(endpoint)
        return "queued"

    async def health(self, tenant: Tenant, endpoint_id: str) -> Health:
        """How it is now."""
        circuit = await self._circuits.look(tenant, endpoint_id)
        return Health(circuit, await self._lines.depth(tenant, endpoint_id))

    async def _all(self, endpoint: Endpoint) -> Sequence[Attempt]:
        found, cursor = await self.page(endpoint, LOG_MAX)
        assert cursor is None or len(found) == LOG_MAX
        return found

    async def _read(self, endpoint: Endpoint, high: str) -> list[Attempt]:
        prefix = self._lines.prefix(endpoint.tenant, queue_of(endpoint.id))
        key = delivery_keys.attempts(prefix, endpoint.tenant, endpoint.id)
        raw = await self._lines.store.insist(
            lambda: self._lines.store.read(prefix, "XREVRANGE", key, high, "-", "COUNT", PAGE)
        )
        return [attempts.read(at, fields) for at, fields in entries(cast("list[Any]", raw))]
