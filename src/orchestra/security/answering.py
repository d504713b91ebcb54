"""Answers, as every one of them leaves: with the headers that all have, while the key stands."""

import html
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from orchestra import problems
from orchestra.errors import Misdirected, OrchestraError
from orchestra.security.lasting import Lasting, Over

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Header = tuple[bytes, bytes]

SOCKET_OVER: Final = 4_401
SWITCHED: Final = 101
STREAM: Final = b"text/event-stream"
CONTENT_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'"
)


class Answer:
    """One answer, with the headers that every answer has.

    `status` is 0 until it has started. `on_stream` is told when it turns out to be a stream.
    """

    __slots__ = (
        "_always", "_request_id", "_send", "lasting", "on_stream", "over", "status", "streams",
    )  # fmt: skip

    def __init__(self, send: Send, request_id: str, always: tuple[Header, ...]) -> None:
        self._send, self._request_id, self._always = send, request_id, always
        self.status = 0
        self.streams = self.over = False
        self.lasting: Lasting | None = None
        self.on_stream: Callable[[], None] | None = None

    @property
    def started(self) -> bool:
        """Whether it is too late for another one."""
        return self.status > 0

    async def send(self, message: Message) -> None:
        """Pass a message on to the server."""
        if message["type"] == "http.response.start":
            self._start(message)
        elif message["type"] == "websocket.accept":
            self.status = SWITCHED
            headers = [*message.get("headers", ()), *self._always]
            message["headers"] = [*headers, (b"x-request-id", self._request_id.encode())]
        elif message["type"] == "websocket.send" and await self._is_over():
            await self._send({"type": "websocket.close", "code": SOCKET_OVER})
            raise Over
        elif message.get("more_body") and self.lasting and not await self.lasting.holds():
            self.over = True
            await self._send({"type": "http.response.body", "body": b""})
            raise Over
        await self._send(message)

    def _start(self, message: Message) -> None:
        headers: list[Header] = [*message.get("headers", ()), *self._always]
        named = dict(headers)
        if b"content-security-policy" not in named:
            headers.append((b"content-security-policy", CONTENT_POLICY))
        if b"cache-control" not in named:
            headers.append((b"cache-control", b"no-store"))
        headers.append((b"x-request-id", self._request_id.encode()))
        message["headers"] = headers
        self.status = int(message["status"])
        if named.get(b"content-type", b"").startswith(STREAM):
            self.streams = True
            if self.on_stream is not None:
                self.on_stream()

    async def _is_over(self) -> bool:
        self.over = self.lasting is not None and not await self.lasting.holds()
        return self.over

    async def problem(self, error: OrchestraError) -> None:
        """Refuse. A Host that is not ours learns nothing, not even that there is a problem."""
        more = [(name.encode(), value.encode()) for name, value in problems.headers(error)]
        if isinstance(error, Misdirected):
            await self._whole(error.status, b"", more)
            return
        more.append((b"content-type", problems.MEDIA_TYPE.encode()))
        await self._whole(error.status, problems.document(error, self._request_id), more)

    async def link(self, scope: Scope) -> None:
        """For a person who followed a link from elsewhere: one to click, which is same-origin."""
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        target = html.escape("/" + raw.decode("latin-1").lstrip("/") + query)
        page = (
            "<!doctype html><title>Go on?</title><p>Another site sent you here. "
            f'<a href="{target}">Go on to this page</a></p>'
        )
        await self._whole(403, page.encode(), [(b"content-type", b"text/html; charset=utf-8")])

    async def _whole(self, status: int, body: bytes, headers: Iterable[Header]) -> None:
        length = (b"content-length", b"%d" % len(body))
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        )
        await self.send({"type": "http.response.body", "body": body})


def denial(send: Send) -> Send:
    """Answers of HTTP refuse a WebSocket; its own messages pass."""

    async def pass_on(message: Message) -> None:
        if message["type"].startswith("http.response."):
            message["type"] = f"websocket.{message['type']}"
        await send(message)

    return pass_on
