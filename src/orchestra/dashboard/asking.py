"""Asks the interface over HTTP from inside this process, as the viewer of a page.

No socket: the application is called as the gateway calls it, with the principal of the viewer. So
every permission, limit and check of the interface holds for the dashboard, too.
"""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

import anyio
import msgspec
from litestar import Litestar

from orchestra.dashboard.sharing import Shared
from orchestra.errors import BadRequest, OrchestraError, Unavailable
from orchestra.security import Principal

DEADLINE_S: Final = 10.0
JSON: Final = (b"content-type", b"application/json")

Document = dict[str, Any]
Query = Mapping[str, object]


NO_IDS: Final[Mapping[str, frozenset[str]]] = {
    "workflow": frozenset({"schema"}),
    "execution": frozenset({"count"}),
    "agent": frozenset({"types", "plugins"}),
    "alert": frozenset({"contacts", "history", "rules", "silences"}),
    "webhook": frozenset({"inbound"}),
    "event": frozenset({"readers", "stream", "subscriptions", "types"}),
    "metric": frozenset({"export", "query"}),
}
"""What the interface has below `/api/<noun>s/` that is no such thing, but another document."""


def is_no_id(noun: str, word: str) -> bool:
    """Whether a page of this thing would be given something else."""
    return "/" in word or word in NO_IDS.get(noun, ())


class Refused(OrchestraError):
    """The interface said no. `document` is its problem document."""

    def __init__(self, status: int, document: Document) -> None:
        super().__init__(str(document.get("detail", "the request was refused")))
        self.answer_status, self.document = status, document

    @property
    def code(self) -> str:
        """That of the problem."""
        return str(vars(self).get("document", {}).get("code", "refused"))

    @property
    def title(self) -> str:
        """That of the problem."""
        return str(self.document.get("title", "Refused"))


class Viewer(msgspec.Struct, frozen=True):
    """On whose behalf is asked, and in the course of which request."""

    principal: Principal
    request_id: str = "req_dashboard"
    again: bool = False
    """A page that is open asks for what it shows: another's answer of the same moment will do."""


class Api:
    """The interface. `begin` once the application is there."""

    def __init__(self, shared: Shared, deadline_s: float = DEADLINE_S) -> None:
        self._app: Litestar | None = None
        self._deadline_s = deadline_s
        self.shared = shared

    def begin(self, app: Litestar) -> None:
        """Requests can be answered from now on."""
        self._app = app

    async def get(self, viewer: Viewer, path: str, query: Query | None = None) -> Document:
        """The document at `path`. Raises Refused, Unavailable after the deadline."""
        asked = _encoded(query)

        async def ask() -> bytes:
            return await self._ask(viewer, "GET", path, asked)

        if viewer.again:
            body = await self.shared.answer(viewer.principal, (path, asked), ask)
        else:
            body = await ask()
        return cast("Document", msgspec.json.decode(body)) if body else {}

    async def send(
        self, viewer: Viewer, method: str, path: str, body: bytes | object = b"",
        **headers: str,
    ) -> Document:  # fmt: skip
        """Do something. `body` that is no bytes is sent as JSON. Raises as `get` does."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise BadRequest("a hidden field of this form was changed: load the page again")
        named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        try:
            answer = await self._ask(viewer, method, path, b"", raw, named)
        finally:
            self.shared.done(viewer.principal.tenant)
        return cast("Document", msgspec.json.decode(answer)) if answer else {}

    async def pose(self, viewer: Viewer, path: str, question: bytes | object) -> Document:
        """What is answered to a question that is asked by POST: it changes nothing. Raises as
        `get` does.
        """
        raw = question if isinstance(question, bytes) else msgspec.json.encode(question)

        async def ask() -> bytes:
            return await self._ask(viewer, "POST", path, b"", raw)

        if viewer.again:
            body = await self.shared.answer(viewer.principal, (f"POST {path}", raw), ask)
        else:
            body = await ask()
        return cast("Document", msgspec.json.decode(body))

    async def delete(self, viewer: Viewer, path: str, query: Query | None = None) -> Document:
        """Have something taken away; what is answered. Raises as `get` does."""
        try:
            answer = await self._ask(viewer, "DELETE", path, _encoded(query))
        finally:
            self.shared.done(viewer.principal.tenant)
        return cast("Document", msgspec.json.decode(answer)) if answer else {}

    async def _ask(
        self, viewer: Viewer, method: str, path: str, query: bytes,
        body: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None,
    ) -> bytes:  # fmt: skip
        assert self._app is not None, "the dashboard answers only once it has begun"
        asked = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query,
            "root_path": "",
            "headers": [(b"host", b"localhost"), JSON, *(headers or [])],
            "client": None,
            "server": None,
            "state": {},
            "extensions": {},
            "request_id": viewer.request_id,
            "principal": viewer.principal,
        }
        exchange = _Exchange(body)
        with anyio.move_on_after(self._deadline_s):
            await self._app(asked, exchange.receive, exchange.send)  # type: ignore[arg-type]  # ASGI
        if not exchange.whole:
            raise Unavailable("this part did not answer in time", retry_after_ms=1_000)
        answer = bytes(exchange.answer)
        if exchange.status >= 400:
            raise Refused(exchange.status, _problem(answer))
        return answer


class _Exchange:
    """One request and its answer."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status, self.answer, self.whole = 500, bytearray(), False

    async def receive(self) -> Document:
        if self._body is None:
            await anyio.sleep_forever()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        elif message["type"] == "http.response.body":
            self.answer += message.get("body", b"")
            self.whole = not message.get("more_body", False)


def _encoded(query: Query | None) -> bytes:
    given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return urlencode(given, doseq=True).encode()


def _problem(body: bytes) -> Document:
    try:
        return cast("Document", msgspec.json.decode(body))
    except msgspec.DecodeError:
        return {}
