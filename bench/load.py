"""A load generator that costs next to nothing: raw HTTP/1.1 over kept-alive connections.

Every connection has one request in flight. A request is bytes made beforehand; of an answer only
the status line, the length and the body's bytes are looked at. 15 to 25 µs of CPU a request on
the machine the targets are for, so that the client is never what is measured.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

_LENGTH = b"content-length:"


@dataclass
class Sample:
    """What happened to one request."""

    seconds: float
    status: int
    body: bytes


@dataclass
class Run:
    """A whole run: its samples in order of completion."""

    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """The `share` quantile of the latencies, in ms."""
        ordered = sorted(sample.seconds for sample in self.samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000


def request(method: str, host: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """Sends the next request when the answer of the last one is complete."""

    def __init__(self, take: Callable[[], bytes | None], done: Callable[[Sample], None]) -> None:
        self._take, self._done = take, done
        self._buffer, self._needed, self._began = b"", 0, 0.0
        self._busy = False
        self.transport: asyncio.Transport | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def go(self) -> None:
        """Send a request, if there is one left."""
        sent = self._take()
        if sent is not None:
            assert self.transport is not None
            self._busy, self._began = True, time.perf_counter()
            self.transport.write(sent)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._needed:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _content_length(self._buffer[:end])
        if len(self._buffer) < self._needed:
            return
        seconds = time.perf_counter() - self._began
        head_end = self._buffer.find(b"\r\n\r\n") + 4
        sample = Sample(seconds, int(self._buffer[9:12]), self._buffer[head_end : self._needed])
        self._buffer, self._needed, self._busy = b"", 0, False
        self._done(sample)
        self.go()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._busy:
            self._done(Sample(time.perf_counter() - self._began, 0, repr(exc).encode()))


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(_LENGTH)
    if at < 0:
        return 0
    return int(
        lower[at + len(_LENGTH) : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else None]
    )


def drive(port: int, requests: Sequence[bytes], concurrency: int, timeout_s: float = 120.0) -> Run:
    """Send all `requests` over `concurrency` connections; they are open before the clock starts."""
    return uvloop.run(_drive(port, requests, concurrency, timeout_s))


async def _drive(port: int, requests: Sequence[bytes], concurrency: int, timeout_s: float) -> Run:
    loop = asyncio.get_running_loop()
    left, run, finished = iter(requests), Run(), asyncio.Event()

    def take() -> bytes | None:
        return next(left, None)

    def done(sample: Sample) -> None:
        run.samples.append(sample)
        if len(run.samples) == len(requests):
            finished.set()

    connections: list[Connection] = []
    for _ in range(min(concurrency, len(requests))):
        _, protocol = await loop.create_connection(
            lambda: Connection(take, done), "127.0.0.1", port
        )
        connections.append(protocol)
    began = time.perf_counter()
    for connection in connections:
        connection.go()
    async with asyncio.timeout(timeout_s):
        await finished.wait()
    run.seconds = time.perf_counter() - began
    for connection in connections:
        assert connection.transport is not None
        connection.transport.close()
    return run
