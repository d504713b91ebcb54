"""What callers may do with endpoints: make, change, rotate. Where they are is judged first."""

from typing import Final, cast

import msgspec

from orchestra.bus import Filters
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.reading import (
    WebhookInvalid,
    blank,
    form_of,
    read_endpoint,
    read_overlap,
    secrets_of,
    settle,
)
from orchestra.bus.webhooks.records import (
    KEYS_MAX,
    Endpoint,
    KeysExhausted,
    Kind,
    SigningKey,
    WebhookManaged,
    WebhookMoved,
    WebhookUnknown,
)
from orchestra.bus.webhooks.signing import Key, new_key
from orchestra.clock import Clock, Ids
from orchestra.errors import Problem
from orchestra.security.hardened import loads
from orchestra.security.outbound import DestinationNotAllowed, Outbound
from orchestra.security.secrets import Secrets
from orchestra.store.keys import Tenant
from orchestra.store.repeats import Repeats

BODY_MAX_BYTES: Final = 131_072
HOUR_MS: Final = 3_600_000
CHANGES_MAX: Final = 5
"""So often is a patch laid over a newer revision, when others change the webhook meanwhile."""


class Outside(msgspec.Struct, frozen=True):
    """What is asked about a wish: may it be dialled, is there such a secret, is it a condition."""

    outbound: Outbound
    secrets: Secrets
    filters: Filters


class Made(msgspec.Struct, frozen=True):
    """An endpoint with its newest key, to be shown this once. `again`: it was made before."""

    endpoint: Endpoint
    key: Key
    again: bool = False


class Desk:
    """Endpoints as callers see them."""

    def __init__(
        self, endpoints: Endpoints, repeats: Repeats, outside: Outside, clock: Clock, ids: Ids
    ) -> None:
        self._endpoints, self._repeats, self._outside = endpoints, repeats, outside
        self._clock, self._ids = clock, ids

    async def create(self, tenant: Tenant, body: bytes, key: str | None) -> Made:
        """A new endpoint; with the `key` of before, the one of before.

        Raises WebhookInvalid, Quota, IdempotencyMismatch, MasterKeyMissing, BodyTooLarge.
        """
        findings: list[Problem] = []
        base = blank(tenant, self._ids.new("whk"), self._clock.now_ms())
        wanted = read_endpoint(
            loads(body, max_bytes=BODY_MAX_BYTES), base, self._outside.filters, findings, new=True
        )
        await self._judge(wanted.endpoint, findings)
        claim = await self._repeats.claim(tenant, key, body, base.id)
        if claim.again:
            try:
                return await self._before(tenant, claim.id)
            except WebhookUnknown:
                pass  # its maker did not get so far
        endpoint = msgspec.structs.replace(wanted.endpoint, id=claim.id)
        signing = wanted.key or new_key(wanted.kind)
        kept = await self._kept(endpoint, signing)
        endpoint = msgspec.structs.replace(endpoint, secrets=(kept,))
        try:
            return Made(await self._endpoints.create(endpoint), signing)
        except WebhookMoved:  # the same request, at the same time
            return await self._before(tenant, claim.id)

    async def change(
        self, tenant: Tenant, endpoint_id: str, body: bytes, revision: int | None
    ) -> Endpoint:
        """Lay a merge patch over the settings. `revision`: only if it is still at that one.

        Raises WebhookUnknown, WebhookInvalid, WebhookMoved.
        """
        patch = loads(body, max_bytes=BODY_MAX_BYTES)
        for left in reversed(range(CHANGES_MAX)):
            before = await self._endpoints.get(tenant, endpoint_id)
            if revision not in (None, before.revision):
                raise WebhookMoved("the webhook has another revision", revision=before.revision)
            unmanaged(before)
            findings: list[Problem] = []
            form = _patched(before, patch, findings)
            wanted = read_endpoint(form, before, self._outside.filters, findings, new=False)
            await self._judge(wanted.endpoint, findings)
            try:
                return await self._endpoints.change(before, wanted.endpoint)
            except WebhookMoved:
                if revision is not None or not left:
                    raise
        raise AssertionError("the last round returns or raises")

    async def rotate(self, tenant: Tenant, endpoint_id: str, body: bytes) -> Made:
        """A new signing key; the old ones sign, too, for a while.

        Raises WebhookUnknown, WebhookInvalid, KeysExhausted.
        """
        hours = read_overlap(loads(body) if body else {})
        for left in reversed(range(CHANGES_MAX)):
            before = await self._endpoints.get(tenant, endpoint_id)
            now_ms = self._clock.now_ms()
            until_ms, kind = now_ms + hours * HOUR_MS, _kind(before)
            older = tuple(_ending(one, until_ms) for one in before.secrets)
            living = tuple(one for one in older if cast("int", one.expires_ms) > now_ms)
            if len(living) >= KEYS_MAX:
                raise KeysExhausted(
                    f"{KEYS_MAX} signing keys live already: rotate with overlap_h 0", limit=KEYS_MAX
                )
            signing = new_key(kind)
            kept = await self._kept(before, signing)
            after = msgspec.structs.replace(before, secrets=(kept, *living))
            try:
                return Made(await self._endpoints.change(before, after), signing)
            except WebhookMoved:
                if not left:
                    raise
        raise AssertionError("the last round returns or raises")

    async def _judge(self, endpoint: Endpoint, findings: list[Problem]) -> None:
        """Raises WebhookInvalid with all that is wrong; nothing was dialled."""
        if endpoint.url:
            try:
                await self._outside.outbound.admit(endpoint.url)
            except DestinationNotAllowed as refused:
                findings.append(Problem("/url", refused.code, refused.detail))
        for header, name in secrets_of(endpoint.headers):
            if not await self._outside.secrets.known(endpoint.tenant, name):
                told = f"there is no secret {name!r}"
                findings.append(Problem(f"/headers/{header}", "unknown_secret", told))
        settle(findings)

    async def _before(self, tenant: Tenant, endpoint_id: str) -> Made:
        endpoint = await self._endpoints.get(tenant, endpoint_id)
        keys = await self._endpoints.secret_keys(endpoint)
        return Made(endpoint, keys[0], again=True)

    async def _kept(self, endpoint: Endpoint, signing: Key) -> SigningKey:
        fresh = SigningKey(self._ids.new("sgk"), b"", created_ms=self._clock.now_ms())
        return await self._endpoints.sealed(endpoint, signing, fresh)


def unmanaged(endpoint: Endpoint) -> None:
    """Raises WebhookManaged when it is somebody else's to change."""
    if endpoint.managed_by:
        told = f"this webhook belongs to a {endpoint.managed_by}: change or delete that"
        raise WebhookManaged(told, owner=endpoint.managed_by)


def _kind(endpoint: Endpoint) -> Kind:
    return endpoint.secrets[0].kind if endpoint.secrets else "v1"


def _ending(key: SigningKey, until_ms: int) -> SigningKey:
    """It ends then, if it does not end sooner."""
    if key.expires_ms is not None and key.expires_ms <= until_ms:
        return key
    return msgspec.structs.replace(key, expires_ms=until_ms)


def _patched(endpoint: Endpoint, patch: object, findings: list[Problem]) -> object:
    """The settings after a merge patch (RFC 7396), as a body that is still to be read."""
    if not isinstance(patch, dict):
        findings.append(Problem("", "type", "must be an object"))
        raise WebhookInvalid("a merge patch is a JSON object", findings)
    form = form_of(endpoint)
    changes = cast("dict[str, object]", patch)
    if isinstance(given := changes.get("headers"), dict):  # they are kept in lower case
        named = cast("dict[str, object]", given)
        changes = changes | {"headers": {name.lower(): one for name, one in named.items()}}
    if "url" in changes and "format" not in changes and endpoint.format == "slack":
        form.pop("format")  # it was chosen for the old URL
    return merged(form, changes)


def merged(form: object, patch: object, depth: int = 8) -> object:
    """RFC 7396, section 2: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict) or not depth:
        return cast("object", patch)
    found = dict(cast("dict[str, object]", form)) if isinstance(form, dict) else {}
    for name, value in cast("dict[str, object]", patch).items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value, depth - 1)
    return found
