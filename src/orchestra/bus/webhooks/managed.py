"""Endpoints that another module keeps: told what that module says, and of no events.

They have the id of what they belong to, and everything else an endpoint has: a signing key, a
circuit, a queue, a log. Nobody changes or deletes them but their owner.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchestra.bus import Event
from orchestra.bus.webhooks import showing
from orchestra.bus.webhooks.delivering import Deliverer
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.matching import Parcel, delivery_id
from orchestra.bus.webhooks.records import (
    Endpoint,
    Format,
    SigningKey,
    WebhookMoved,
    WebhookUnknown,
)
from orchestra.bus.webhooks.signing import new_key
from orchestra.clock import Clock, Ids
from orchestra.errors import NotFound
from orchestra.security.outbound import Outbound
from orchestra.store.keys import Tenant

SCHEDULE_MS: Final = (0, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000)
"""The wait before each try: 8 tries in about 4 h. What it says is of little use later."""
TRIES: Final = 5


class Managed:
    """The endpoints of one owner."""

    def __init__(
        self, owner: str, endpoints: Endpoints, deliverer: Deliverer, outbound: Outbound,
        ports: tuple[Clock, Ids],
    ) -> None:  # fmt: skip
        self._owner, self._endpoints, self._deliverer = owner, endpoints, deliverer
        self._outbound = outbound
        self._clock, self._ids = ports

    async def admit(self, url: str) -> None:
        """Whether it may be called. Raises DestinationNotAllowed."""
        await self._outbound.admit(url)

    async def keep(
        self, tenant: Tenant, name: str, url: str, form: Format, endpoint_id: str
    ) -> str | None:
        """Make it, or change it. The secret its receiver verifies with, when it is new.

        Raises Quota, MasterKeyMissing, WebhookMoved, StoreAway.
        """
        for _ in range(TRIES):
            try:
                before = await self._endpoints.get(tenant, endpoint_id)
            except WebhookUnknown:
                with contextlib.suppress(WebhookMoved):  # somebody else made it just now
                    return await self._made(tenant, name, url, form, endpoint_id)
                continue
            after = msgspec.structs.replace(
                before, name=name, url=url, format=form, state="active", disabled_reason=""
            )
            with contextlib.suppress(WebhookMoved):
                await self._endpoints.change(before, after)
                return None
        raise WebhookMoved("the endpoint is being changed by others")

    async def secret(self, tenant: Tenant, endpoint_id: str) -> str | None:
        """What its receiver verifies with; None when there is no such endpoint.

        Raises SigningKeyUnreadable, StoreAway.
        """
        try:
            endpoint = await self._endpoints.get(tenant, endpoint_id)
        except WebhookUnknown:
            return None
        return (await self._endpoints.secret_keys(endpoint))[0].text

    async def drop(self, tenant: Tenant, endpoint_id: str) -> None:
        """Forget it, and what waits for it. Safe to repeat."""
        try:
            await self._endpoints.remove(await self._endpoints.get(tenant, endpoint_id))
        except WebhookUnknown:
            return

    async def tell(self, endpoint_id: str, event: Event) -> bool:
        """Put it in line; again with the same id of the event it is the same delivery.

        False when there is no such endpoint, or it is off: then the log says so. Raises StoreAway,
        StoreFull.
        """
        try:
            endpoint = await self._endpoints.get(event.tenant, endpoint_id)
        except WebhookUnknown:
            return False
        await self._deliverer.enqueue(endpoint, Parcel(delivery_id(event, endpoint_id), event))
        return endpoint.state == "active"

    async def tell_now(self, endpoint_id: str, event: Event) -> Mapping[str, Any]:
        """One attempt at once, and what came of it. Raises NotFound, Unavailable."""
        try:
            endpoint = await self._endpoints.get(event.tenant, endpoint_id)
        except WebhookUnknown:
            raise NotFound("the endpoint of this contact is gone: save the contact") from None
        return showing.attempt(await self._deliverer.deliver_now(endpoint, event))

    async def _made(
        self, tenant: Tenant, name: str, url: str, form: Format, endpoint_id: str
    ) -> str:
        now_ms, key = self._clock.now_ms(), new_key()
        endpoint = Endpoint(
            endpoint_id,
            tenant,
            name,
            url,
            format=form,
            schedule_ms=SCHEDULE_MS,
            created_ms=now_ms,
            updated_ms=now_ms,
            managed_by=self._owner,
        )
        fresh = SigningKey(self._ids.new("sgk"), b"", created_ms=now_ms)
        kept = await self._endpoints.sealed(endpoint, key, fresh)
        await self._endpoints.create(msgspec.structs.replace(endpoint, secrets=(kept,)))
        return key.text
