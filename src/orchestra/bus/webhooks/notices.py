"""What the webhooks say of themselves, as events: that one fails, is disabled, works again.

An event that cannot be published is left out; the log and the state of the endpoint say the same.
"""

from collections.abc import Awaitable
from typing import Final, Protocol

import msgspec
import structlog

from orchestra.bus import Draft
from orchestra.bus.webhooks.records import Endpoint
from orchestra.clock import Clock
from orchestra.errors import OrchestraError

log = structlog.get_logger(__name__)

SOURCE: Final = "/orchestra/webhooks"
HOUR_MS: Final = 3_600_000


class Publish(Protocol):
    """`Bus.publish`."""

    def __call__(self, draft: Draft, *, dedup: str | None = None) -> Awaitable[str]:
        """See `Bus.publish`."""
        ...


class Disable(Protocol):
    """Whoever may disable an endpoint; see `Endpoints`."""

    def disable(self, endpoint: Endpoint, reason: str) -> Awaitable[Endpoint]:
        """See `Endpoints.disable`."""
        ...


class Notices:
    """Publishes them."""

    def __init__(self, publish: Publish, endpoints: Disable, clock: Clock) -> None:
        self._publish, self._endpoints, self._clock = publish, endpoints, clock

    async def failing(self, endpoint: Endpoint, since_ms: int, failures: int) -> None:
        """Every try has failed for a day. Once for each time."""
        facts = {"failing_since_ms": since_ms, "failures": failures}
        log.warning("webhook.failing", webhook=endpoint.id, **facts)
        await self._tell("webhook.failing", endpoint, f"{since_ms}", **facts)

    async def recovered(self, endpoint: Endpoint, at_ms: int) -> None:
        """It works again, after a warning."""
        log.info("webhook.recovered", webhook=endpoint.id)
        await self._tell("webhook.recovered", endpoint, f"{at_ms}")

    async def disabled(self, endpoint: Endpoint, reason: str, failures: int) -> None:
        """Turn it off, and say so."""
        log.error("webhook.disabled", webhook=endpoint.id, reason=reason, failures=failures)
        try:
            turned = await self._endpoints.disable(endpoint, reason)
        except OrchestraError as error:  # the next failure tries again
            log.warning("webhook.not_disabled", webhook=endpoint.id, error=error.code)
            return
        revision = f"{turned.revision}"
        await self._tell("webhook.disabled", endpoint, revision, reason=reason, failures=failures)

    async def exhausted(self, endpoint: Endpoint, delivery: str, why: str, tries: int) -> None:
        """A delivery was given up."""
        log.warning("webhook.exhausted", webhook=endpoint.id, delivery=delivery, tries=tries)
        await self._tell(
            "webhook.exhausted", endpoint, delivery, delivery_id=delivery, error=why, tries=tries
        )

    async def backlogged(self, endpoint: Endpoint) -> None:
        """So many deliveries wait that the oldest are skipped. Once an hour."""
        log.warning("webhook.backlogged", webhook=endpoint.id)
        await self._tell("webhook.backlogged", endpoint, f"{self._clock.now_ms() // HOUR_MS}")

    async def _tell(self, kind: str, endpoint: Endpoint, once: str, **facts: str | int) -> None:
        data = {"webhook_id": endpoint.id, "name": endpoint.name, **facts}
        draft = Draft(
            endpoint.tenant, kind, SOURCE, endpoint.id, msgspec.Raw(msgspec.json.encode(data)),
            "module",
        )  # fmt: skip
        try:
            await self._publish(draft, dedup=f"{kind}|{endpoint.id}|{once}")
        except OrchestraError as error:
            log.warning("webhook.event_lost", type=kind, webhook=endpoint.id, error=error.code)
