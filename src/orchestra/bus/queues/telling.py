"""What instruments say of queues. One replica tells of all: a depth is not to be added up twice."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import anyio
import structlog

from orchestra.bus.queues.calls import Calls, Part, rows
from orchestra.clock import Ids
from orchestra.errors import OrchestraError
from orchestra.instruments import Reading, Survey, counter, measure
from orchestra.store import queue_keys
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

TELL_S: Final = 2.0
_CLAIM_MS: Final = 5_000
_BITE: Final = 100
DEAD_MAX: Final = 10_000
"""Dead letters that a part of a queue keeps, as the scripts have it."""
_OUTCOMES: Final = (
    "sent", "received", "acked", "nacked", "postponed", "expired", "dead", "redriven"
)  # fmt: skip
_DEPTH = measure("orchestra_queue_depth", ("tenant", "queue"))
_OLDEST = measure("orchestra_queue_oldest_seconds", ("tenant", "queue"))
_DEAD = measure("orchestra_dead_letters", ("tenant", "queue"))
_FILLED = measure("orchestra_dead_letters_ratio", ("tenant", "queue"))
_MESSAGES = counter("orchestra_messages_total", ("tenant", "queue", "outcome"))

Named = tuple[str, str]


class Figures(NamedTuple):
    """Of a queue, all its parts together."""

    depth: int = 0
    dead: int = 0
    oldest_ms: int = 0
    dead_max: int = 0


class Telling:
    """Reads the figures of all queues now and then. What happened in them is counted once."""

    def __init__(self, calls: Calls, ids: Ids) -> None:
        self._calls, self._store = calls, calls.store
        self._me = ids.new("tel")
        self._told: set[Named] = set()
        self._asked = False

    def given_away(self) -> Survey:
        """The figures, for somebody who asks for them where it is theirs to: we tell no more."""
        self._asked = True
        return self.survey

    async def serve(self) -> None:
        """Until cancelled: tell, unless somebody asks."""
        while not self._asked:
            try:
                await self.tell()
            except OrchestraError as error:
                log.debug("queue.not_told", reason=error.detail)
            await anyio.sleep(TELL_S)

    async def tell(self) -> None:
        """Once, if nobody else does."""
        found: Mapping[Named, Figures] = await self._figures() if await self._claimed() else {}
        for gauge, name, value in _readings(found):
            gauge.set(value, *name)
        for name in self._told - found.keys():
            for gauge in (_DEPTH, _DEAD, _FILLED, _OLDEST):
                gauge.forget(*name)
        self._told = set(found)

    async def survey(self) -> Sequence[Reading]:
        """The same, for one process of all to tell. A `Survey`."""
        return _readings(await self._figures())

    async def _figures(self) -> Mapping[Named, Figures]:
        """Of all queues. What happened in them is counted."""
        found: dict[Named, Figures] = {}
        for tag in self._store.partitions:
            prefix = self._store.prefix(tag)
            key = queue_keys.told_queues(prefix)
            names: list[bytes] = sorted(await self._calls.read(prefix, "SMEMBERS", key))
            for i in range(0, len(names), _BITE):
                await self._read(tag, names[i : i + _BITE], found)
        return found

    async def _claimed(self) -> bool:
        prefix = self._store.prefix(self._store.partitions[0])
        key, ttl = queue_keys.queue_teller(prefix), str(_CLAIM_MS)
        if await self._store.call(prefix, "SET", key, self._me, "NX", "PX", ttl):
            return True
        if await self._calls.read(prefix, "GET", key) != self._me.encode():
            return False
        await self._store.call(prefix, "PEXPIRE", key, ttl)
        return True

    async def _read(self, tag: int, names: list[bytes], found: dict[Named, Figures]) -> None:
        tenant, _, queue = names[0].decode().partition(":")
        part = Part(Tenant(tenant), queue, tag)
        reply = await self._calls.tried(part, "queue_tell", {}, names)
        for name, row in zip(names, rows(reply, 3 + len(_OUTCOMES)), strict=True):
            tenant, _, queue = name.decode().partition(":")
            before = found.get((tenant, queue), Figures())
            found[tenant, queue] = Figures(
                before.depth + row[0],
                before.dead + row[1],
                max(before.oldest_ms, row[2]),
                before.dead_max + DEAD_MAX,
            )
            for outcome, n in zip(_OUTCOMES, row[3:], strict=True):
                if n:
                    _MESSAGES.add(n, tenant, queue, outcome)


def _readings(found: Mapping[Named, Figures]) -> list[Reading]:
    told: list[Reading] = []
    for name, figures in found.items():
        told += [
            (_DEPTH, name, figures.depth),
            (_DEAD, name, figures.dead),
            (_FILLED, name, figures.dead / figures.dead_max),
            (_OLDEST, name, figures.oldest_ms / 1_000),
        ]
    return told
