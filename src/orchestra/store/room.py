"""Whether there is room for new work, so that work that runs can always end."""

import asyncio

import structlog

from orchestra.errors import OrchestraError
from orchestra.store.embedded import Server
from orchestra.store.failures import StoreDiskFull, StoreFull
from orchestra.store.mux import Reply
from orchestra.store.primaries import Primaries

log = structlog.get_logger(__name__)

_LOOK_S = 1.0
_FULL_SHARE = 0.85


class Room:
    """Looks at memory and disk each second. The server itself refuses only at 100 %."""

    def __init__(self, primaries: Primaries, server: Server | None = None) -> None:
        self._primaries, self._server = primaries, server
        self._memory_full = False
        self.memory: tuple[int, int] | None = None
        """Bytes used and allowed (0: no limit) of the primary that is fullest; None: not known."""

    def admit(self) -> None:
        """Raises StoreFull or StoreDiskFull when no new work may come in."""
        if self._memory_full:
            raise StoreFull
        if self._server is not None and not self._server.has_room:
            raise StoreDiskFull

    async def watch(self) -> None:
        """Until cancelled: keep the answer fresh."""
        while True:
            full, found = False, list[tuple[int, int]]()
            for node in self._primaries.nodes():
                try:
                    found.append(_memory(await node.read.call("INFO", "memory")))
                    full |= _share(found[-1]) > _FULL_SHARE
                except OrchestraError:
                    full |= self._memory_full  # away: what was true a second ago still is
            self.memory = max(found, key=lambda one: (_share(one), one[0]), default=None)
            if full != self._memory_full:
                log.warning("store.memory_full_changed", full=full)
            self._memory_full = full
            await asyncio.sleep(_LOOK_S)


def _memory(info: Reply) -> tuple[int, int]:
    """Bytes used, and maxmemory; 0 when there is no limit."""
    facts: dict[bytes, bytes] = dict(
        line.split(b":", 1) for line in info.splitlines() if b":" in line
    )
    return int(facts.get(b"used_memory", 0)), int(facts.get(b"maxmemory", 0))


def _share(memory: tuple[int, int]) -> float:
    used, limit = memory
    return used / limit if limit else 0.0
