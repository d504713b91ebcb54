"""Inbound hooks in the store: kept, changed, found by who calls them."""

import msgspec

from orchestra.bus.webhooks.inbound.records import HOOKS_MAX, Hook, HookMoved, HookUnknown
from orchestra.bus.webhooks.keybox import KeyBox, living
from orchestra.bus.webhooks.records import SigningKey
from orchestra.bus.webhooks.shelf import Shelf
from orchestra.clock import Clock
from orchestra.security.secrets import Secrets
from orchestra.store import webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant


class Hooks:
    """The inbound hooks of all tenants. Nothing is remembered: a change holds at once."""

    def __init__(self, store: Store, clock: Clock, secrets: Secrets) -> None:
        self._clock, self._box = clock, KeyBox(secrets)
        self._prefix = webhook_keys.webhooks(store.space)
        unknown = HookUnknown("there is no inbound hook of this id")
        self._shelf = Shelf(store, "h", Hook, HOOKS_MAX, unknown)

    async def get(self, tenant: Tenant, hook_id: str) -> Hook:
        """Raises HookUnknown."""
        return await self._shelf.get(tenant, hook_id)

    async def of_tenant(self, tenant: Tenant) -> list[Hook]:
        """The oldest first."""
        found = await self._shelf.of_tenant(tenant)
        return sorted(found, key=lambda one: (one.created_ms, one.id))

    async def find(self, hook_id: str) -> Hook | None:
        """Whosever it is: for requests that prove themselves by their signature."""
        tenant = await self._shelf.read("HGET", webhook_keys.inbound_tenants(self._prefix), hook_id)
        if tenant is None:
            return None
        try:
            return await self._shelf.get(Tenant(tenant.decode()), hook_id)
        except HookUnknown:  # removed just now
            return None

    async def create(self, hook: Hook) -> Hook:
        """Keep a new hook. Raises Quota; HookMoved when there is one of this id."""
        if not await self._shelf.put(hook.tenant, hook.id, 1, hook):
            raise HookMoved("there is a hook of this id")
        return hook

    async def change(self, before: Hook, after: Hook) -> Hook:
        """Keep `after` if the hook is still as it was. Raises HookMoved, HookUnknown."""
        after = msgspec.structs.replace(
            after, revision=before.revision + 1, updated_ms=self._clock.now_ms()
        )
        if not await self._shelf.put(after.tenant, after.id, after.revision, after):
            now = await self.get(after.tenant, after.id)
            raise HookMoved("the hook has another revision", revision=now.revision)
        return after

    async def remove(self, tenant: Tenant, hook_id: str) -> None:
        """Raises HookUnknown."""
        # A repeat after a reply that was lost finds nothing: that is no reason to refuse.
        hook = await self.get(tenant, hook_id)
        await self._shelf.drop(tenant, hook.id)

    async def secrets(self, hook: Hook) -> list[bytes]:
        """What requests may be signed with now. Raises SigningKeyUnreadable, StoreAway."""
        return [
            await self._box.opened(hook.tenant, hook.id, one)
            for one in living(hook.secrets, self._clock.now_ms())
        ]

    async def sealed(self, hook: Hook, secret: str, as_: SigningKey) -> SigningKey:
        """`as_` with the secret in it. Raises MasterKeyMissing, StoreAway."""
        return await self._box.sealed(hook.tenant, hook.id, secret.encode(), as_)
