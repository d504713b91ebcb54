"""One delivery in hand: sent, judged, logged, settled.

The log and the queue are told at the same time. Whoever dies between has delivered or not: the
lease of the message runs out, and it is sent again under the same id.
"""

from collections.abc import Mapping
from typing import Final, Literal

import anyio
import msgspec
import structlog

from orchestra import tracing
from orchestra.bus import Event
from orchestra.bus.lines import about
from orchestra.bus.queues.messages import Outcome as Settlement
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Received
from orchestra.bus.spans import delivering
from orchestra.bus.webhooks import attempts
from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.circuits import Circuits, Ending, Since, Told, queue_of
from orchestra.bus.webhooks.matching import Parcel
from orchestra.bus.webhooks.notices import Notices
from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.sending import Sender
from orchestra.bus.webhooks.verdicts import Outcome, Verdict, judge
from orchestra.clock import Clock, Random
from orchestra.errors import OrchestraError
from orchestra.instruments import counter, histogram

log = structlog.get_logger(__name__)

POSTPONE_MS: Final = 1_000
GONE: Final = "the receiver answered 410: it wants nothing more"
FAILING: Final = "every try has failed for five days"
_DELIVERIES = counter("orchestra_webhook_deliveries_total", ("tenant", "webhook", "outcome"))
_SECONDS = histogram("orchestra_webhook_seconds", ("tenant", "webhook"))
_SETTLEMENTS: Final[Mapping[str, Settlement]] = {
    "delivered": "done", "again": "again", "dead": "bury"
}  # fmt: skip
_PARCELS = msgspec.json.Decoder(Parcel)


class Place(msgspec.Struct, frozen=True):
    """The right to make one attempt: its name, and whether it is the circuit's probe."""

    name: str
    probe: bool = False


class Hands:
    """Makes deliveries. What goes wrong with the store is left to the leases."""

    def __init__(
        self,
        sender: Sender,
        circuits: Circuits,
        queues: Queues,
        notices: Notices,
        ports: tuple[Clock, Random],
    ) -> None:
        self._sender, self._circuits, self._queues = sender, circuits, queues
        self._notices = notices
        self._clock, self._chance = ports

    async def deliver(self, endpoint: Endpoint, one: Received, place: Place) -> None:
        """One message of the endpoint's queue, to its end or to its next try."""
        try:
            parcel = _PARCELS.decode(one.body)
        except msgspec.DecodeError:
            await self._settle(endpoint, one, "bury", error="it cannot be read")
            return
        structlog.contextvars.bind_contextvars(delivery=parcel.id, **about(parcel.event))
        if endpoint.state == "disabled":
            await self.skip(endpoint, parcel, "disabled")
            await self._settle(endpoint, one, "done")
            return
        try:
            trace = tracing.read(parcel.trace)
            place_of = (endpoint.tenant, endpoint.id)
            with delivering(place_of, parcel.id, parcel.event.type, trace) as span:
                outcome = await self._sender.send(endpoint, parcel.id, parcel.event)
                if span is not None and outcome.failure:
                    span.fail(outcome.failure)
        except OrchestraError as error:  # ours, not the receiver's
            log.debug("webhook.postponed", webhook=endpoint.id, error=error.code)
            await self._settle(endpoint, one, "postpone", delay_ms=POSTPONE_MS)
            raise
        _DELIVERIES.add(1, endpoint.tenant, endpoint.id, outcome.failure or "delivered")
        _SECONDS.observe(outcome.ms / 1_000, endpoint.tenant, endpoint.id)
        blocked_ms = await self._blocked_ms(endpoint, one, parcel, outcome)
        verdict = judge(endpoint, one.attempt, outcome, blocked_ms, self._chance)
        attempt = self._attempt(parcel, one, outcome, verdict)
        ending = _ending(endpoint, place, attempt)
        told = await self._close(endpoint, one, verdict, ending, outcome.why)
        await self._notice(endpoint, attempt, verdict, told)

    async def deliver_now(self, endpoint: Endpoint, event: Event, delivery: str) -> Attempt:
        """One attempt beside the queue, which the circuit does not hear of. Raises Unavailable."""
        outcome = await self._sender.send(endpoint, delivery, event)
        parcel = Parcel(delivery, event, "test")
        result = "dead" if outcome.failure else "delivered"
        attempt = attempts.made(parcel, result, self._clock.now_ms(), 1, outcome)
        await self._log(endpoint, attempt, f"test:{delivery}")
        return attempt

    async def skip(self, endpoint: Endpoint, parcel: Parcel, why: str) -> None:
        """Nothing is sent; the log says so."""
        _DELIVERIES.add(1, endpoint.tenant, endpoint.id, "skipped")
        attempt = attempts.made(parcel, "skipped", self._clock.now_ms(), 0)
        await self._log(endpoint, msgspec.structs.replace(attempt, detail=why), f"skip:{parcel.id}")

    def _attempt(
        self, parcel: Parcel, one: Received, outcome: Outcome, verdict: Verdict
    ) -> Attempt:
        again = verdict.result == "again"
        result = "failed" if verdict.result == "again" else verdict.result
        now_ms = self._clock.now_ms()
        attempt = attempts.made(parcel, result, now_ms, one.attempt, outcome)
        next_ms = now_ms + verdict.delay_ms if again else None
        return msgspec.structs.replace(attempt, next_ms=next_ms, message=one.id)

    async def _blocked_ms(
        self, endpoint: Endpoint, one: Received, parcel: Parcel, outcome: Outcome
    ) -> int | None:
        if endpoint.ordering == "parallel" or not outcome.failure or one.attempt == 1:
            return None
        return await self._circuits.blocked_ms(endpoint, parcel.id)

    async def _close(
        self, endpoint: Endpoint, one: Received, verdict: Verdict, ending: Ending, why: str
    ) -> Told:
        outcome = _SETTLEMENTS[verdict.result]
        told: list[Told] = []

        async def hear() -> None:
            told.append(await self._circuits.told(endpoint, ending))

        async with anyio.create_task_group() as group:
            group.start_soon(self._settle, endpoint, one, outcome, verdict.delay_ms, why)
            group.start_soon(hear)
        return told[0]

    async def _settle(
        self,
        endpoint: Endpoint,
        one: Received,
        outcome: Settlement,
        delay_ms: int | None = None,
        error: str = "",
    ) -> None:
        queue = queue_of(endpoint.id)
        try:
            [settled] = await self._queues.settle(
                endpoint.tenant, queue, [one.receipt], outcome, delay_ms=delay_ms, error=error
            )
        except OrchestraError as away:  # its lease ends, and it comes again
            log.warning("webhook.not_settled", webhook=endpoint.id, message=one.id, error=away.code)
            return
        if settled == "gone":
            log.warning("webhook.lease_lost", webhook=endpoint.id, message=one.id)

    async def _notice(
        self, endpoint: Endpoint, attempt: Attempt, verdict: Verdict, told: Told
    ) -> None:
        if told.opened or told.closed:
            log.info("webhook.circuit_changed", webhook=endpoint.id, state=told.state)
        if attempt.result == "dead":
            await self._notices.exhausted(
                endpoint, attempt.delivery, attempt.error, attempt.attempt
            )
        if verdict.gone:
            await self._notices.disabled(endpoint, GONE, told.failures)
        elif told.disable:
            await self._notices.disabled(endpoint, FAILING, told.failures)
        elif told.warn:
            await self._notices.failing(endpoint, told.failing_since_ms, told.failures)
        elif told.recovered:
            await self._notices.recovered(endpoint, told.at_ms)

    async def _log(self, endpoint: Endpoint, attempt: Attempt, once: str) -> None:
        ending = Ending(once, attempt.delivery, "none", attempts.entry(attempt))
        await self._circuits.told(endpoint, ending)


def _ending(endpoint: Endpoint, place: Place, attempt: Attempt) -> Ending:
    heard: Literal["ok", "bad"] = "ok" if attempt.result == "delivered" else "bad"
    since: Since = ""
    if endpoint.ordering != "parallel":
        since = "keep" if attempt.result == "failed" else "drop"
    entry = attempts.entry(attempt)
    return Ending(place.name, attempt.delivery, heard, entry, place.probe, since)
