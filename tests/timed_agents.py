"""HTTP agents with a speed of their own that count, themselves, what they do at once.

In this process: `async with timed([...]) as agents`. In one of its own, to be killed:
`python timed_agents.py PORT SECONDS`.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import cast

BODY = b'{"status":"completed","output":{"done":true}}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
) + BODY


@dataclass
class Timed:
    """One agent: a task takes it `seconds`, and it should never do more than `places` at once."""

    name: str
    seconds: float
    places: int
    port: int = 0
    inside: int = 0
    most: int = 0
    done: int = 0
    busy_s: float = 0.0
    came: list[float] = field(default_factory=list[float])

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}/run"

    @property
    def took_s(self) -> float:
        """What a task took it, on average."""
        return self.busy_s / max(1, self.done)


class Door(asyncio.Protocol):
    """Reads requests, and answers each when its time is over, whoever still listens."""

    def __init__(self, agent: Timed) -> None:
        self._agent, self._buffer, self._needed = agent, b"", 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self._buffer[:head].lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head + 4 + length:
            return
        self._buffer = self._buffer[head + 4 + length :]
        if not lower.startswith(b"post "):
            if self._transport is not None:  # no health check here: only real tasks say how it is
                self._transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        agent = self._agent
        agent.inside += 1
        agent.most = max(agent.most, agent.inside)
        agent.came.append(time.monotonic())
        asyncio.get_running_loop().call_later(agent.seconds, self._answer, time.monotonic())

    def _answer(self, came: float) -> None:
        agent = self._agent
        agent.inside -= 1
        agent.done += 1
        agent.busy_s += time.monotonic() - came
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)


@contextlib.asynccontextmanager
async def timed(agents: Iterable[Timed]) -> AsyncIterator[list[Timed]]:
    """All of them, each on a port."""
    loop, servers, running = asyncio.get_running_loop(), list[asyncio.Server](), list(agents)
    for agent in running:
        server = await loop.create_server(lambda agent=agent: Door(agent), "127.0.0.1", agent.port)
        agent.port = server.sockets[0].getsockname()[1]
        servers.append(server)
    try:
        yield running
    finally:
        for server in servers:
            server.close()


async def main(port: int, seconds: float) -> None:
    """One agent, until killed."""
    async with timed([Timed("one", seconds, 1_000, port)]):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
