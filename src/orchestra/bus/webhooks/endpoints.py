"""The endpoints of webhooks: kept in the store, and this replica's picture of them.

The picture is renewed when a change is heard of, and every 5 s; who reads it never waits. Signing
keys are sealed in the record and opened for use; the last few hundred stay open in memory.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, cast

import anyio
import msgspec
import structlog

from orchestra.bus.webhooks.records import (
    ENDPOINTS_MAX,
    Endpoint,
    Quota,
    SigningKey,
    State,
    WebhookMoved,
    WebhookUnknown,
)
from orchestra.bus.webhooks.signing import Key
from orchestra.clock import Clock
from orchestra.errors import Conflict, OrchestraError
from orchestra.log import COVERED
from orchestra.security.sealing import Unopenable
from orchestra.security.secrets import Secrets
from orchestra.store import frames, webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
OPENED_MAX: Final = 500
TRIES: Final = 8


class SigningKeyUnreadable(Conflict):
    """A signing key is there and does not open: rotate the secret of the webhook."""


class Endpoints:
    """Writes endpoints, and knows them. `serve` must run for others' changes to be seen."""

    def __init__(self, store: Store, clock: Clock, secrets: Secrets) -> None:
        self._store, self._clock, self._secrets = store, clock, secrets
        self._prefix = webhook_keys.webhooks(store.space)
        self._scripts = load_scripts(__package__ or "")
        self._known: dict[Tenant, tuple[Endpoint, ...]] = {}
        self._active: dict[Tenant, tuple[Endpoint, ...]] = {}
        self._revisions: dict[Tenant, int] = {}
        self._opened: OrderedDict[tuple[str, str], Key] = OrderedDict()
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
        key = webhook_keys.endpoints(self._prefix, tenant)
        found = cast("bytes | None", await self._read("HGET", key, endpoint_id))
        if found is None:
            raise unknown()
        return _decoded(found)

    async def of_tenant(self, tenant: Tenant) -> list[Endpoint]:
        """All of a tenant, as they are in the store now, the oldest first."""
        key = webhook_keys.endpoints(self._prefix, tenant)
        found = cast("list[bytes]", await self._read("HGETALL", key))
        return sorted(_readable(found[1::2]), key=lambda one: (one.created_ms, one.id))

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
        """Forget it. Raises WebhookUnknown."""
        gone = await self._store.insist(
            lambda: self._store.run(
                self._scripts["endpoint_drop"],
                self._prefix,
                tenant=endpoint.tenant,
                id=endpoint.id,
            )
        )
        await self.refresh()
        if not gone:
            raise unknown()

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
        now_ms = self._clock.now_ms()
        return [
            await self.opened(endpoint.tenant, endpoint.id, one)
            for one in endpoint.secrets
            if one.expires_ms is None or one.expires_ms > now_ms
        ]

    async def sealed(self, tenant: Tenant, owner: str, key: Key, as_: SigningKey) -> SigningKey:
        """`as_` with `key` in it. Raises MasterKeyMissing, StoreAway."""
        value = await self._secrets.seal(tenant, key.value, as_.belongs_to(tenant, owner))
        COVERED.add(key.text)
        return msgspec.structs.replace(as_, sealed=value, kind=key.kind)

    async def opened(self, tenant: Tenant, owner: str, kept: SigningKey) -> Key:
        """The key itself. Raises SigningKeyUnreadable, MasterKeyMissing, StoreAway."""
        found = self._opened.get((owner, kept.id))
        if found is None:
            try:
                belongs_to = kept.belongs_to(tenant, owner)
                value = await self._secrets.unseal(tenant, kept.sealed, belongs_to)
            except Unopenable:
                log.error("webhook.key_unopenable", webhook=owner)  # noqa: TRY400 -- says all of it
                raise SigningKeyUnreadable("a signing key does not open: rotate it") from None
            found = self._opened[owner, kept.id] = Key(value, kept.kind)
            COVERED.add(found.text)
            while len(self._opened) > OPENED_MAX:
                self._opened.popitem(last=False)
        return found

    async def refresh(self) -> None:
        """Look whose endpoints changed, and renew the picture. Raises StoreAway."""
        async with self._loading:
            flat = cast(
                "list[bytes]", await self._read("HGETALL", webhook_keys.revisions(self._prefix))
            )
            pairs = zip(flat[::2], flat[1::2], strict=True)
            now = {Tenant(tenant.decode()): int(count) for tenant, count in pairs}
            moved = [
                tenant for tenant, count in now.items() if self._revisions.get(tenant) != count
            ]
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
        record = frames.pack(msgspec.json.encode(endpoint))
        stored = await self._store.insist(
            lambda: self._store.run(
                self._scripts["endpoint_put"],
                self._prefix,
                tenant=endpoint.tenant,
                id=endpoint.id,
                revision=endpoint.revision,
                record=record,
                most=ENDPOINTS_MAX,
            )
        )
        if stored == -1:
            raise Quota(f"a tenant has at most {ENDPOINTS_MAX} webhooks", limit=ENDPOINTS_MAX)
        await self.refresh()
        return bool(stored)

    async def _read(self, *command: str) -> Any:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command))


def unknown() -> WebhookUnknown:
    """The one text for it."""
    return WebhookUnknown("there is no webhook of this id")


def _with(
    known: Mapping[Tenant, tuple[Endpoint, ...]], tenant: Tenant, found: tuple[Endpoint, ...]
) -> dict[Tenant, tuple[Endpoint, ...]]:
    """A new mapping, so that who reads the old one is not disturbed."""
    rest = {one: endpoints for one, endpoints in known.items() if one != tenant}
    return rest | {tenant: found} if found else rest


def _decoded(record: bytes) -> Endpoint:
    return msgspec.json.decode(frames.unpack(record.partition(b"|")[2]), type=Endpoint)


def _readable(records: list[bytes]) -> list[Endpoint]:
    found: list[Endpoint] = []
    for record in records:
        try:
            found.append(_decoded(record))
        except (frames.CorruptRecord, msgspec.DecodeError):
            log.exception("webhook.unreadable")
    return found
