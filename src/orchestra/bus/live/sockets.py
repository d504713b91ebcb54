"""The live stream over a WebSocket: the same parts, one JSON text each.

Format: RFC 6455. `{"kind": "event", "event": …}`, `resync`, `heartbeat`, `position`; a `position`
member wherever there is one. A client says nothing but, first, who it is: `{"key": "orc_…"}`,
unless a header has said so.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
import msgspec

from orchestra import problems
from orchestra.bus import Beat, Event, Missed
from orchestra.bus.cloudevents import shown
from orchestra.bus.live.asking import checked
from orchestra.bus.live.places import Place
from orchestra.bus.live.streams import Filter, Live, Told
from orchestra.bus.positions import decoded
from orchestra.errors import Forbidden, Invalid, OrchestraError, Problem, TooMany, Unauthenticated
from orchestra.security import KEY_NEEDED, Permission, Principal

FIRST_S: Final = 5.0
UNKNOWN_MAX: Final = 50
"""Clients at once that have not said yet who they are."""
ENDED: Final = 1012
UNSUPPORTED: Final = 1003
REFUSED: Final = 4_000
"""And the status it would be over HTTP: 4401, 4403, 4429."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class UpgradeRequired(OrchestraError):
    """Asked without `Upgrade: websocket`, and there is nothing else here."""

    status = 426


class SocketsCrowded(TooMany):
    """Too many clients have not said who they are: come back later."""


class _Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str


class Sockets:
    """Answers `/api/events/ws`."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._unknown = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "websocket":
            raise UpgradeRequired("this is a WebSocket: ask with Upgrade: websocket")
        principal, place = scope.get("principal"), None
        await receive()  # websocket.connect
        try:
            wanted, since = _asked(scope)
            if isinstance(principal, Principal):
                place = await self._place(principal)
            elif self._unknown >= UNKNOWN_MAX:
                raise SocketsCrowded("too many clients have not said who they are")
        except OrchestraError as refused:
            await _deny(send, refused, scope)
            return
        await send({"type": "websocket.accept"})
        if place is None:
            place = await self._introduced(scope, receive, send)
        if place is not None:
            await self._talk(place, (wanted, since), receive, send)

    async def _introduced(self, scope: Scope, receive: Receive, send: Send) -> Place | None:
        """The place of a client that says who it is; None when it does not, or may not."""
        self._unknown += 1
        try:
            with anyio.fail_after(FIRST_S):
                message = await receive()
            if message["type"] != "websocket.receive":
                return None
            hello = msgspec.json.decode(message.get("text") or "", type=_Hello)
            return await self._place(await scope["show_key"](hello.key))
        except (TimeoutError, msgspec.DecodeError, UnicodeError):
            await _close(send, Unauthenticated(KEY_NEEDED))
        except OrchestraError as refused:
            await _close(send, refused)
        finally:
            self._unknown -= 1
        return None

    async def _place(self, principal: Principal) -> Place:
        if not principal.may(Permission.EVENTS_READ):
            raise Forbidden("this needs the permission events:read")
        return await self._live.admit(principal.tenant, principal.actor)

    async def _talk(
        self, place: Place, asked: tuple[Filter, str | None], receive: Receive, send: Send
    ) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_listen, receive, send, group.cancel_scope)
            async for position, told in self._live.parts(place, *asked):
                await send({"type": "websocket.send", "text": _text(position, told)})
            await send({"type": "websocket.close", "code": ENDED if asked[0].follow else 1000})
            group.cancel_scope.cancel()


async def _listen(receive: Receive, send: Send, scope: anyio.CancelScope) -> None:
    """Until the client leaves, or says anything: there is nothing to say."""
    message = await receive()
    if message["type"] == "websocket.receive":
        await send({"type": "websocket.close", "code": UNSUPPORTED})
    scope.cancel()


def _text(position: str | None, told: Told) -> str:
    match told:
        case None:
            part: dict[str, object] = {"kind": "position"}
        case Missed(reason=reason):
            part = {"kind": "resync", "reason": reason}
        case Beat():
            part = {"kind": "heartbeat"}
        case Event():
            part = {"kind": "event", "event": shown(told)}
    if position is not None:
        part["position"] = position
    return msgspec.json.encode(part).decode()


def _asked(scope: Scope) -> tuple[Filter, str | None]:
    """As the query of the stream over HTTP. Raises Invalid, PositionInvalid."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    known = ("types", "execution_id", "source", "since", "follow")
    findings = [
        Problem(f"/{name[:64]}", "unknown_field", "there is no parameter of this name")
        for name in query
        if name not in known
    ]
    one = {name: values[-1] for name, values in query.items()}
    follow = one.get("follow", "true").lower()
    if follow not in ("true", "false", "1", "0"):
        findings.append(Problem("/follow", "type", "is true or false"))
    if findings:
        raise Invalid("the query is wrong", findings)
    since = one.get("since") or None
    if since:
        decoded(since)
    types = checked(query.get("types"))
    return Filter(types, one.get("execution_id"), one.get("source"), follow in ("true", "1")), since


async def _deny(send: Send, refused: OrchestraError, scope: Scope) -> None:
    """Refuse before it is a WebSocket, as over HTTP."""
    body = problems.document(refused, str(scope.get("request_id", "")))
    headers = [(name.encode(), value.encode()) for name, value in problems.headers(refused)]
    headers += [
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    start = {"type": "websocket.http.response.start", "status": refused.status}
    await send(start | {"headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


async def _close(send: Send, refused: OrchestraError) -> None:
    code = REFUSED + refused.status
    await send({"type": "websocket.close", "code": code, "reason": refused.code})
