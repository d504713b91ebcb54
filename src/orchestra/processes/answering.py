"""The other end: HTTP requests that another process took are answered by the routes here."""

from typing import Any, Final

import anyio
import msgspec
import structlog
from litestar import Litestar

from orchestra import tracing
from orchestra.bus.requests import Send
from orchestra.errors import Forbidden
from orchestra.processes.envelope import Asked, Forwarded, Head, Seal
from orchestra.security import hops
from orchestra.security.local_trust import Mode
from orchestra.security.request_spans import Traced

log = structlog.get_logger(__name__)

PART_MAX_BYTES: Final = 262_144


class NotForwarded(Forbidden):
    """A request that none of our processes has sent, or that came before."""


class Answering:
    """Runs requests through the application of this process, behind its gateway."""

    def __init__(self) -> None:
        self._app: Litestar | None = None
        self._seal: Seal | None = None
        self._mode: Mode = "required"

    def begin(self, app: Litestar, seal: Seal, mode: Mode) -> None:
        """The parts are known."""
        self._app, self._seal, self._mode = app, seal, mode

    async def answer(self, forwarded: Forwarded, send: Send) -> None:
        """One request: its answer in parts. Raises NotForwarded."""
        asked = forwarded.asked
        if self._app is None or self._seal is None or not self._seal.holds(forwarded):
            log.warning("forwarding.refused", module=asked.module)
            raise NotForwarded("this request was not forwarded by a process of ours")
        if asked.mode == "developer" and self._mode == "required" and asked.principal is not None:
            # Who needs no key there needs one here.
            raise NotForwarded("this process needs a key, and the one that asks it does not")
        fields: dict[bytes, list[bytes]] = {}
        for name, value in asked.headers:
            fields.setdefault(name, []).append(value)
        hops.come(hops.arrived(fields.get(hops.FIELD, ())))
        tracing.come(tracing.arrived(fields))
        await Traced(self._app)(_scope(asked), _Body(asked.body).receive, _Parts(send).send)


class _Body:
    """What `receive` gives: the body, and then nothing more until it is cancelled."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def receive(self) -> dict[str, object]:
        if self._body is None:
            await anyio.sleep_forever()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Parts:
    """What `send` takes, as parts: the head goes with the first piece of the body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            status, headers = self._start["status"], tuple(self._start.get("headers", ()))
            self._start = None
            first, body = body[:PART_MAX_BYTES], body[PART_MAX_BYTES:]
            head = Head(status, headers, first, whole=not more and not body)
            await self._send(msgspec.msgpack.encode(head))
        for begin in range(0, len(body), PART_MAX_BYTES):
            await self._send(body[begin : begin + PART_MAX_BYTES])


def _scope(asked: Asked) -> dict[str, object]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": asked.scheme,
        "path": asked.path,
        "raw_path": asked.raw_path,
        "query_string": asked.query,
        "root_path": "",
        "headers": list(asked.headers),
        "client": asked.client,
        "server": asked.server,
        "state": {},
        "extensions": {},
        "request_id": asked.id,
        "principal": asked.principal,
        "forwarded": True,
    }
