"""Messages: sent, leased, extended, settled, looked at; in one partition, or spread over all."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from orchestra.bus.queues import receipts
from orchestra.bus.queues.calls import ELSEWHERE, UNKNOWN, Calls, Glance, Part, rows
from orchestra.bus.queues.gathering import gathered
from orchestra.bus.queues.receipts import Lease
from orchestra.bus.queues.records import Peeked, PeekState, QueueFull, Received, Sent
from orchestra.clock import Ids, Random
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument

DEDUP_MS: Final = 86_400_000
REPEAT_MS: Final = 15_000
"""How long a call is known, so that it can be repeated when its reply was lost."""
FULL_RETRY_MS: Final = 1_000
_COUNTED: Final = 0.1
"""A spread queue is counted again when so much of its room may be gone."""
_BUDGETS_MAX: Final = 10_000

Settled = Literal["ok", "dead", "gone"]
_SETTLED: tuple[Settled, ...] = ("gone", "ok", "dead")
Outcome = Literal["done", "again", "exhausted", "postpone", "bury"]
_OUTCOMES: Mapping[Outcome, str] = {
    "done": "D", "again": "Y", "exhausted": "B", "postpone": "P", "bury": "X"
}  # fmt: skip
_PEEKS: Mapping[PeekState, str] = {"ready": "r", "waiting": "w", "delayed": "d", "in_flight": "l"}


class Misplaced(Exception):
    """The queue is spread and was not taken for it, or the other way round; or is not there."""


class Messages:
    """What is in queues that are there."""

    def __init__(self, calls: Calls, ids: Ids, chance: Random) -> None:
        self._calls, self._ids, self._chance = calls, ids, chance
        self._budgets: dict[tuple[Tenant, str], int] = {}

    async def send(self, tenant: Tenant, name: str, messages: Sequence[Sent]) -> list[str]:
        """Their ids. Raises Misplaced, QueueFull: then none was taken."""
        if not self._calls.is_spread(tenant, name):
            home = self._calls.home(tenant, name)
            return await self._send_to(home, list(messages), spread=False)
        await self._admit(tenant, name, len(messages))
        placed: dict[Part, list[int]] = {}
        anywhere = self._some_part(tenant, name)
        for i, one in enumerate(messages):
            unique = one.group or one.dedup
            part = self._calls.part_of(tenant, name, unique) if unique else anywhere
            placed.setdefault(part, []).append(i)
        told = await gathered(
            list(placed),
            lambda part: self._send_to(part, [messages[i] for i in placed[part]], spread=True),
        )
        ids: dict[int, str] = {}
        for some, sent in zip(placed.values(), told, strict=True):
            ids.update(zip(some, sent, strict=True))
        return [ids[i] for i in range(len(messages))]

    async def receive(
        self, tenant: Tenant, name: str, most: int, lease_ms: int | None
    ) -> tuple[list[Received], int | None]:
        """Lease what is ready; and in how many ms more may be, if that is known.

        Raises Misplaced.
        """
        if not self._calls.is_spread(tenant, name):
            return await self._receive_from(self._calls.home(tenant, name), most, lease_ms)
        parts, turn = self._calls.parts(tenant, name), self._some_part(tenant, name).number
        parts = parts[turn:] + parts[:turn]
        found, _ = await self._receive_from(parts[0], most, lease_ms)
        if len(found) >= most:
            return found, None
        glances = await self._glances(parts)
        for part, glance in zip(parts, glances, strict=True):
            if glance.soon_ms == 0 and len(found) < most:
                more, _ = await self._receive_from(part, most - len(found), lease_ms)
                found += more
        return found, min((one.soon_ms for one in glances if one.soon_ms is not None), default=None)

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
        args: dict[str, Argument] = {
            "out": _OUTCOMES[outcome],
            "delay_ms": "" if delay_ms is None else delay_ms,
            "error": error,
        }
        if outcome == "postpone" and delay_ms is None:
            args["delay_ms"] = 0

        async def ask(part: Part, leases: Sequence[Lease]) -> list[int]:
            more = [
                piece for one in leases for piece in (*_held(one), b"%.6f" % self._chance.random())
            ]
            return await self._calls.tried(part, "queue_settle", args, more)

        return await self._of_each(tenant, name, given, ask)

    async def extend(
        self, tenant: Tenant, name: str, given: Sequence[str], lease_ms: int | None
    ) -> list[Settled]:
        """`ok` for each receipt that is leased until `lease_ms` from now, else `gone`."""
        args: dict[str, Argument] = {"lease_ms": "" if lease_ms is None else lease_ms}

        async def ask(part: Part, leases: Sequence[Lease]) -> list[int]:
            more = [piece for one in leases for piece in _held(one)]
            return await self._calls.tried(part, "queue_extend", args, more)

        return await self._of_each(tenant, name, given, ask)

    async def peek(
        self, part: Part, state: PeekState, passed: int, most: int
    ) -> tuple[list[Peeked], bool]:
        """Messages of a part in line, none taken; and whether it was cut. Raises QueueUnknown."""
        args: dict[str, Argument] = {"state": _PEEKS[state], "passed": passed, "max": most}
        reply = await self._calls.known(part, "queue_peek", args)
        found = [
            Peeked(
                id=row[0].decode(),
                state=state,
                body=msgspec.Raw(row[6]),
                attempts=row[2],
                enqueued_ms=int(row[3]),
                priority=row[1],
                group=row[5].decode() or None,
                until_ms=int(row[4]) or None,
            )
            for row in rows(reply[1:], 7)
        ]
        return found, reply[0] == 2

    def _some_part(self, tenant: Tenant, name: str) -> Part:
        parts = self._calls.parts(tenant, name)
        return parts[int(self._chance.random() * len(parts))]

    async def _glances(self, parts: Sequence[Part]) -> list[Glance]:
        """What is in the parts. Raises Misplaced: it is not spread, or gone."""
        queue = [parts[0].queue.encode()]
        found = [
            one for [one] in await gathered(parts, lambda part: self._calls.glance(part, queue))
        ]
        home = self._calls.tag(parts[0].tenant, parts[0].name)
        if any(
            part.tag == home and one.spread != 1 for part, one in zip(parts, found, strict=True)
        ):
            raise Misplaced
        return found

    async def _admit(self, tenant: Tenant, name: str, count: int) -> None:
        """Room for so many in a spread queue, about. Raises QueueFull, Misplaced."""
        key = (tenant, name)
        if self._budgets.get(key, 0) < count:
            glances = await self._glances(self._calls.parts(tenant, name))
            depth = sum(one.depth for one in glances)
            left = max(one.depth_max for one in glances) - depth
            if left < count:
                raise QueueFull("the queue is full", depth=depth, retry_after_ms=FULL_RETRY_MS)
            if len(self._budgets) >= _BUDGETS_MAX:
                self._budgets.clear()
            self._budgets[key] = max(int(left * _COUNTED), count)
        self._budgets[key] -= count

    async def _send_to(self, part: Part, messages: Sequence[Sent], *, spread: bool) -> list[str]:
        more: list[bytes] = []
        for one in messages:
            more += (
                self._ids.new("msg").encode(),
                b"%d" % one.priority,
                b"%d" % one.delay_ms,
                one.group.encode(),
                _dedup(part, one.dedup),
                bytes(one.body),
            )
        args: dict[str, Argument] = {
            "call": self._ids.new("snd"),
            "call_ms": REPEAT_MS,
            "dedup_ms": DEDUP_MS,
            "spread": int(spread),
        }
        reply = await self._calls.tried(part, "queue_send", args, more)
        if reply[0] in {UNKNOWN, ELSEWHERE}:
            raise Misplaced
        if reply[0] == 0:
            raise QueueFull("the queue is full", depth=reply[1], retry_after_ms=FULL_RETRY_MS)
        return [one.decode() for one in reply[1:]]

    async def _receive_from(
        self, part: Part, most: int, lease_ms: int | None
    ) -> tuple[list[Received], int | None]:
        token = f"{self._chance.getrandbits(64):016x}"
        args: dict[str, Argument] = {
            "token": token,
            "max": most,
            "lease_ms": "" if lease_ms is None else lease_ms,
            "keep_ms": REPEAT_MS,
            "spread": int(part.number is not None),
        }
        reply = await self._calls.tried(part, "queue_receive", args)
        if reply[0] in {UNKNOWN, ELSEWHERE}:
            raise Misplaced
        found = [
            Received(
                id=row[0].decode(),
                receipt=receipts.encoded(Lease(row[0].decode(), token, part.number)),
                body=msgspec.Raw(row[4]),
                attempt=row[1],
                enqueued_ms=int(row[2]),
                group=row[3].decode() or None,
            )
            for row in rows(reply[2:], 5)
        ]
        return found, reply[1] if isinstance(reply[1], int) else None

    async def _of_each(
        self,
        tenant: Tenant,
        name: str,
        given: Sequence[str],
        ask: Callable[[Part, Sequence[Lease]], Awaitable[list[int]]],
    ) -> list[Settled]:
        """The outcomes of receipts, each asked for where its message is."""
        leases, placed = [receipts.decoded(one) for one in given], dict[Part, list[int]]()
        for i, lease in enumerate(leases):
            part = (
                self._calls.home(tenant, name)
                if lease.part is None
                else self._calls.part(tenant, name, lease.part)
            )
            if part is not None:
                placed.setdefault(part, []).append(i)
        outcomes: list[Settled] = ["gone"] * len(given)
        replies = await gathered(
            list(placed), lambda part: ask(part, [leases[i] for i in placed[part]])
        )
        for some, reply in zip(placed.values(), replies, strict=True):
            for i, one in zip(some, reply, strict=True):
                outcomes[i] = _SETTLED[one]
        return outcomes


def _dedup(part: Part, dedup: str | None) -> bytes:
    if dedup is None:
        return b""
    unique = hashlib.sha256(f"queue|{part.tenant}|{part.name}|{dedup}".encode())
    return unique.hexdigest()[:40].encode()


def _held(lease: Lease) -> tuple[bytes, bytes]:
    return lease.message.encode(), lease.token.encode()
