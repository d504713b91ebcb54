"""Counts the requests that the application answers: by route, method and status."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final

from orchestra.clock import Clock
from orchestra.instruments import counter, histogram, measure
from orchestra.security.answering import Answer

Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

# All values are from small sets of ours, and yet more than a thousand together: one who tries every
# route makes 800 in a minute, and the first 500 of a route after that must not be lost in `other`.
_REQUESTS = counter("orchestra_http_requests_total", ("route", "method", "status"), most=10_000)
_SECONDS = histogram("orchestra_http_seconds", ("route",))
_STREAMS = measure("orchestra_http_streams")
_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
NO_ROUTE: Final = "none"
FAILED: Final = 500
"""What the gateway answers when the application did not."""


class Measured:
    """An application within the gateway. Streams are counted, and not timed."""

    def __init__(self, application: Application, clock: Clock) -> None:
        self._application, self._clock = application, clock
        self._streams = 0

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """One request. What was answered is read from the gateway's `Answer`: wrapping `send`
        once more would cost more than all that is counted here.
        """
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        answer: Answer = scope["answer"]
        answer.on_stream = self._stream
        began = self._clock.monotonic()
        try:
            await self._application(scope, receive, send)
        finally:
            # Litestar writes it into the scope when it has found the route.
            route, method = scope.get("path_template") or NO_ROUTE, scope["method"]
            known = method if method in _METHODS else "other"
            _REQUESTS.add(1, route, known, _text(answer.status or FAILED))
            if answer.streams:
                self._stream(-1)
            else:
                _SECONDS.observe(self._clock.monotonic() - began, route)

    def _stream(self, change: int = 1) -> None:
        self._streams += change
        _STREAMS.set(self._streams)


@cache
def _text(status: int) -> str:
    return str(status)
