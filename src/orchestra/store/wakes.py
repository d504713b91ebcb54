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

_PING_S = 5.0
_RETRY_S = 1.0


async def listen(
    primaries: Primaries, channels: Mapping[str, int], handler: Handler, chance: Random
) -> None:
    """Until cancelled: `handler(number, message)` for every message in `channels`.

    A lost connection or a moved slot loses messages and is made good within about a second.
    """
    changed = asyncio.Event()
    primaries.on_change(changed.set)
    while True:
        changed.clear()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_follow(primaries, address, mine, handler, chance))
                for address, mine in _by_primary(primaries, channels).items()
            ]
            await changed.wait()
            for task in tasks:
                task.cancel()


def _by_primary(primaries: Primaries, channels: Mapping[str, int]) -> dict[Address, dict[str, int]]:
    found: dict[Address, dict[str, int]] = {}
    for channel, number in channels.items():
        address = primaries.address(slot(channel))
        if address is not None:
            found.setdefault(address, {})[channel] = number
    return found


async def _follow(
    primaries: Primaries,
    address: Address,
    channels: Mapping[str, int],
    handler: Handler,
    chance: Random,
) -> None:
    while True:
        try:
            await _subscribed(primaries, address, channels, handler)
        except (OSError, TimeoutError, OrchestraError) as error:
            log.debug("store.wakes_lost", reason=str(error))
        await asyncio.sleep(_RETRY_S * (0.2 + chance.random()))


async def _subscribed(
    primaries: Primaries, address: Address, channels: Mapping[str, int], handler: Handler
) -> None:
    access = primaries.location.access
    async with asyncio.timeout(_PING_S):
        stream, writer = await streams(address, access)
    try:
        # One command a channel: in a cluster each is in a slot of its own.
        commands = (*access.hello("orchestra-wakes"), *(("SSUBSCRIBE", name) for name in channels))
        writer.write(b"".join(map(pack, commands)))
        numbers = {name.encode(): number for name, number in channels.items()}
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
                    handler(numbers[name], message)
    finally:
        writer.close()


def _push(reply: Reply) -> tuple[bytes, bytes, bytes]:
    """["smessage", channel, message]; whatever else arrives says nothing we need."""
    if not isinstance(reply, list) or len(cast("list[bytes]", reply)) != 3:
        return b"", b"", b""
    kind, name, message = cast("list[bytes]", reply)
    return kind, name, message
