"""The endpoints of webhooks: kept in the store, and this replica's picture of them.

The picture is renewed when a change is heard of, and every 5 s; who reads it never waits.
"""

from collections.abc import Mapping
from typing import Final, cast

import anyio
import msgspec
import structlog

from orchestra.bus.webhooks.keybox import KeyBox, living
from orchestra.bus.webhooks.records import (
    ENDPOINTS_MAX,
    Endpoint,
    SigningKey,
    State,
    WebhookMoved,
    WebhookUnknown,
)
from orchestra.bus.webhooks.shelf import Shelf
from orchestra.bus.webhooks.signing import Key
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.security.secrets import Secrets
from orchestra.store import webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
TRIES: Final = 8


class Endpoints:
    """Writes endpoints, and knows them. `serve` must run for others' changes to be seen."""

    def __init__(self, store: Store, clock: Clock, secrets: Secrets) -> None:
        self._store, self._clock, self._box = store, clock, KeyBox(secrets)
        self._prefix = webhook_keys.webhooks(store.space)
        unknown = WebhookUnknown("there is no webhook of this id")
        self._shelf = Shelf(store, "e", Endpoint, ENDPOINTS_MAX, unknown)
        self._known: dict[Tenant, tuple[Endpoint, ...]] = {}
        self._active: dict[Tenant, tuple[Endpoint, ...]] = {}
        self._revisions: dict[Tenant, int] = {}
        self._loading = anyio.Lock()
        self._heard = anyio.Event()
        self.changed = anyio.Event()
        """Set when the picture changed, and replaced by a new one."""

    def all_active(self) -> Mapping[Tenant, tuple[Endpoint, ...]]:
        """The picture: who is to be told. Never waits."""
        return self._active

    def everybody(self) -> Mapping[Tenant, tuple[Endpoint, ...]]:
        """The picture with the disabled ones. Never waits."""
        return self._known

    async def get(self, tenant: Tenant, endpoint_id: str) -> Endpoint:
        """As it is in the store now. Raises WebhookUnknown."""
        return await self._shelf.get(tenant, endpoint_id)

    async def of_tenant(self, tenant: Tenant) -> list[Endpoint]:
        """All of a tenant, as they are in the store now, the oldest first."""
        found = await self._shelf.of_tenant(tenant)
        return sorted(found, key=lambda one: (one.created_ms, one.id))

    async def create(self, endpoint: Endpoint) -> Endpoint:
        """Keep a new endpoint. Raises Quota; WebhookMoved when there is one of this id."""
        if not await self._put(endpoint):
            raise WebhookMoved("there is a webhook of this id")
        return endpoint

    async def change(self, before: Endpoint, after: Endpoint) -> Endpoint:
        """Keep `after` if the endpoint is still as it was. Raises WebhookMoved, WebhookUnknown."""
        after = msgspec.structs.replace(
            after, revision=before.revision + 1, updated_ms=self._clock.now_ms()
        )
        if not await self._put(after):
            now = await self.get(after.tenant, after.id)
            raise WebhookMoved("the webhook has another revision", revision=now.revision)
        return after

    async def remove(self, endpoint: Endpoint) -> None:
        """Forget it. Safe to repeat."""
        await self._shelf.drop(endpoint.tenant, endpoint.id)
        await self.refresh()

    async def disable(self, endpoint: Endpoint, reason: str) -> Endpoint:
        """Tell it nothing more. Safe to repeat; who calls says so in an event.

        Raises WebhookUnknown.
        """
        return await self._turn(endpoint, "disabled", reason)

    async def enable(self, endpoint: Endpoint) -> Endpoint:
        """Tell it of events again. Safe to repeat. Raises WebhookUnknown."""
        return await self._turn(endpoint, "active", "")

    async def secret_keys(self, endpoint: Endpoint) -> list[Key]:
        """What deliveries are signed with now, the newest first.

        Raises SigningKeyUnreadable, StoreAway.
        """
        return [
            Key(await self._box.opened(endpoint.tenant, endpoint.id, one), one.kind)
            for one in living(endpoint.secrets, self._clock.now_ms())
        ]

    async def sealed(self, endpoint: Endpoint, key: Key, as_: SigningKey) -> SigningKey:
        """`as_` with `key` in it. Raises MasterKeyMissing, StoreAway."""
        as_ = msgspec.structs.replace(as_, kind=key.kind)
        return await self._box.sealed(endpoint.tenant, endpoint.id, key.value, as_)

    async def refresh(self) -> None:
        """Look whose endpoints changed, and renew the picture. Raises StoreAway."""
        async with self._loading:
            flat = cast(
                "list[bytes]",
                await self._shelf.read("HGETALL", webhook_keys.revisions(self._prefix)),
            )
            pairs = zip(flat[::2], flat[1::2], strict=True)
            now = {Tenant(tenant.decode()): int(count) for tenant, count in pairs}
            moved = [one for one, count in now.items() if self._revisions.get(one) != count]
            for tenant in moved:
                self._know(tenant, tuple(await self.of_tenant(tenant)))
                self._revisions[tenant] = now[tenant]
        if moved:
            self.changed.set()
            self.changed = anyio.Event()

    async def serve(self) -> None:
        """Keep the picture fresh, until cancelled."""
        channel = webhook_keys.changes(self._prefix)
        async with anyio.create_task_group() as group:
            group.start_soon(self._store.follow, Topics({channel: self._hear}))
            while True:
                self._heard = anyio.Event()
                try:
                    await self.refresh()
                except OrchestraError as away:
                    log.debug("webhook.not_refreshed", error=away.code)
                with anyio.move_on_after(LOOK_S):
                    await self._heard.wait()

    def _hear(self, _: bytes) -> None:
        self._heard.set()

    def _know(self, tenant: Tenant, found: tuple[Endpoint, ...]) -> None:
        self._known = _with(self._known, tenant, found)
        active = tuple(one for one in found if one.state == "active")
        self._active = _with(self._active, tenant, active)

    async def _turn(self, endpoint: Endpoint, state: State, reason: str) -> Endpoint:
        for _ in range(TRIES):
            now = await self.get(endpoint.tenant, endpoint.id)
            if now.state == state:
                return now
            turned = msgspec.structs.replace(now, state=state, disabled_reason=reason)
            try:
                return await self.change(now, turned)
            except WebhookMoved:
                continue
        raise WebhookMoved("others change this webhook at the same time")

    async def _put(self, endpoint: Endpoint) -> bool:
        stored = await self._shelf.put(endpoint.tenant, endpoint.id, endpoint.revision, endpoint)
        await self.refresh()
        return stored


def _with(
    known: Mapping[Tenant, tuple[Endpoint, ...]], tenant: Tenant, found: tuple[Endpoint, ...]
) -> dict[Tenant, tuple[Endpoint, ...]]:
    """A new mapping, so that who reads the old one is not disturbed."""
    rest = {one: endpoints for one, endpoints in known.items() if one != tenant}
    return rest | {tenant: found} if found else rest
