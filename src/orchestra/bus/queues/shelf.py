"""Which queues there are, how they are set, and how many messages are where."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orchestra.bus.queues.calls import UNKNOWN, Calls, Part, rows, unknown
from orchestra.bus.queues.gathering import gathered
from orchestra.bus.queues.records import (
    OWN,
    OWN_OPTIONS,
    QUEUES_MAX,
    Change,
    Counts,
    Options,
    Queue,
    QueueNotEmpty,
    QueuesExhausted,
    QueueUnknown,
    Totals,
)
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument

_OCCUPIED = -3


class Shelf:
    """The queues of all tenants. A queue that is spread has parts beside the one at home."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def save(self, tenant: Tenant, name: str, options: Options) -> bool:
        """Make the queue or change it; True when it was made.

        Raises QueuesExhausted; QueueNotEmpty when that would spread it or gather it.
        """
        await self._admit(tenant, name)
        return await self._save(tenant, name, "put", msgspec.structs.asdict(options))

    async def ensure(self, tenant: Tenant, name: str, options: Options | None = None) -> bool:
        """There is such a queue from now on; one that was there stays as it is: False."""
        own = name.startswith(OWN)
        if not own:
            await self._admit(tenant, name)
        made = options or (OWN_OPTIONS if own else Options())
        return await self._save(tenant, name, "new", msgspec.structs.asdict(made))

    async def change(self, tenant: Tenant, name: str, change: Change) -> None:
        """Raises QueueUnknown; QueueNotEmpty when that would spread it or gather it."""
        await self._save(tenant, name, "patch", msgspec.structs.asdict(change))

    async def drop(self, tenant: Tenant, name: str, *, purge: bool) -> None:
        """Delete the queue. Raises QueueUnknown, QueueNotEmpty."""
        home = self._calls.home(tenant, name)
        others = self._others(tenant, name) if len(await self.parts(tenant, name)) > 1 else []
        for part in (*others, home):  # while it is at home, it is there
            reply = await self._calls.tried(part, "queue_drop", {"purge": int(purge)})
            if reply[0] == 0:
                raise QueueNotEmpty(
                    "the queue is not empty: delete it with ?purge=true",
                    depth=reply[1],
                    dead=reply[2],
                )
        for part in others:  # what was sent meanwhile
            await self._calls.tried(part, "queue_drop", {"purge": 1})
        self._calls.learn(tenant, name, spread=False)

    async def purge(self, tenant: Tenant, name: str) -> None:
        """Delete the queue with all that is in it. Safe to repeat, and when there is none."""
        with contextlib.suppress(QueueUnknown):
            await self.drop(tenant, name, purge=True)

    async def names(self, tenant: Tenant) -> list[str]:
        """All queues of the tenant, sorted."""
        return await self._calls.names(tenant)

    async def own_names(self, tenant: Tenant) -> list[str]:
        """All queues that modules have for themselves, sorted."""
        return await self._calls.names(tenant, own=True)

    async def look(self, tenant: Tenant, name: str) -> Queue:
        """Raises QueueUnknown."""
        home = await self.look_part(self._calls.home(tenant, name))
        if home is None:
            raise unknown()
        if not home.options.spread:
            return home
        others = await gathered(self._others(tenant, name), self.look_part)
        found = [home, *(one for one in others if one)]
        return msgspec.structs.replace(
            home,
            counts=_all_counts([one.counts for one in found]),
            totals=_all_totals([one.totals for one in found]),
        )

    async def look_part(self, part: Part) -> Queue | None:
        """A part of a queue as if it were all; None: it is not there."""
        reply = await self._calls.tried(part, "queue_look", {})
        if not reply:
            return None
        made, tries, lost, lease, depth = map(int, reply[:5])
        backoff = tuple(int(wait) for wait in reply[5].split(b",") if wait)
        options = Options(tries, lost, lease, depth, backoff, reply[6] == b"1")
        ready, in_flight, delayed, dead, oldest_ms = reply[7:12]
        total = ready + in_flight + delayed
        counts = Counts(total, ready, in_flight, delayed, dead, oldest_ms)
        totals = {what.decode(): int(n) for what, n in rows(reply[12:], 2)}
        return Queue(part.name, made, options, counts, msgspec.convert(totals, Totals))

    async def look_at(self, tenant: Tenant, names: Sequence[str]) -> list[Queue]:
        """Those of them that are there."""
        found: list[Queue] = []
        for name in names:
            with contextlib.suppress(QueueUnknown):
                found.append(await self.look(tenant, name))
        return found

    async def find(self, tenant: Tenant, name: str) -> bool:
        """Whether there is such a queue; learns whether it is spread, and makes parts it lacks."""
        home = await self.look_part(self._calls.home(tenant, name))
        spread = home is not None and home.options.spread
        self._calls.learn(tenant, name, spread=spread)
        if spread:
            await self._spread_out(tenant, name)
        return home is not None

    async def parts(self, tenant: Tenant, name: str) -> list[Part]:
        """All parts of the queue, as it is now. Raises QueueUnknown."""
        home = self._calls.home(tenant, name)
        [glance] = await self._calls.glance(home, [home.queue.encode()])
        if glance.spread == UNKNOWN:
            raise unknown()
        return self._calls.parts(tenant, name) if glance.spread else [home]

    async def _save(self, tenant: Tenant, name: str, mode: str, fields: Mapping[str, Any]) -> bool:
        home = self._calls.home(tenant, name)
        [before] = await self._calls.glance(home, [home.queue.encode()])
        reply = await self._calls.known(home, "queue_save", _arguments(mode, fields))
        if reply[0] == _OCCUPIED:
            raise _occupied(reply[1], reply[2])
        made, spread = reply[0] == 1, fields["spread"]
        is_spread = before.spread == 1 if spread is None else spread
        if mode == "new" and not made:
            return False
        if is_spread:
            await self._spread_out(tenant, name)
        elif before.spread == 1:
            await self._gather(tenant, name)
        self._calls.learn(tenant, name, spread=is_spread)
        return made

    async def _spread_out(self, tenant: Tenant, name: str) -> None:
        """Every other part is as the one at home."""
        home = await self.look_part(self._calls.home(tenant, name))
        if home is None:
            raise unknown()
        fields = msgspec.structs.asdict(home.options)
        args = _arguments("put", fields, part=str(home.created_ms))
        await gathered(
            self._others(tenant, name), lambda part: self._calls.tried(part, "queue_save", args)
        )

    async def _gather(self, tenant: Tenant, name: str) -> None:
        """Every other part goes; when one is not empty, all stay. Raises QueueNotEmpty."""
        for part in self._others(tenant, name):
            reply = await self._calls.tried(part, "queue_drop", {"purge": 0})
            if reply[0] == 0:
                back = _arguments("patch", msgspec.structs.asdict(Change(spread=True)))
                await self._calls.tried(self._calls.home(tenant, name), "queue_save", back)
                await self._spread_out(tenant, name)
                raise _occupied(reply[1], reply[2])

    def _others(self, tenant: Tenant, name: str) -> list[Part]:
        home = self._calls.home(tenant, name).tag
        return [part for part in self._calls.parts(tenant, name) if part.tag != home]

    async def _admit(self, tenant: Tenant, name: str) -> None:
        names = await self.names(tenant)
        if name not in names and len(names) >= QUEUES_MAX:
            raise QueuesExhausted(f"a tenant has at most {QUEUES_MAX} queues", limit=QUEUES_MAX)


def _arguments(mode: str, fields: Mapping[str, Any], part: str = "") -> dict[str, Argument]:
    waits, spread = fields["backoff_ms"], fields["spread"]
    given = {
        "tries": fields["tries_max"],
        "lost": fields["lost_max"],
        "lease": fields["lease_ms"],
        "depth": fields["depth_max"],
        "backoff": None if waits is None else ",".join(map(str, waits)),
        "spread": None if spread is None else int(spread),
    }
    filled = {field: "" if value is None else value for field, value in given.items()}
    return {"mode": mode, "part": part, **filled}


def _occupied(depth: int, dead: int) -> QueueNotEmpty:
    return QueueNotEmpty("only an empty queue can be spread, or gathered", depth=depth, dead=dead)


def _all_counts(found: Sequence[Counts]) -> Counts:
    summed = {
        field: sum(getattr(one, field) for one in found) for field in Counts.__struct_fields__
    }
    return Counts(**summed | {"oldest_ms": max(one.oldest_ms for one in found)})


def _all_totals(found: Sequence[Totals]) -> Totals:
    return Totals(
        **{field: sum(getattr(one, field) for one in found) for field in Totals.__struct_fields__}
    )
