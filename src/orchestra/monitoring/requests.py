"""Counts the requests that the application answers: by route, method and status."""

from functools import cache
from typing import Final

from orchestra.instruments import counter, histogram, measure
from orchestra.security.answering import Answer, Scope
from orchestra.security.gateway import Measure

# All values are from small sets of ours, and yet more than a thousand together: one who tries every
# route makes 800 in a minute, and the first 500 of a route after that must not be lost in `other`.
_REQUESTS = counter("orchestra_http_requests_total", ("route", "method", "status"), most=10_000)
_SECONDS = histogram("orchestra_http_seconds", ("route",))
_STREAMS = measure("orchestra_http_streams")
_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
NO_ROUTE: Final = "none"
FAILED: Final = 500
"""What the gateway answers when the application did not."""


class Measured(Measure):
    """Told by the gateway of each request that the application gets. Streams are not timed."""

    def __init__(self) -> None:
        self._streams = 0

    def begin(self, answer: Answer) -> None:
        """A request goes to the application."""
        answer.on_stream = self._stream

    def end(self, scope: Scope, answer: Answer, seconds: float) -> None:
        """It was answered, as `answer` says."""
        if scope["type"] != "http":
            return
        # Litestar writes it into the scope when it has found the route.
        route, method = scope.get("path_template") or NO_ROUTE, scope["method"]
        known = method if method in _METHODS else "other"
        _REQUESTS.add(1, route, known, _text(answer.status or FAILED))
        if answer.streams:
            self._stream(-1)
        else:
            _SECONDS.observe(seconds, route)

    def _stream(self, change: int = 1) -> None:
        self._streams += change
        _STREAMS.set(self._streams)


@cache
def _text(status: int) -> str:
    return str(status)
