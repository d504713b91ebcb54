"""Spans of HTTP requests: those that are answered here, and those that are sent from here.

Names and attributes are those of the conventions. No query, no body, no header is in them; of a
request that is sent not even the path, for that of a webhook is a secret.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from orchestra import conventions as names
from orchestra import tracing
from orchestra.tracing import Span, Value

Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

QUIET: Final = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""Asked every few seconds, by programs: nobody looks for them in traces."""
_METHODS: Final = frozenset(
    ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE")
)
_OTHER: Final = "_OTHER"


class Traced:
    """An application around another one: a span for each request, where spans are collected."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in QUIET or not tracing.collected():
            await self._application(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        known: dict[str, Value] = {
            names.HTTP_METHOD: method,
            names.URL_PATH: scope["path"],
            names.URL_SCHEME: scope["scheme"],
        }
        with tracing.span(method, "server", known) as span:
            if span is None:
                await self._application(scope, receive, send)
            else:
                await self._told(span, scope, receive, send)

    async def _told(self, span: Span, scope: Any, receive: Any, send: Send) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                status = int(message["status"])
                span.attributes[names.HTTP_STATUS] = status
                if status >= 500:
                    span.fail(str(status))
            await send(message)

        try:
            await self._application(scope, receive, told)
        finally:
            # Litestar writes it into the scope when it has found the route.
            route = scope.get("path_template")
            if route:
                span.name = f"{span.name} {route}"
                span.attributes[names.HTTP_ROUTE] = str(route)
            principal = scope.get("principal")
            if principal is not None:
                span.attributes[names.TENANT] = str(principal.tenant)
            span.attributes[names.REQUEST] = str(scope.get("request_id"))


def sent(
    method: str, host: str, port: int, headers: Mapping[str, str]
) -> tuple["AbstractContextManager[Span | None]", Mapping[str, str]]:
    """The span of a request that is sent, and what goes with it: the trace of what it is sent for.

    What belongs to no trace (looks at agents, discovery) begins none.
    """
    if tracing.current() is None:
        return tracing.NOTHING, headers
    if not tracing.collected():
        return tracing.NOTHING, {**tracing.header(), **headers}
    known: dict[str, Value] = {
        names.HTTP_METHOD: method,
        names.SERVER_ADDRESS: host,
        names.SERVER_PORT: port,
    }
    span = tracing.span(method, "client", known)
    if not isinstance(span, Span):
        return span, {**tracing.header(), **headers}
    return span, {**headers, **tracing.headers(span.trace)}


def answered(span: Span | None, status: int) -> None:
    """The head of the answer came."""
    if span is not None:
        span.attributes[names.HTTP_STATUS] = status
        if status >= 400:
            span.fail(str(status))
