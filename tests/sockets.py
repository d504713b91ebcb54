"""A WebSocket client for tests: what the server says, and how it refuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import msgspec
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

WITHIN_S = 60.0


class Socket:
    """One connection. `status` is 101 once it is a WebSocket; else see `refusal`."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream, self._ws = stream, WSConnection(ConnectionType.CLIENT)
        self.status, self.refusal = 0, b""
        self.closed: tuple[int, str | None] | None = None
        self._texts: list[str] = []
        self._part = ""

    async def begin(self, host: str, target: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Ask for it, and wait for the answer."""
        request = Request(host=host, target=target, extra_headers=headers)
        await self._stream.send(self._ws.send(request))
        with anyio.fail_after(WITHIN_S):
            while not self.status or (self.status != 101 and self.closed is None):
                await self._read()

    async def say(self, text: str) -> None:
        """One message."""
        await self._stream.send(self._ws.send(TextMessage(text)))

    async def part(self) -> Any:
        """The next message; None when the server has closed."""
        with anyio.fail_after(WITHIN_S):
            while not self._texts and self.closed is None:
                await self._read()
        return msgspec.json.decode(self._texts.pop(0)) if self._texts else None

    async def until(self, kind: str) -> Any:
        """The next one of this kind."""
        while (part := await self.part()) is not None:
            if part["kind"] == kind:
                return part
        raise AssertionError(f"closed: {self.closed}")

    async def _read(self) -> None:
        try:
            self._ws.receive_data(await self._stream.receive())
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            self.closed = self.closed or (0, None)
            return
        for event in self._ws.events():
            match event:
                case AcceptConnection():
                    self.status = 101
                case RejectConnection():
                    self.status = event.status_code
                    self.closed = self.closed if event.has_body else (0, None)
                case RejectData():
                    self.refusal += bytes(event.data)
                    self.closed = (0, None) if event.body_finished else None
                case TextMessage():
                    self._part += event.data
                    if event.message_finished:
                        self._texts.append(self._part)
                        self._part = ""
                case CloseConnection():
                    self.closed = (event.code, event.reason)
                case Ping():
                    await self._stream.send(self._ws.send(event.response()))
                case _:
                    pass


@asynccontextmanager
async def a_socket(
    url: str, target: str = "/api/events/ws", host: str = "", **headers: str
) -> AsyncIterator[Socket]:
    """A connection to the server at `url`."""
    name, _, port = url.removeprefix("http://").partition(":")
    stream = await anyio.connect_tcp(name, int(port))
    async with stream:
        socket = Socket(stream)
        fields = [(one.replace("_", "-").encode(), text.encode()) for one, text in headers.items()]
        await socket.begin(host or f"{name}:{port}", target, fields)
        yield socket
