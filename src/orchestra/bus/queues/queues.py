"""Queues and their messages: sent, leased, extended, settled."""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from orchestra.bus.queues import receipts
from orchestra.bus.queues.calls import Calls, rows, unknown
from orchestra.bus.queues.records import (
    BODY_MAX_BYTES,
    OWN,
    OWN_OPTIONS,
    QUEUES_MAX,
    Change,
    Counts,
    MessageTooLarge,
    Options,
    Queue,
    QueueFull,
    QueueNotEmpty,
    QueuesExhausted,
    QueueUnknown,
    Received,
    Sent,
)
from orchestra.clock import Ids, Random
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument

DEDUP_MS: Final = 86_400_000
REPEAT_MS: Final = 15_000
"""How long a call is known, so that it can be repeated when its reply was lost."""
FULL_RETRY_MS: Final = 1_000

Settled = Literal["ok", "dead", "gone"]
_SETTLED: tuple[Settled, ...] = ("gone", "ok", "dead")
Outcome = Literal["done", "again", "postpone", "bury"]
_OUTCOMES: Mapping[Outcome, str] = {"done": "D", "again": "Y", "postpone": "P", "bury": "X"}


class Queues:
    """The queues of all tenants."""

    def __init__(self, calls: Calls, ids: Ids, chance: Random) -> None:
        self._calls, self._ids, self._chance = calls, ids, chance

    async def save(self, tenant: Tenant, name: str, options: Options) -> bool:
        """Make the queue or change it; True when it was made. Raises QueuesExhausted."""
        return await self._save(tenant, name, "put", msgspec.structs.asdict(options))

    async def ensure(self, tenant: Tenant, name: str, options: Options) -> None:
        """There is such a queue from now on; one that was there stays as it is."""
        await self._save(tenant, name, "new", msgspec.structs.asdict(options))

    async def change(self, tenant: Tenant, name: str, change: Change) -> None:
        """Raises QueueUnknown."""
        await self._save(tenant, name, "patch", msgspec.structs.asdict(change))

    async def drop(self, tenant: Tenant, name: str, *, purge: bool) -> None:
        """Delete the queue. Raises QueueUnknown, QueueNotEmpty."""
        reply = await self._calls.run(tenant, name, "queue_drop", purge=int(purge))
        if reply[0] == 0:
            raise QueueNotEmpty(
                "the queue is not empty: delete it with ?purge=true",
                depth=reply[1],
                dead=reply[2],
            )

    async def purge(self, tenant: Tenant, name: str) -> None:
        """Delete the queue with all that is in it. Safe to repeat, and when there is none."""
        await self._calls.tried(tenant, name, "queue_drop", (), {"purge": 1})

    async def names(self, tenant: Tenant) -> list[str]:
        """All queues of the tenant, sorted."""
        return await self._calls.names(tenant)

    async def own_names(self, tenant: Tenant) -> list[str]:
        """All queues that modules have for themselves, sorted."""
        return await self._calls.names(tenant, own=True)

    async def look(self, tenant: Tenant, name: str) -> Queue:
        """Raises QueueUnknown."""
        reply = await self._calls.run(tenant, name, "queue_look")
        if not reply:
            raise unknown()
        made, tries, lost, lease, depth = map(int, reply[:5])
        backoff = tuple(int(wait) for wait in reply[5].split(b",") if wait)
        ready, in_flight, delayed, dead, oldest_ms = reply[6:]
        total = ready + in_flight + delayed
        counts = Counts(total, ready, in_flight, delayed, dead, oldest_ms)
        return Queue(name, made, Options(tries, lost, lease, depth, backoff), counts)

    async def look_at(self, tenant: Tenant, names: Sequence[str]) -> list[Queue]:
        """Those of them that are there."""
        found: list[Queue] = []
        for name in names:
            with contextlib.suppress(QueueUnknown):
                found.append(await self.look(tenant, name))
        return found

    async def send(self, tenant: Tenant, name: str, messages: Sequence[Sent]) -> list[str]:
        """All of them or none; their ids. A queue that is not there is made.

        Raises MessageTooLarge, QueueFull, QueuesExhausted, StoreFull.
        """
        most = BODY_MAX_BYTES * (2 if name.startswith(OWN) else 1)  # an event and what to do
        if any(len(bytes(one.body)) > most for one in messages):
            raise MessageTooLarge(
                "the body of a message has at most 256 KiB", limit_bytes=BODY_MAX_BYTES
            )
        more: list[bytes] = []
        for one in messages:
            more += (
                self._ids.new("msg").encode(),
                b"%d" % one.priority,
                b"%d" % one.delay_ms,
                one.group.encode(),
                _dedup(tenant, name, one.dedup),
                bytes(one.body),
            )
        args: dict[str, Argument] = {
            "call": self._ids.new("snd"), "call_ms": REPEAT_MS, "dedup_ms": DEDUP_MS
        }  # fmt: skip
        reply = await self._calls.tried(tenant, name, "queue_send", more, args)
        if reply[0] == -1:
            own = name.startswith(OWN)
            await self.ensure(tenant, name, OWN_OPTIONS if own else Options())
            reply = await self._calls.known(tenant, name, "queue_send", more, args)
        if reply[0] == 0:
            raise QueueFull("the queue is full", depth=reply[1], retry_after_ms=FULL_RETRY_MS)
        return [one.decode() for one in reply[1:]]

    async def receive(
        self, tenant: Tenant, name: str, most: int, lease_ms: int | None
    ) -> tuple[list[Received], int | None]:
        """Lease what is ready; and in how many ms more may be, if that is known.

        Raises QueueUnknown.
        """
        token = f"{self._chance.getrandbits(64):016x}"
        reply = await self._calls.run(
            tenant,
            name,
            "queue_receive",
            token=token,
            max=most,
            lease_ms="" if lease_ms is None else lease_ms,
            keep_ms=REPEAT_MS,
        )
        found = [
            Received(
                id=row[0].decode(),
                receipt=receipts.encoded(row[0].decode(), token),
                body=msgspec.Raw(row[4]),
                attempt=row[1],
                enqueued_ms=int(row[2]),
                group=row[3].decode() or None,
            )
            for row in rows(reply[2:], 5)
        ]
        return found, reply[1] if isinstance(reply[1], int) else None

    async def settle(
        self,
        tenant: Tenant,
        name: str,
        given: Sequence[str],
        outcome: Outcome,
        *,
        delay_ms: int | None = None,
        error: str = "",
    ) -> list[Settled]:
        """What became of each receipt. `delay_ms` None: the queue's wait, with full jitter."""
        more: list[bytes] = []
        for receipt in given:
            more += (*_held(receipt), b"%.6f" % self._chance.random())
        delay = "" if delay_ms is None else delay_ms
        args: dict[str, Argument] = {
            "out": _OUTCOMES[outcome], "delay_ms": delay, "error": error
        }  # fmt: skip
        reply = await self._calls.tried(tenant, name, "queue_settle", more, args)
        return [_SETTLED[one] for one in reply]

    async def extend(
        self, tenant: Tenant, name: str, given: Sequence[str], lease_ms: int | None
    ) -> list[Settled]:
        """`ok` for each receipt that is leased until `lease_ms` from now, else `gone`."""
        more = [part for receipt in given for part in _held(receipt)]
        lease = "" if lease_ms is None else lease_ms
        reply = await self._calls.tried(tenant, name, "queue_extend", more, {"lease_ms": lease})
        return [_SETTLED[one] for one in reply]

    async def _save(self, tenant: Tenant, name: str, mode: str, fields: Mapping[str, Any]) -> bool:
        if mode != "patch" and not name.startswith(OWN):
            names = await self.names(tenant)
            if name not in names and len(names) >= QUEUES_MAX:
                raise QueuesExhausted(f"a tenant has at most {QUEUES_MAX} queues", limit=QUEUES_MAX)
        waits = fields["backoff_ms"]
        given = {
            "tries": fields["tries_max"],
            "lost": fields["lost_max"],
            "lease": fields["lease_ms"],
            "depth": fields["depth_max"],
            "backoff": None if waits is None else ",".join(map(str, waits)),
        }
        filled = {field: "" if value is None else value for field, value in given.items()}
        reply = await self._calls.run(tenant, name, "queue_save", mode=mode, **filled)
        return reply[0] == 1


def _dedup(tenant: Tenant, name: str, dedup: str | None) -> bytes:
    if dedup is None:
        return b""
    unique = hashlib.sha256(f"queue|{tenant}|{name}|{dedup}".encode())
    return unique.hexdigest()[:40].encode()


def _held(receipt: str) -> tuple[bytes, bytes]:
    message, token = receipts.decoded(receipt)
    return message.encode(), token.encode()
