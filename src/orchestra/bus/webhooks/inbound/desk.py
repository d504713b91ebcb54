"""What callers may do with inbound hooks: make, change, rotate."""

from typing import Final, cast

import msgspec

from orchestra.bus.webhooks.desk import merged
from orchestra.bus.webhooks.inbound.hooks import Hooks
from orchestra.bus.webhooks.inbound.reading import (
    blank,
    form_of,
    read_hook,
    read_rotation,
)
from orchestra.bus.webhooks.inbound.records import Hook, HookMoved, HookUnknown, Target
from orchestra.bus.webhooks.inbound.schemes import new_secret
from orchestra.bus.webhooks.keybox import living
from orchestra.bus.webhooks.reading import WebhookInvalid, settle
from orchestra.bus.webhooks.records import KEYS_MAX, KeysExhausted, SigningKey
from orchestra.clock import Clock, Ids
from orchestra.errors import Conflict, Forbidden, Problem
from orchestra.security import Permission, Principal
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant
from orchestra.store.repeats import Repeats

BODY_MAX_BYTES: Final = 65_536
HOUR_MS: Final = 3_600_000
CHANGES_MAX: Final = 5
ADMINS: Final = ("admin", "platform_admin")


class HookIsPublic(Conflict):
    """A public hook has no secret to be replaced: make one that is not public."""


class Made(msgspec.Struct, frozen=True):
    """A hook with its newest secret, to be shown this once; None: it is public.

    `again`: it was made before.
    """

    hook: Hook
    secret: str | None
    again: bool = False


class HookDesk:
    """Inbound hooks as callers see them."""

    def __init__(self, hooks: Hooks, repeats: Repeats, clock: Clock, ids: Ids) -> None:
        self._hooks, self._repeats = hooks, repeats
        self._clock, self._ids = clock, ids

    async def create(self, principal: Principal, body: bytes, key: str | None) -> Made:
        """A new hook; with the `key` of before, the one of before.

        Raises WebhookInvalid, Quota, Forbidden, IdempotencyMismatch, MasterKeyMissing.
        """
        findings: list[Problem] = []
        base = blank(principal.tenant, self._ids.new("ihk"), self._clock.now_ms())
        wanted = read_hook(loads(body, max_bytes=BODY_MAX_BYTES), base, findings, new=True)
        settle(findings, "the hook is wrong")
        _check(principal, wanted.hook.target)
        _check_public(principal, wanted.hook)
        claim = await self._repeats.claim(principal.tenant, key, body, base.id)
        if claim.again:
            try:
                return await self._before(principal.tenant, claim.id)
            except HookUnknown:
                pass  # its maker did not get so far
        hook, secret = msgspec.structs.replace(wanted.hook, id=claim.id), None
        if not hook.public:
            secret = wanted.secret or new_secret(hook.scheme)
            kept = await self._kept(hook, secret)
            hook = msgspec.structs.replace(hook, secrets=(kept,))
        try:
            return Made(await self._hooks.create(hook), secret)
        except HookMoved:  # the same request, at the same time
            return await self._before(principal.tenant, claim.id)

    async def change(
        self, principal: Principal, hook_id: str, body: bytes, revision: int | None
    ) -> Hook:
        """Lay a merge patch over the settings. `revision`: only if it is still at that one.

        Raises HookUnknown, WebhookInvalid, HookMoved, Forbidden.
        """
        patch = loads(body, max_bytes=BODY_MAX_BYTES)
        for left in reversed(range(CHANGES_MAX)):
            before = await self._hooks.get(principal.tenant, hook_id)
            _check_public(principal, before)
            if revision not in (None, before.revision):
                raise HookMoved("the hook has another revision", revision=before.revision)
            findings: list[Problem] = []
            if not isinstance(patch, dict):
                findings.append(Problem("", "type", "must be an object"))
                raise WebhookInvalid("a merge patch is a JSON object", findings)
            form = merged(form_of(before), cast("object", patch))
            after = read_hook(form, before, findings, new=False).hook
            settle(findings, "the hook is wrong")
            _check(principal, after.target)
            try:
                return await self._hooks.change(before, after)
            except HookMoved:
                if revision is not None or not left:
                    raise
        raise AssertionError("the last round returns or raises")

    async def rotate(self, principal: Principal, hook_id: str, body: bytes) -> Made:
        """A new secret; the old ones are believed, too, for a while.

        Raises HookUnknown, HookIsPublic, WebhookInvalid, KeysExhausted, Forbidden: who knows the
        secret can do what the hook is for.
        """
        raw: object = loads(body) if body else {}
        for left in reversed(range(CHANGES_MAX)):
            before = await self._hooks.get(principal.tenant, hook_id)
            if before.public:
                raise HookIsPublic("a public hook has no secret")
            _check(principal, before.target)
            hours, given = read_rotation(raw, before.scheme)
            secret, now_ms = given or new_secret(before.scheme), self._clock.now_ms()
            until_ms = now_ms + hours * HOUR_MS
            older = tuple(ending(one, until_ms) for one in before.secrets)
            alive = tuple(living(older, now_ms))
            if len(alive) >= KEYS_MAX:
                raise KeysExhausted(
                    f"{KEYS_MAX} secrets live already: rotate with overlap_h 0", limit=KEYS_MAX
                )
            kept = await self._kept(before, secret)
            after = msgspec.structs.replace(before, secrets=(kept, *alive))
            try:
                return Made(await self._hooks.change(before, after), secret)
            except HookMoved:
                if not left:
                    raise
        raise AssertionError("the last round returns or raises")

    async def _before(self, tenant: Tenant, hook_id: str) -> Made:
        hook = await self._hooks.get(tenant, hook_id)
        secret = None if hook.public else (await self._hooks.secrets(hook))[0].decode()
        return Made(hook, secret, again=True)

    async def _kept(self, hook: Hook, secret: str) -> SigningKey:
        fresh = SigningKey(self._ids.new("sgk"), b"", created_ms=self._clock.now_ms())
        return await self._hooks.sealed(hook, secret, fresh)


def ending(key: SigningKey, until_ms: int) -> SigningKey:
    """It ends then, if it does not end sooner."""
    if key.expires_ms is not None and key.expires_ms <= until_ms:
        return key
    return msgspec.structs.replace(key, expires_ms=until_ms)


def _check_public(principal: Principal, hook: Hook) -> None:
    """What everybody is believed for is an administrator's to say. Raises Forbidden."""
    if hook.public and principal.role not in ADMINS:
        raise Forbidden("only an administrator makes a hook that believes everybody, or changes it")


def _check(principal: Principal, target: Target) -> None:
    """Nobody does by a hook what they may not do themselves. Raises Forbidden."""
    needed = {
        Permission.EXECUTIONS_START: target.workflow is not None,
        Permission.EXECUTIONS_OPERATE: target.signal is not None,
    }
    for permission, wanted in needed.items():
        if wanted and not principal.may(permission):
            told = f"this target needs the permission {permission}"
            raise Forbidden(told, permission=permission.value)
