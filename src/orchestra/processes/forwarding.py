"""The edge: requests for a module that runs elsewhere go to a process that has it, and back.

Answers come in parts as they are made, so streams are streams here, too.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Any, Final

import anyio
import msgspec
import structlog

from orchestra import problems, tracing
from orchestra.bus.requests import Asking, NobodyServes, ProviderLost, Requests
from orchestra.errors import OrchestraError, Unavailable
from orchestra.processes.envelope import Asked, Forwarded, Head, Seal
from orchestra.security.local_trust import Mode

log = structlog.get_logger(__name__)

ANSWER_MS: Final = 3_600_000
"""Of one request, streams included: those end by themselves before."""
TRY_AGAIN_LATER: Final = 1013
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
TOKENS: Final = (b"bearer orc_task_", b"bearer orc_pull_")
"""Credentials that handlers judge. Keys stay here: they were judged."""

Application = Callable[[Any, Any, Any], Any]


class ModuleAway(Unavailable):
    """No process that runs has the module of this route. Context: `module`."""


class ModuleElsewhere(Unavailable):
    """Another process has the module, and this cannot be forwarded. Context: `module`."""


class Road(msgspec.Struct):
    """What forwarding needs, once the parts are known."""

    requests: Requests
    body_max_bytes: int
    seal: Seal | None = None
    mode: Mode = "required"


def subject_of(module: str) -> str:
    """What a process serves that answers HTTP requests for a module."""
    return f"http.{module}"


def forwarded(module: str, road: Road) -> Application:
    """An ASGI application that asks a process with `module`."""
    there = _Forwarding(module, road)

    async def forward(scope: Any, receive: Any, send: Any) -> None:
        await there.forward(scope, receive, send)

    return forward  # a function: Litestar copies whatever else it is given


def in_front(forward: Application) -> Callable[[Application], Application]:
    """The same as middleware, in front of handlers that are never reached."""

    def middleware(app: Application) -> Application:  # noqa: ARG001  # by this name
        return forward

    return middleware


class _Forwarding:
    def __init__(self, module: str, road: Road) -> None:
        self._module, self._road = module, road

    async def forward(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            await receive()  # websocket.connect
            await _deny(scope, send, self._module)
            return
        try:
            if scope.get("forwarded"):  # whoever sent it believes that the module is here
                raise self._away()
            body = await read_whole(receive, self._road.body_max_bytes)
            forwarded = self._sealed(scope, body)
        except OrchestraError as error:
            await refuse(scope, send, error)
            return
        async with anyio.create_task_group() as group:
            group.start_soon(_until_left, receive, group.cancel_scope)
            await self._answered(forwarded, scope, send)
            group.cancel_scope.cancel()

    async def _answered(self, forwarded: Forwarded, scope: Any, send: Any) -> None:
        asked, started = forwarded.asked, False
        keyed = any(name == b"idempotency-key" for name, _ in asked.headers)
        wish = Asking(
            repeatable=asked.method in SAFE or keyed,
            losses_max=3,
            about={"request_id": scope["request_id"]},
        )
        parts = self._road.requests.request_parts(
            subject_of(self._module), forwarded, ANSWER_MS, wish
        )
        try:
            async with contextlib.aclosing(messages(parts)) as answer:
                async for message in answer:
                    await send(message)
                    started = True
        except OrchestraError as error:
            if not started:
                await refuse(scope, send, self._away() if _is_away(error) else error)
                return
            # A client of a stream comes again and goes on; any other sees that there is more.
            log.info("forwarding.broken", module=self._module, reason=error.code)
            if not _is_stream(scope):
                raise

    def _away(self) -> ModuleAway:
        told = f"the module {self._module} runs in no process now"
        return ModuleAway(told, module=self._module, retry_after_ms=1_000)

    def _sealed(self, scope: Any, body: bytes) -> Forwarded:
        road = self._road
        if road.seal is None:
            raise self._away()
        asked = Asked(
            id=scope["request_id"],
            sent_ms=road.seal.now_ms(),
            module=self._module,
            mode=road.mode,
            principal=scope.get("principal"),
            method=scope["method"],
            scheme=scope["scheme"],
            path=scope["path"],
            raw_path=scope.get("raw_path") or b"",
            query=scope["query_string"],
            headers=_headers(scope["headers"]),
            client=_address(scope.get("client")),
            server=_address(scope.get("server")),
            body=body,
        )
        return road.seal.sealed(asked)


async def messages(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[Any, None]:
    """The ASGI messages of an answer in parts."""
    async with contextlib.aclosing(parts):
        async for message in _messages(parts):
            yield message


async def _messages(parts: AsyncGenerator[bytes, None]) -> AsyncIterator[Any]:
    head = msgspec.msgpack.decode(await anext(parts), type=Head)
    yield {"type": "http.response.start", "status": head.status, "headers": [*head.headers]}
    yield {"type": "http.response.body", "body": head.body, "more_body": not head.whole}
    if head.whole:  # that the handler has ended is news to nobody
        with contextlib.suppress(OrchestraError):
            async for _ in parts:
                pass
        return
    async for part in parts:
        yield {"type": "http.response.body", "body": part, "more_body": True}
    yield {"type": "http.response.body", "body": b"", "more_body": False}


async def read_whole(receive: Any, limit: int) -> bytes:
    """The body. Raises BodyTooLarge."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
        size += len(pieces[-1])
        if size > limit:
            raise problems.BodyTooLarge("the body is too long", limit_bytes=limit)
    return b"".join(pieces)


async def refuse(scope: Any, send: Any, error: OrchestraError) -> None:
    """A problem document."""
    body = problems.document(error, scope["request_id"])
    headers = [(name.encode(), value.encode()) for name, value in problems.headers(error)]
    headers += [(b"content-type", problems.MEDIA_TYPE.encode())]
    headers += [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _deny(scope: Any, send: Any, module: str) -> None:
    """No WebSocket here: as a problem, where the server can say so before the handshake."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": module})
        return
    told = f"WebSockets are not forwarded: ask a process with the module {module}"
    error = ModuleElsewhere(told, module=module, retry_after_ms=1_000)
    body = problems.document(error, scope["request_id"])
    headers = [(name.encode(), value.encode()) for name, value in problems.headers(error)]
    headers += [(b"content-type", problems.MEDIA_TYPE.encode())]
    start = {"type": "websocket.http.response.start", "status": error.status}
    await send(start | {"headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


async def _until_left(receive: Any, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _is_away(error: OrchestraError) -> bool:
    return isinstance(error, NobodyServes | ProviderLost)


def _is_stream(scope: Any) -> bool:
    return any(name == b"accept" and b"event-stream" in value for name, value in scope["headers"])


def _headers(given: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """What goes along, and the trace at the span that is open here."""
    here = ((name.encode(), text.encode("latin-1")) for name, text in tracing.header().items())
    return (*(one for one in given if _goes_along(*one)), *here)


def _goes_along(name: bytes, value: bytes) -> bool:
    if name == b"authorization":
        return value.lower().startswith(TOKENS)
    return name not in (b"x-api-key", b"cookie", b"traceparent", b"tracestate")


def _address(given: Any) -> tuple[str, int] | None:
    return (str(given[0]), int(given[1])) if given else None
