"""Dead letters: listed, thrown away, put back in line one by one or all of them as a job."""

from collections.abc import Sequence
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.bus.queues.calls import Calls, rows
from orchestra.bus.queues.records import DeadLetter, Redrive, RedriveRunning, RedriveUnknown
from orchestra.clock import Ids
from orchestra.store.keys import Tenant

_BITE: Final = 500
_CUT_BYTES: Final = 4 * 1_048_576
"""A page with more than this may have been cut by its size."""


class Letters:
    """The dead letters of all queues."""

    def __init__(self, calls: Calls, ids: Ids) -> None:
        self._calls, self._ids = calls, ids

    async def dead(
        self, tenant: Tenant, name: str, limit: int, after: int | None
    ) -> tuple[list[DeadLetter], int | None]:
        """A page, the oldest first, and where to go on. Raises QueueUnknown."""
        reply = await self._calls.run(
            tenant, name, "queue_dead", after="" if after is None else after, max=limit
        )
        found_rows = rows(reply[1:], 9)
        found = [
            DeadLetter(
                id=row[1].decode(),
                body=msgspec.Raw(row[8]),
                error=row[7].decode("utf-8", "replace"),
                attempts=row[2],
                enqueued_ms=int(row[3]),
                died_ms=int(row[4]),
                priority=row[5],
                group=row[6].decode() or None,
            )
            for row in found_rows
        ]
        size = sum(len(row[8]) for row in found_rows)
        ended = not found or (len(found) < limit and size < _CUT_BYTES)
        return found, None if ended else int(found_rows[-1][0])

    async def forget_dead(self, tenant: Tenant, name: str, ids: Sequence[str] | None) -> int:
        """Throw dead letters away; None: all of them. How many. Raises QueueUnknown."""
        if ids is not None:
            more = [one.encode() for one in ids]
            reply = await self._calls.known(tenant, name, "queue_dead_drop", more, {"max": 0})
            return reply[1]
        gone = 0
        for _ in range(100):
            reply = await self._calls.run(tenant, name, "queue_dead_drop", max=_BITE)
            gone += reply[1]
            if reply[1] < _BITE:
                break
        return gone

    async def redrive(self, tenant: Tenant, name: str, ids: Sequence[str]) -> int:
        """Put these dead letters back in line, each once; how many. Raises QueueUnknown."""
        more = [one.encode() for one in ids]
        return sum(await self._calls.known(tenant, name, "queue_redrive", more, {}))

    async def begin(self, tenant: Tenant, name: str, per_s: int) -> Redrive:
        """Begin to put all of them back, so many a second. Raises QueueUnknown, RedriveRunning."""
        job = self._ids.new("rdv")
        reply = await self._calls.run(tenant, name, "queue_redrive_begin", job=job, per_s=per_s)
        found = _redrive(reply[1:])
        if reply[0] == 0:
            raise RedriveRunning("dead letters are going back in line already", job=found.id)
        return found

    async def step(self, tenant: Tenant, name: str) -> bool:
        """Go on with it, as far as its rate allows by now; False when it is over."""
        reply = await self._calls.run(tenant, name, "queue_redrive_step", max=_BITE)
        return reply[1] == 1

    async def job(self, tenant: Tenant, name: str, *, stop: bool = False) -> Redrive:
        """How far the last one is; stopped when asked to. Raises QueueUnknown, RedriveUnknown."""
        reply = await self._calls.run(tenant, name, "queue_redrive_job", stop=int(stop))
        if reply[0] == 0:
            raise RedriveUnknown("no redrive was ever begun in this queue")
        return _redrive(reply[1:])


def _redrive(row: Sequence[Any]) -> Redrive:
    name, state, moved, total, per_s, began, ended = (part.decode() for part in row)
    return Redrive(
        id=name,
        state=cast("Literal['running', 'stopped', 'completed']", state),
        moved=int(moved),
        total=int(total),
        per_s=int(per_s),
        began_ms=int(began),
        ended_ms=int(ended) if ended else None,
    )
