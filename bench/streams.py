"""What following events costs: 1,000 streams that are told nothing, and some that are told all.

Streams are bare connections of this process, so that its own work stays small. The events are
published by a call each, at a steady rate; an event says when it was published.
"""

import asyncio
import functools
import json
import time
from pathlib import Path
from typing import Any

from bench.events import quantiles
from bench.machine import fsync_ms, rss_kib
from bench.serving import Served, served

NAME = "E2"
STREAMS, TOLD = 1_000, 20
EVENTS, RATE = 1_000, 50
ROUND = 100
"""So many connect at once."""
OPTIONS = ("--streams-max", "4000", "--streams-each-max", "4000", "--monitoring", "off")
ASKED = (
    "GET /api/events/stream?types={types} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Accept: text/event-stream\r\n\r\n"
)
SENT = (
    "POST /api/events/publish HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of E2."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    with served(place, durability, options=OPTIONS) as server:
        line = asyncio.run(_measure(server, STREAMS // part, EVENTS // part))
    return {
        "scenario": NAME,
        "what": f"{TOLD} of {STREAMS // part} streams are told {RATE} events a second",
        "durability": {"appendfsync": mode},
        **line,
        "fsync_ms": disk_ms,
    }


async def _measure(server: Served, streams: int, events: int) -> dict[str, Any]:
    warm = [await _opened(server.port, "quiet.warm") for _ in range(ROUND // 2)]
    before = rss_kib(server.pid)
    idle: list[_Stream] = []
    for _ in range(0, streams - TOLD, ROUND):
        idle += await asyncio.gather(*[_opened(server.port, "quiet.*") for _ in range(ROUND)])
    each = (rss_kib(server.pid) - before) / len(idle)
    told = [await _opened(server.port, "bench.*") for _ in range(TOLD)]
    async with asyncio.TaskGroup() as group:
        got = [group.create_task(one.events(events)) for one in told]
        publish = functools.partial(_publish, *await _connection(server.port), server.port)
        began = time.monotonic()
        for n in range(events):
            await asyncio.sleep(max(0.0, began + n / RATE - time.monotonic()))
            await publish()
    for one in (*warm, *idle, *told):
        one.close()
    return {
        "streams": len(idle) + TOLD,
        "kib_per_idle_stream": round(each, 1),
        "events": events,
        "publish_to_receipt_ms": quantiles([ms for one in got for ms in one.result()]),
    }


class _Stream:
    """One client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def events(self, count: int) -> list[float]:
        """Milliseconds from publishing to receipt, of so many."""
        took: list[float] = []
        while len(took) < count:
            line = await self._reader.readline()
            if not line:
                raise RuntimeError(f"the stream ended after {len(took)} of {count} events")
            if line.startswith(b"data:"):
                sent = json.loads(line[5:])["data"]["sent"]
                took.append((time.monotonic() - sent) * 1_000)
        return took

    def close(self) -> None:
        """Leave."""
        self._writer.close()


async def _connection(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def _opened(port: int, types: str) -> _Stream:
    """A stream whose first bytes are here."""
    reader, writer = await _connection(port)
    writer.write(ASKED.format(types=types, port=port).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(f"no stream: {head!r}")
    await reader.readuntil(b"\n\n")
    return _Stream(reader, writer)


async def _publish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    told = {"event_type": "bench.event", "source_service": "bench", "source_id": "one"}
    body = json.dumps({**told, "payload": {"sent": time.monotonic()}}).encode()
    writer.write(SENT.format(port=port, length=len(body)).encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 202 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(f"not published: {head!r}")
    length = next(one for one in head.lower().split(b"\r\n") if one.startswith(b"content-length"))
    await reader.readexactly(int(length.partition(b":")[2]))
