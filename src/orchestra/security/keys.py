"""API keys: made, shown once, verified, revoked. The store holds a MAC, never the secret."""

import hashlib
import hmac
from typing import Annotated, Final, cast

import msgspec
import structlog
from msgspec import Meta

from orchestra.clock import Clock
from orchestra.errors import Invalid, NotFound, Unauthenticated
from orchestra.security import KEY_NEEDED, Principal, Role
from orchestra.security.key_text import Kind, handle_of, new_key
from orchestra.security.roles import permissions_of
from orchestra.store import frames
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant, api_key, api_key_index, identities
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

DAY_MS: Final = 86_400_000
LIFE_MAX_DAYS: Final = 366
CACHE_S: Final = 5.0
CACHED_MAX: Final = 10_000
LISTED_MAX: Final = 1_000

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][\w.\-]{0,127}$")]

_SCRIPTS = load_scripts("orchestra.security", prelude=False)


class NameInvalid(Invalid):
    """What the key is to be called does not do as a name."""


class ApiKey(msgspec.Struct, frozen=True):
    """What is stored about a key. `id` is `key_` and the handle; times are in ms."""

    id: str
    tenant: Tenant
    name: str
    role: Role
    mac: str
    pepper_id: str
    created_at: int
    expires_at: int
    made_by: str
    kind: Kind = "live"
    scopes: tuple[str, ...] = ()

    @property
    def principal(self) -> Principal:
        """Who asks with it."""
        return Principal(self.tenant, self.role, self.id, permissions_of(self.role, self.scopes))


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key should be."""

    name: str
    role: Role = "viewer"
    tenant: Tenant = DEFAULT_TENANT
    scopes: tuple[str, ...] = ()
    days: Annotated[int, Meta(ge=1, le=LIFE_MAX_DAYS)] = 90
    made_by: str = "operator"
    kind: Kind = "live"


class _Remembered(msgspec.Struct, frozen=True):
    key: ApiKey | None
    principal: Principal | None
    read_at_s: float


class KeyRing:
    """The keys in the store. Verified ones are remembered for 5 s at most."""

    def __init__(self, store: Store, clock: Clock, pepper: bytes) -> None:
        self._store, self._clock, self._pepper = store, clock, pepper
        self._pepper_id = hashlib.sha256(pepper).hexdigest()[:8]
        self._prefix = identities(store.space)
        self._remembered: dict[str, _Remembered] = {}

    async def create(self, wish: Wish) -> tuple[ApiKey, str]:
        """A new key and its text, which is shown once and cannot be had again."""
        text = new_key(wish.kind)
        key = self._record(wish, text)
        assert await self._put(key, only_first=False), "256 random bits came twice"
        log.info("key.created", key=key.id, role=key.role, name=key.name)
        return key, text

    async def adopt_first(self, wish: Wish, text: str) -> bool:
        """Store `text` as the first key of the tenant; False, and nothing done, if it has one.

        Of several replicas at once one gets True. Raises Unauthenticated for what is no key.
        """
        if handle_of(text) is None:
            raise Unauthenticated("that is not an API key of ours")
        key = self._record(wish, text)
        stored = await self._put(key, only_first=True)
        if stored:
            log.info("key.created", key=key.id, role=key.role, name=key.name)
        return stored

    async def verify(self, text: str) -> ApiKey:
        """The key behind `text`. Raises Unauthenticated, or Unavailable when the store is away."""
        return (await self._verified(text))[0]

    async def authenticate(self, text: str) -> tuple[Principal, Kind]:
        """Who asks with `text`. Raises as `verify` does."""
        key, principal = await self._verified(text)
        return principal, key.kind

    async def holder(self, key_id: str) -> Principal | None:
        """Who has the key of this id; None once it stands no more. Raises Unavailable."""
        handle, now_s = key_id.removeprefix("key_"), self._clock.monotonic()
        found = self._remembered.get(handle)
        if found is None or now_s - found.read_at_s > CACHE_S:
            found = await self._read(handle, now_s)
        key = found.key
        if key is None or key.kind != "live" or key.expires_at <= self._clock.now_ms():
            return None
        return found.principal

    async def revoke(self, key_id: str, tenant: Tenant = DEFAULT_TENANT) -> None:
        """Here at once, in other replicas within 5 s. Raises NotFound."""
        handle = key_id.removeprefix("key_")
        gone = await self._store.run(
            _SCRIPTS["key_drop"], self._prefix, handle=handle, tenant=tenant
        )
        self._remembered.pop(handle, None)
        if not gone:
            raise NotFound("there is no such key")
        log.info("key.revoked", key=key_id)

    async def of_tenant(self, tenant: Tenant = DEFAULT_TENANT) -> list[ApiKey]:
        """The tenant's keys that still live, oldest first; at most 1,000."""
        index = api_key_index(self._prefix, tenant)
        handles = cast(
            "list[bytes]",
            await self._store.read(self._prefix, "ZRANGE", index, 0, LISTED_MAX - 1),
        )
        if not handles:
            return []
        names = [api_key(self._prefix, handle.decode()) for handle in handles]
        records = cast("list[bytes | None]", await self._store.read(self._prefix, "MGET", *names))
        return [_decode(record) for record in records if record is not None]

    async def _verified(self, text: str) -> tuple[ApiKey, Principal]:
        handle = handle_of(text)
        if handle is None:
            raise Unauthenticated(KEY_NEEDED)
        now_s = self._clock.monotonic()
        found = self._remembered.get(handle)
        if found is None or now_s - found.read_at_s > CACHE_S:
            found = await self._read(handle, now_s)
        key, principal = found.key, found.principal
        if key is None or principal is None or key.expires_at <= self._clock.now_ms():
            raise Unauthenticated(KEY_NEEDED)
        if key.pepper_id != self._pepper_id:
            log.error("key.pepper_differed", key=key.id, pepper_id=key.pepper_id)
        if not hmac.compare_digest(key.mac, self._mac(text)):
            raise Unauthenticated(KEY_NEEDED)
        return key, principal

    async def _read(self, handle: str, now_s: float) -> _Remembered:
        record = cast(
            "bytes | None",
            await self._store.read(self._prefix, "GET", api_key(self._prefix, handle)),
        )
        key = None if record is None else _decode(record)
        while len(self._remembered) >= CACHED_MAX:
            self._remembered.pop(next(iter(self._remembered)))
        found = _Remembered(key, key.principal if key else None, now_s)
        self._remembered[handle] = found
        return found

    def _record(self, wish: Wish, text: str) -> ApiKey:
        try:
            msgspec.convert(wish.name, Name)
        except msgspec.ValidationError:
            raise NameInvalid("letters, digits, '_', '.' and '-', at most 128") from None
        now_ms = self._clock.now_ms()
        return ApiKey(
            id=f"key_{handle_of(text)}",
            tenant=wish.tenant,
            name=wish.name,
            role=wish.role,
            mac=self._mac(text),
            pepper_id=self._pepper_id,
            created_at=now_ms,
            expires_at=now_ms + min(wish.days, LIFE_MAX_DAYS) * DAY_MS,
            made_by=wish.made_by,
            kind=wish.kind,
            scopes=wish.scopes,
        )

    async def _put(self, key: ApiKey, *, only_first: bool) -> bool:
        stored = await self._store.run(
            _SCRIPTS["key_put"],
            self._prefix,
            handle=key.id.removeprefix("key_"),
            tenant=key.tenant,
            record=frames.pack(msgspec.json.encode(key)),
            made_at_ms=key.created_at,
            lives_ms=key.expires_at - key.created_at,
            only_first="1" if only_first else "0",
        )
        return bool(stored)

    def _mac(self, text: str) -> str:
        return hmac.digest(self._pepper, text.encode(), "sha256").hex()


_decode_key = msgspec.json.Decoder(ApiKey).decode


def _decode(record: bytes) -> ApiKey:
    return _decode_key(frames.unpack(record))
