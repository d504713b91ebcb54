"""Dead letters: listed, thrown away, put back in line one by one or as a job, all or some."""

from collections.abc import Sequence
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.bus.queues.calls import Calls, Part, rows
from orchestra.bus.queues.gathering import gathered
from orchestra.bus.queues.messages import REPEAT_MS
from orchestra.bus.queues.records import (
    ALL,
    Cause,
    Choice,
    DeadLetter,
    Redrive,
    RedriveRunning,
    RedriveUnknown,
)
from orchestra.bus.queues.shelf import Shelf
from orchestra.clock import Ids
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument

_BITE: Final = 500
_LOOKS_MAX: Final = 20
"""Calls for one page: with a filter few may suit."""

Place = tuple[int, int]
"""Where a page goes on: a part, and the burial behind which."""


class Letters:
    """The dead letters of all queues. Of a spread queue they are listed part by part."""

    def __init__(self, calls: Calls, ids: Ids) -> None:
        self._calls, self._ids = calls, ids
        self._shelf = Shelf(calls)

    async def dead(
        self,
        tenant: Tenant,
        name: str,
        limit: int,
        after: Place | None = None,
        choice: Choice = ALL,
        ids: Sequence[str] | None = None,
    ) -> tuple[list[DeadLetter], Place | None]:
        """A page, the oldest first, and where to go on; `ids`: of these. Raises QueueUnknown."""
        parts, (index, burial) = await self._shelf.parts(tenant, name), after or (0, 0)
        found, more = list[DeadLetter](), [one.encode() for one in dict.fromkeys(ids or ())]
        for _ in range(_LOOKS_MAX):
            if index >= len(parts) or len(found) >= limit:
                break
            args: dict[str, Argument] = {
                "after": burial or "", "max": limit - len(found), "filter": choice.packed()
            }  # fmt: skip
            reply = await self._calls.known(parts[index], "queue_dead", args, more)
            found += map(_letter, rows(reply[2:], 8))
            index, burial = (index, int(reply[1])) if reply[1] else (index + 1, 0)
        return found, (index, burial) if index < len(parts) else None

    async def forget_dead(
        self, tenant: Tenant, name: str, ids: Sequence[str] | None, choice: Choice = ALL
    ) -> int:
        """Throw dead letters away: these, or all of the choice. How many. Raises QueueUnknown."""
        gone, more = 0, [one.encode() for one in ids or ()]
        args: dict[str, Argument] = {"max": _BITE, "filter": choice.packed()}
        for part in await self._shelf.parts(tenant, name):
            for _ in range(100):
                reply = await self._calls.known(part, "queue_dead_drop", args, more)
                gone += reply[1]
                if ids is not None or reply[1] < _BITE:
                    break
        return gone

    async def redrive(self, tenant: Tenant, name: str, ids: Sequence[str]) -> int:
        """Put these dead letters back in line, each once; how many. Raises QueueUnknown."""
        more = [one.encode() for one in ids]
        parts = await self._shelf.parts(tenant, name)
        replies = await gathered(
            parts, lambda part: self._calls.known(part, "queue_redrive", {}, more)
        )
        return sum(map(sum, replies))

    async def revise(self, tenant: Tenant, name: str, id_: str, body: msgspec.Raw) -> bool:
        """Put this dead letter back in line with another body; False: it is not there.

        Of several who do it at once one does. Raises QueueUnknown.
        """
        args: dict[str, Argument] = {
            "call": self._ids.new("rdv"), "call_ms": REPEAT_MS, "id": id_, "body": bytes(body)
        }  # fmt: skip
        parts = await self._shelf.parts(tenant, name)
        replies = await gathered(parts, lambda part: self._calls.known(part, "queue_revise", args))
        return any(reply == [1] for reply in replies)

    async def begin(self, tenant: Tenant, name: str, per_s: int, choice: Choice = ALL) -> Redrive:
        """Begin to put them back, so many a second. Raises QueueUnknown, RedriveRunning."""
        parts = await self._shelf.parts(tenant, name)
        running = [one for one in await self._jobs(parts) if one and one.state == "running"]
        if running:
            raise _running(running[0])
        shares = [per_s * 1.0]
        if len(parts) > 1:  # the rate goes where the dead letters are
            looks = await gathered(parts, self._shelf.look_part)
            dead = [one.counts.dead if one else 0 for one in looks]
            shares = [per_s * n / sum(dead) if n else per_s / len(parts) for n in dead]
        job, told = self._ids.new("rdv"), choice.packed()
        found: list[Redrive] = []
        for part, share in zip(parts, shares, strict=True):
            args: dict[str, Argument] = {"job": job, "per_s": f"{share:.6f}", "filter": told}
            reply = await self._calls.known(part, "queue_redrive_begin", args)
            found.append(_redrive(reply[1:]))
            if reply[0] == 0:
                raise _running(found[-1])
        return _together(found)

    async def step(self, part: Part) -> bool:
        """Go on with it, as far as its rate allows by now; False when it is over."""
        reply = await self._calls.tried(part, "queue_redrive_step", {"max": _BITE})
        return reply[1] == 1

    async def job(self, tenant: Tenant, name: str, *, stop: bool = False) -> Redrive:
        """How far the last one is; stopped when asked to. Raises QueueUnknown, RedriveUnknown."""
        parts = await self._shelf.parts(tenant, name)
        found = [one for one in await self._jobs(parts, stop=stop) if one]
        if not found:
            raise RedriveUnknown("no redrive was ever begun in this queue")
        last = max(found, key=lambda one: (one.began_ms, one.id)).id
        return _together([one for one in found if one.id == last])

    async def _jobs(self, parts: Sequence[Part], *, stop: bool = False) -> list[Redrive | None]:
        args = {"stop": int(stop)}
        replies = await gathered(
            parts, lambda part: self._calls.known(part, "queue_redrive_job", args)
        )
        return [_redrive(reply[1:]) if reply[0] else None for reply in replies]


def _letter(row: Sequence[Any]) -> DeadLetter:
    kind, _, why = row[6].decode("utf-8", "replace").partition("|")
    return DeadLetter(
        id=row[0].decode(),
        body=msgspec.Raw(row[7]),
        kind=cast("Cause", kind),
        error=why,
        attempts=row[1],
        enqueued_ms=int(row[2]),
        died_ms=int(row[3]),
        priority=row[4],
        group=row[5].decode() or None,
    )


def _running(job: Redrive) -> RedriveRunning:
    return RedriveRunning("dead letters are going back in line already", job=job.id)


def _redrive(row: Sequence[Any]) -> Redrive:
    name, state, moved, total, per_s, began, ended = (part.decode() for part in row)
    return Redrive(
        id=name,
        state=cast("Literal['running', 'stopped', 'completed']", state),
        moved=int(moved),
        total=int(total),
        per_s=float(per_s),  # a part has a part of it
        began_ms=int(began),
        ended_ms=int(ended) if ended else None,
    )


def _together(found: Sequence[Redrive]) -> Redrive:
    """The job of a spread queue, of the jobs of its parts."""
    counted = [one for one in found if one.total] or found
    states = {one.state for one in found}
    ended = [one.ended_ms for one in found if one.ended_ms is not None]
    return msgspec.structs.replace(
        found[0],
        state=next(one for one in ("running", "stopped", "completed") if one in states),
        moved=sum(one.moved for one in found),
        total=sum(one.total for one in found),
        per_s=round(sum(one.per_s or 0 for one in counted)),
        began_ms=min(one.began_ms for one in found),
        ended_ms=None if "running" in states else max(ended, default=None),
    )
