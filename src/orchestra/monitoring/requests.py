"""Counts the requests that the application answers: by route, method and status."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final

from orchestra.clock import Clock
from orchestra.instruments import counter, histogram, measure

Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_REQUESTS = counter("orchestra_http_requests_total", ("route", "method", "status"))
_SECONDS = histogram("orchestra_http_seconds", ("route",))
_STREAMS = measure("orchestra_http_streams")
_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
NO_ROUTE: Final = "none"
_STREAM: Final = b"text/event-stream"


class Measured:
    """An application around another one. Streams are counted, and not timed."""

    def __init__(self, application: Application, clock: Clock) -> None:
        self._application, self._clock = application, clock
        self._streams = 0

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began = self._clock.monotonic()
        head: Any = None
        streams = False

        async def told(message: Any) -> None:
            nonlocal head, streams
            if head is None and message["type"] == "http.response.start":
                head = message
                for name, value in message.get("headers", ()):
                    if name == b"content-type":
                        streams = value.startswith(_STREAM)
                        self._stream(1 if streams else 0)
                        break
            await send(message)

        try:
            await self._application(scope, receive, told)
        finally:
            # Litestar writes it into the scope when it has found the route.
            route, method = scope.get("path_template") or NO_ROUTE, scope["method"]
            status = _text(head["status"]) if head is not None else "500"
            _REQUESTS.add(1, route, method if method in _METHODS else "other", status)
            if streams:
                self._stream(-1)
            else:
                _SECONDS.observe(self._clock.monotonic() - began, route)

    def _stream(self, change: int) -> None:
        if change:
            self._streams += change
            _STREAMS.set(self._streams)


@cache
def _text(status: int) -> str:
    return str(int(status))
