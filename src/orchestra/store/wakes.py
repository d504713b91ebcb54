"""Wake-ups: one more connection to every primary, subscribed to the channels in its slots."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

import hiredis
import structlog

from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.store.endpoints import Address, streams
from orchestra.store.failures import ReplyLost, failure
from orchestra.store.mux import Reply, pack
from orchestra.store.partitions import slot
from orchestra.store.primaries import Primaries

log = structlog.get_logger(__name__)

Handler: TypeAlias = Callable[[int, bytes], None]
Heard: TypeAlias = Callable[[bytes], None]
"""Gets a message of its channel. Must be quick, and must not raise."""

_PING_S = 5.0
_RETRY_S = 1.0


class Topics:
    """Channels to be followed. They may come and go at any time, also while nobody follows."""

    def __init__(self, channels: Mapping[str, Heard] | None = None) -> None:
        self.wanted: dict[str, Heard] = dict(channels or {})
        self.changed = asyncio.Event()
        """Set when somebody must look anew which primaries are to be connected."""
        self.told: Callable[[str, str], bool] = _nobody

    def want(self, channel: str, heard: Heard) -> None:
        """Follow one more channel. Safe to repeat; the last `heard` is told."""
        known = channel in self.wanted
        self.wanted[channel] = heard
        if not known and not self.told("SSUBSCRIBE", channel):
            self.changed.set()

    def forget(self, channel: str) -> None:
        """Follow a channel no longer. Safe to repeat."""
        if self.wanted.pop(channel, None) is not None:
            self.told("SUNSUBSCRIBE", channel)

    def heard(self, channel: bytes, message: bytes) -> None:
        """A message came."""
        handler = self.wanted.get(channel.decode())
        if handler is not None:  # else it was forgotten meanwhile
            handler(message)


def _nobody(_command: str, _channel: str) -> bool:
    return False


async def listen(primaries: Primaries, topics: Topics, chance: Random) -> None:
    """Until cancelled: tells every message in the channels of `topics`, to whom they belong.

    A lost connection or a moved slot loses messages and is made good within about a second.
    Without a channel there is no connection.
    """
    following = _Following(primaries, topics, chance)
    primaries.on_change(topics.changed.set)
    topics.told = following.tell
    try:
        while True:
            topics.changed.clear()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(following.follow(address))
                    for address in following.addresses()
                ]
                await topics.changed.wait()
                for task in tasks:
                    task.cancel()
    finally:
        topics.told = _nobody


class _Following:
    """The connections there are, and what was asked of each."""

    def __init__(self, primaries: Primaries, topics: Topics, chance: Random) -> None:
        self._primaries, self._topics, self._chance = primaries, topics, chance
        self._followed: set[Address] = set()
        self._writers: dict[Address, asyncio.StreamWriter] = {}

    def addresses(self) -> set[Address]:
        """Every primary that has one of the channels in its slots."""
        found = {self._primaries.address(slot(channel)) for channel in self._topics.wanted}
        self._followed = {address for address in found if address is not None}
        return self._followed

    def tell(self, command: str, channel: str) -> bool:
        """Pass a wish on, if there is a connection for it. False: somebody must make one."""
        address = self._primaries.address(slot(channel))
        writer = self._writers.get(address) if address is not None else None
        if writer is not None:
            writer.write(pack((command, channel)))
        return address in self._followed  # not connected yet: it will ask for all there are

    async def follow(self, address: Address) -> None:
        """One connection, again and again."""
        while True:
            try:
                await self._subscribed(address)
            except (OSError, TimeoutError, OrchestraError) as error:
                log.debug("store.wakes_lost", reason=str(error))
            await asyncio.sleep(_RETRY_S * (0.2 + self._chance.random()))

    async def _subscribed(self, address: Address) -> None:
        access = self._primaries.location.access
        async with asyncio.timeout(_PING_S):
            stream, writer = await streams(address, access)
        try:
            # One command a channel: in a cluster each is in a slot of its own.
            mine = [
                channel
                for channel in self._topics.wanted
                if self._primaries.address(slot(channel)) == address
            ]
            commands = (
                *access.hello("orchestra-wakes"),
                *(("SSUBSCRIBE", channel) for channel in mine),
            )
            writer.write(b"".join(map(pack, commands)))
            self._writers[address] = writer
            await self._read(stream, writer)
        finally:
            self._writers.pop(address, None)
            writer.close()

    async def _read(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader, silent = hiredis.Reader(replyError=failure), 0
        while True:
            try:
                async with asyncio.timeout(_PING_S):
                    data = await stream.read(65_536)
            except TimeoutError:
                silent += 1
                if silent > 2:
                    raise
                writer.write(pack(("PING",)))
                continue
            if not data:
                raise ReplyLost
            silent = 0
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                if isinstance(reply, Exception):
                    raise reply
                kind, name, message = _push(reply)
                if kind == b"smessage":
                    self._topics.heard(name, message)


def _push(reply: Reply) -> tuple[bytes, bytes, bytes]:
    """["smessage", channel, message]; whatever else arrives says nothing we need."""
    if not isinstance(reply, list) or len(cast("list[bytes]", reply)) != 3:
        return b"", b"", b""
    kind, name, message = cast("list[bytes]", reply)
    return kind, name, message
