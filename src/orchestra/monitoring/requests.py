"""Counts the requests that the application answers: by route, method and status."""

from collections.abc import Awaitable, Callable
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
        status, streams = 500, False

        async def told(message: Any) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                streams = any(
                    name == b"content-type" and value.startswith(_STREAM)
                    for name, value in message.get("headers", ())
                )
                self._stream(1 if streams else 0)
            await send(message)

        try:
            await self._application(scope, receive, told)
        finally:
            # Litestar writes it into the scope when it has found the route.
            route = scope.get("path_template") or NO_ROUTE
            method = scope["method"]
            _REQUESTS.add(1, route, method if method in _METHODS else "other", str(int(status)))
            self._stream(-1 if streams else 0)
            if not streams:
                _SECONDS.observe(self._clock.monotonic() - began, route)

    def _stream(self, change: int) -> None:
        if change:
            self._streams += change
            _STREAMS.set(self._streams)
