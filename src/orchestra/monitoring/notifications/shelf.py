"""Groups in the store, and the letters that were decided with them."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
import structlog

from orchestra.errors import Unavailable
from orchestra.monitoring.notifications.records import (
    CONTACTS_MAX,
    DAY_MS,
    GROUPS_MAX,
    LETTERS_MAX,
    OVERFLOW,
    Group,
    Letter,
)
from orchestra.store import frames, notice_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

LIVE_MS: Final = 40 * DAY_MS
"""A group is kept for so long in which something is left to do: it is looked at far sooner."""
REST_MS: Final = 2 * DAY_MS
"""And for so long one in which all is said: a word about it may come again."""
BATCH: Final = 100


class GroupsExhausted(Unavailable):
    """The tenant has as many groups as it may."""


class Shelf:
    """Reads and writes groups. Two who change one at once: one of them is told so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._put = load_scripts("orchestra.monitoring.notifications", prelude=False)["group_put"]
        self._prefix = notice_keys.notices(store.space)
        self._at = b"0"

    async def get(self, tenant: Tenant, group: str) -> Group | None:
        """As it is now."""
        key = notice_keys.group(self._prefix, tenant, group)
        kept = cast(
            "bytes | None",
            await self._store.insist(lambda: self._store.read(self._prefix, "GET", key)),
        )
        if kept is None:
            return None
        try:
            return msgspec.json.decode(frames.unpack(kept.partition(b"|")[2]), type=Group)
        except (frames.CorruptRecord, msgspec.DecodeError):
            log.exception("notification.group_unreadable", group=group)
            told = kept.partition(b"|")[0]
            return Group(group, tenant, "", revision=int(told) if told.isdigit() else 0)

    async def put(self, group: Group, letters: Sequence[Letter], now_ms: int) -> bool:
        """Keep the next revision of a group with its letters; False: somebody was there before.

        Raises GroupsExhausted, Unavailable, StoreAway.
        """
        group = msgspec.structs.replace(group, revision=group.revision + 1)
        record = frames.pack_small(msgspec.json.encode(group))
        beyond = group.by == ((OVERFLOW, ""),)
        more = [part for one in letters for part in (one.id.encode(), _packed(one))]
        kept = await self._store.insist(
            lambda: self._store.run(
                self._put,
                self._prefix,
                *more,
                tenant=group.tenant,
                group=group.id,
                revision=group.revision,
                record=record,
                due_ms="" if group.due_ms is None else group.due_ms,
                now_ms=now_ms,
                ttl_ms=REST_MS if group.due_ms is None else LIVE_MS,
                most=GROUPS_MAX + (CONTACTS_MAX if beyond else 0),
                letters_max=LETTERS_MAX,
            )
        )
        if kept == -1:
            raise GroupsExhausted(f"a tenant has at most {GROUPS_MAX} groups of alerts")
        if kept == -2:
            raise Unavailable("too many notifications wait to be sent")
        return bool(kept)

    async def due(self, now_ms: int) -> list[tuple[Tenant, str]]:
        """Groups that are to be looked at, the longest overdue first."""
        key = notice_keys.due(self._prefix)
        found = await self._store.read(
            self._prefix, "ZRANGEBYSCORE", key, "-inf", str(now_ms), "LIMIT", "0", str(BATCH)
        )
        pairs = (one.decode().partition("|") for one in cast("list[bytes]", found))
        return [(Tenant(tenant), group) for tenant, _, group in pairs]

    async def forget_due(self, tenant: Tenant, group: str) -> None:
        """There is no such group any more."""
        await self._store.call(
            self._prefix, "ZREM", notice_keys.due(self._prefix), f"{tenant}|{group}"
        )

    async def postpone(self, tenant: Tenant, group: str, until_ms: int) -> None:
        """It cannot be looked at now: those behind it have their turn first."""
        key, name = notice_keys.due(self._prefix), f"{tenant}|{group}"
        await self._store.call(self._prefix, "ZADD", key, "XX", str(until_ms), name)

    async def letters(self) -> list[Letter]:
        """Some that are decided and not handed on; the next time others, if there are more."""
        key = notice_keys.letters(self._prefix)
        reply = await self._store.read(self._prefix, "HSCAN", key, self._at, "COUNT", str(BATCH))
        self._at, flat = cast("tuple[bytes, list[bytes]]", tuple(cast("list[Any]", reply)))
        found: list[Letter] = []
        for name, kept in zip(flat[::2], flat[1::2], strict=True):
            try:
                found.append(msgspec.json.decode(frames.unpack(kept), type=Letter))
            except (frames.CorruptRecord, msgspec.DecodeError):
                log.exception("notification.letter_unreadable", letter=name.decode())
                await self.handed_on(name.decode())
        return found

    async def handed_on(self, letter: str) -> bool:
        """It is in line elsewhere. Safe to repeat; False: it was so before."""
        key = notice_keys.letters(self._prefix)
        return await self._store.call(self._prefix, "HDEL", key, letter) == 1


def _packed(letter: Letter) -> bytes:
    return frames.pack_small(msgspec.json.encode(letter))
