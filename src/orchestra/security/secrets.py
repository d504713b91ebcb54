"""Secrets: named values that are written, used and never shown again.

`${secret:name}` stands for one where an agent's credentials are. No answer, log line or event holds
a value; it is opened just before the call it is for, and remembered for 5 s at most.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Final, cast

import msgspec
import structlog

from orchestra.clock import Clock, Ids
from orchestra.errors import Conflict, NotFound, TooMany, Unavailable
from orchestra.log import COVERED
from orchestra.security.sealing import Box, MasterKey, Secret, Unopenable, WrappedKey
from orchestra.security.secret_wishes import Wish, goes_to, judge
from orchestra.store import frames, keys, secret_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

CACHE_S: Final = 5.0
CACHED_MAX: Final = 10_000
SECRETS_MAX: Final = 1_000
"""Secrets a tenant may have."""
MASKED_FROM: Final = 8
"""Shorter values are not looked for in logs and answers: they would be found everywhere."""
TRIES: Final = 8

_SCRIPTS = load_scripts("orchestra.security", prelude=False)


class SecretUnknown(NotFound):
    """There is no secret of this name."""


class SecretsExhausted(TooMany):
    """The tenant has as many secrets as it may. Context: `limit`."""


class SecretUnreadable(Conflict):
    """It is there and does not open: damaged, or sealed with another master key. Set it anew."""


class MasterKeyMissing(Conflict):
    """No secrets without a master key: name one with ORCHESTRA_MASTER_KEY_FILE, in all replicas."""


class MasterKeyDiffers(Conflict):
    """Not the installation's master key. Ends the start."""


class Kept(msgspec.Struct, frozen=True):
    """What the store has of a secret. Times are in ms."""

    id: str
    version: int
    sealed: bytes
    allowed_hosts: tuple[str, ...]
    description: str
    created_at: int
    updated_at: int
    updated_by: str

    def belongs_to(self, tenant: Tenant) -> str:
        """What the ciphertext is tied to."""
        return f"{tenant}|{self.id}|{self.version}"


class Opened(msgspec.Struct, frozen=True):
    """A secret ready for use."""

    value: Secret
    allowed_hosts: tuple[str, ...]

    def may_go_to(self, url: str) -> bool:
        """Whether the host of `url` is one of the allowed ones; any is, when none is named."""
        return not self.allowed_hosts or any(goes_to(url, host) for host in self.allowed_hosts)


class _Remembered(msgspec.Struct, frozen=True):
    kept: Kept | None
    opened: Opened | None
    read_at_s: float


class Secrets:
    """The secrets of all tenants. Without a master key everything raises MasterKeyMissing."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, master: Callable[[], bytes | None]
    ) -> None:
        self._store, self._clock, self._ids, self._read_master = store, clock, ids, master
        self._prefix = keys.identities(store.space)
        self._boxes: dict[Tenant, Box] = {}
        self._remembered: dict[tuple[Tenant, str], _Remembered] = {}

    @cached_property
    def _master(self) -> MasterKey | None:
        """Read when it is first needed. Raises KeyFileInvalid."""
        found = self._read_master()
        return None if found is None else MasterKey(found)

    async def check_master_key(self) -> None:
        """Raises MasterKeyDiffers unless this is the installation's; the first one becomes it."""
        name = secret_keys.master_check(self._prefix)
        if self._master is not None:
            await self._store.call(self._prefix, "SET", name, self._master.check, "NX")
        found = cast("bytes | None", await self._store.call(self._prefix, "GET", name))
        ours = self._master.check if self._master else None
        if found is not None and found.decode() != ours:
            kid = found.decode().partition("|")[0]
            have = f"the key here is {self._master.kid}" if self._master else "there is none here"
            raise MasterKeyDiffers(
                f"the secrets in this store are sealed with the master key {kid}, and {have}: give "
                "every replica the same master_key_file, or bring back <data>/master.key"
            )

    async def put(self, tenant: Tenant, name: str, wish: Wish, by: str) -> tuple[Kept, bool]:
        """Make the secret, or its next version. True when it is new.

        Raises SecretInvalid, SecretsExhausted, MasterKeyMissing.
        """
        judge(name, wish)
        box = await self._box(tenant)
        hosts = tuple(dict.fromkeys(host.lower() for host in wish.allowed_hosts))
        for _ in range(TRIES):
            old = await self._read(tenant, name)
            now_ms = self._clock.now_ms()
            made = Kept(
                id=old.id if old else self._ids.new("sec"),
                version=old.version + 1 if old else 1,
                sealed=b"",
                allowed_hosts=hosts,
                description=wish.description,
                created_at=old.created_at if old else now_ms,
                updated_at=now_ms,
                updated_by=by,
            )
            sealed = box.seal(wish.value.encode(), made.belongs_to(tenant))
            made = msgspec.structs.replace(made, sealed=sealed)
            stored = await self._store.run(
                _SCRIPTS["secret_put"],
                self._prefix,
                tenant=tenant,
                name=name,
                record=_encode(made),
                before=old.version if old else 0,
                most=SECRETS_MAX,
            )
            if stored == -1:
                raise SecretsExhausted("as many secrets as a tenant may have", limit=SECRETS_MAX)
            if stored:
                _cover(wish.value)
                self._remembered.pop((tenant, name), None)
                log.info("secret.written", secret=made.id, version=made.version, by=by)
                return made, old is None
        raise Unavailable("others write this secret at the same time")

    async def of_tenant(self, tenant: Tenant) -> dict[str, Kept]:
        """Everything about a tenant's secrets but their values, by name."""
        self._has_master()
        found = cast(
            "list[bytes]",
            await self._store.read(
                self._prefix, "HGETALL", secret_keys.secrets(self._prefix, tenant)
            ),
        )
        pairs = zip(found[::2], found[1::2], strict=True)
        return dict(sorted((name.decode(), _decode(record)) for name, record in pairs))

    async def remove(self, tenant: Tenant, name: str, by: str) -> None:
        """Forget it: here at once, in other replicas within 5 s. Raises SecretUnknown."""
        self._has_master()
        index = secret_keys.secrets(self._prefix, tenant)
        gone = await self._store.call(self._prefix, "HDEL", index, name)
        self._remembered.pop((tenant, name), None)
        if not gone:
            raise SecretUnknown("there is no secret of this name")
        log.info("secret.removed", name=name, by=by)

    async def known(self, tenant: Tenant, name: str) -> bool:
        """Whether there is such a secret; it is not opened."""
        return await self._read(tenant, name) is not None

    async def open(self, tenant: Tenant, name: str) -> Opened:
        """For one use now. Raises SecretUnknown, SecretUnreadable, MasterKeyMissing, StoreAway."""
        self._has_master()
        now_s = self._clock.monotonic()
        found = self._remembered.get((tenant, name))
        if found is None or now_s - found.read_at_s > CACHE_S:
            found = await self._remember(tenant, name, now_s)
        if found.kept is None:
            raise SecretUnknown(f"there is no secret {name!r}")
        if found.opened is None:
            raise SecretUnreadable(f"the secret {name!r} does not open: set it anew")
        return found.opened

    async def seal(self, tenant: Tenant, value: bytes, belongs_to: str) -> bytes:
        """For a record of another module, which names in `belongs_to` where it is kept.

        Raises MasterKeyMissing, StoreAway.
        """
        return (await self._box(tenant)).seal(value, belongs_to)

    async def unseal(self, tenant: Tenant, sealed: bytes, belongs_to: str) -> bytes:
        """What was sealed. Raises Unopenable, MasterKeyMissing, StoreAway."""
        return (await self._box(tenant)).open(sealed, belongs_to)

    async def _remember(self, tenant: Tenant, name: str, now_s: float) -> _Remembered:
        kept, opened = await self._read(tenant, name), None
        if kept is not None:
            try:
                box = await self._box(tenant)
                value = box.open(kept.sealed, kept.belongs_to(tenant)).decode()
                _cover(value)
                opened = Opened(Secret(value), kept.allowed_hosts)
            except Unopenable:
                log.error("secret.unopenable", name=name)  # noqa: TRY400 -- says all of it
        while len(self._remembered) >= CACHED_MAX:
            self._remembered.pop(next(iter(self._remembered)))
        found = self._remembered[tenant, name] = _Remembered(kept, opened, now_s)
        return found

    async def _read(self, tenant: Tenant, name: str) -> Kept | None:
        record = cast(
            "bytes | None",
            await self._store.read(
                self._prefix, "HGET", secret_keys.secrets(self._prefix, tenant), name
            ),
        )
        return None if record is None else _decode(record)

    async def _box(self, tenant: Tenant) -> Box:
        """The tenant's data key, made when it has none."""
        master, box = self._has_master(), self._boxes.get(tenant)
        if box is None:
            name = secret_keys.data_keys(self._prefix)
            await self._store.call(
                self._prefix, "HSETNX", name, tenant, packed(master.new_data_key(tenant))
            )
            stored = cast("bytes", await self._store.call(self._prefix, "HGET", name, tenant))
            wrapped = unpacked(stored)
            box = self._boxes[tenant] = Box(master.unwrapped(wrapped, tenant))
        return box

    def _has_master(self) -> MasterKey:
        if self._master is None:
            raise MasterKeyMissing(
                "this installation has no master key, so it keeps no secrets: set "
                "ORCHESTRA_MASTER_KEY_FILE, the same in every replica"
            )
        return self._master


def packed(key: WrappedKey) -> bytes:
    """A wrapped key as the store has it."""
    return frames.pack(msgspec.json.encode(key))


def unpacked(record: bytes) -> WrappedKey:
    """The same back. Raises CorruptRecord."""
    return msgspec.json.decode(frames.unpack(record), type=WrappedKey)


def _cover(value: str) -> None:
    if len(value) >= MASKED_FROM:
        COVERED.add(value)


def _encode(kept: Kept) -> bytes:
    return b"%d|%s" % (kept.version, frames.pack(msgspec.json.encode(kept)))


def _decode(record: bytes) -> Kept:
    return msgspec.json.decode(frames.unpack(record.partition(b"|")[2]), type=Kept)
