"""Tails: what is appended to streams, as it is appended, over one more connection a primary.

A server alone is asked for all its streams at once and answers when something was appended. In a
cluster streams of different slots cannot be asked for together: there each slot is asked in turn,
unless there is only one.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, cast

import hiredis
import structlog

from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.store.endpoints import Address, streams
from orchestra.store.failures import ReplyLost, failure
from orchestra.store.mux import Reply, Word, pack
from orchestra.store.partitions import slot
from orchestra.store.primaries import Primaries

log = structlog.get_logger(__name__)

Entry: TypeAlias = "tuple[str, Mapping[str, bytes]]"
"""Position `ms-seq`, and the fields."""
Raw: TypeAlias = "tuple[bytes, list[bytes]]"
"""An entry as it came: position, then names and values by turns."""
Arrived: TypeAlias = "Callable[[str, Sequence[Raw]], None]"
"""Gets entries as they came: not everybody looks at every one (`entries` reads them)."""

START = "0-0"
_BLOCK_MS = 1_000
_BATCH = 500
_TURN_S = 0.05
_IDLE_S = 0.2
_RETRY_S = 1.0


class Tail:
    """Streams that are followed, and how far each was read. Streams may be added at any time."""

    def __init__(self, arrived: Arrived, rest_s: float = 0.0) -> None:
        self.arrived = arrived
        self.positions: dict[str, str] = {}
        self.rest_s = rest_s
        """After what nobody waits for nothing is asked for so long: questions cost, too."""
        self.wanted = False
        """Set by `arrived` when somebody waits for what came."""

    def follow(self, key: str, position: str) -> None:
        """Follow a stream behind `position`. One that is followed goes on where it was."""
        self.positions.setdefault(key, position)

    def forget(self, keys: Iterable[str]) -> None:
        """Follow these no longer."""
        for key in keys:
            self.positions.pop(key, None)

    def take(self, reply: Reply, asked: Mapping[str, str]) -> bool:
        """Hand on what a server answered, then move on behind it. Whether there was anything.

        `asked`: the positions it was asked with. A stream that was moved meanwhile is asked again.
        """
        for name, raw in cast("list[tuple[bytes, list[Raw]]]", reply or ()):
            key = name.decode()
            if raw and key in self.positions and self.positions[key] == asked[key]:
                self.arrived(key, raw)
                self.positions[key] = raw[-1][0].decode()
        return bool(reply)


def entries(raw: Iterable[Raw]) -> list[Entry]:
    """The entries of a stream, as XRANGE and XREAD answer."""
    return [
        (
            position.decode(),
            {name.decode(): value for name, value in zip(fields[::2], fields[1::2], strict=True)},
        )
        for position, fields in raw
    ]


async def follow(primaries: Primaries, tail: Tail, chance: Random) -> None:
    """Until cancelled: hand on what is appended. A lost connection loses nothing."""
    changed = asyncio.Event()
    primaries.on_change(changed.set)
    while True:
        changed.clear()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_kept(primaries, address, tail, chance))
                for address in primaries.addresses
            ]
            await changed.wait()
            for task in tasks:
                task.cancel()


async def _kept(primaries: Primaries, address: Address, tail: Tail, chance: Random) -> None:
    while True:
        try:
            await _connected(primaries, address, tail)
        except (OSError, TimeoutError, OrchestraError) as error:
            log.debug("store.tail_lost", reason=str(error))
        await asyncio.sleep(_RETRY_S * (0.2 + chance.random()))


async def _connected(primaries: Primaries, address: Address, tail: Tail) -> None:
    access = primaries.location.access
    async with asyncio.timeout(5.0):
        stream, writer = await streams(address, access)
    try:
        line = _Line(stream, writer)
        await line.ask(access.hello("orchestra-tail"))
        while True:
            commands = _commands(primaries, address, tail)
            if not commands:
                await asyncio.sleep(_IDLE_S)
                continue
            asked = dict(tail.positions)
            replies = await line.ask(commands)
            tail.wanted = False
            found = [tail.take(reply, asked) for reply in replies]
            if any(found):
                if not tail.wanted and tail.rest_s:
                    await asyncio.sleep(tail.rest_s)
            elif len(commands) != 1 or "BLOCK" not in commands[0]:
                await asyncio.sleep(_TURN_S)
    finally:
        writer.close()


def _commands(primaries: Primaries, address: Address, tail: Tail) -> list[tuple[Word, ...]]:
    """One question for all streams of a lone server, one a slot in a cluster."""
    cluster = primaries.location.kind == "cluster"
    groups: dict[int, list[str]] = {}
    for key in tail.positions:
        number = slot(key)
        if primaries.address(number) == address:
            groups.setdefault(number if cluster else 0, []).append(key)
    wait: tuple[Word, ...] = () if len(groups) > 1 else ("BLOCK", _BLOCK_MS)
    return [
        ("XREAD", "COUNT", _BATCH, *wait, "STREAMS", *keys, *(tail.positions[key] for key in keys))
        for keys in groups.values()
    ]


class _Line:
    """One connection, one batch of commands after the other."""

    def __init__(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._stream, self._writer = stream, writer
        self._reader = hiredis.Reader(replyError=failure)

    async def ask(self, commands: Sequence[tuple[Word, ...]]) -> list[Reply]:
        """Their replies. Raises what an error reply means, ReplyLost, TimeoutError."""
        self._writer.write(b"".join(map(pack, commands)))
        replies: list[Reply] = []
        while len(replies) < len(commands):
            async with asyncio.timeout(_BLOCK_MS / 1_000 + 4.0):
                data = await self._stream.read(262_144)
            if not data:
                raise ReplyLost
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                if isinstance(reply, Exception):
                    raise reply
                replies.append(reply)
        return replies
