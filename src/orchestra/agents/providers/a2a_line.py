"""One interface of an A2A agent: the same five methods in either binding."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast
from urllib.parse import quote

import msgspec

from orchestra.agents.providers import Call, Credentials
from orchestra.agents.providers.a2a_cards import Interface
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.http_request import idempotency_key, message_id, trace_headers
from orchestra.agents.providers.mishaps import Ended, invalid
from orchestra.agents.providers.rpc import (
    Fault,
    asked,
    document,
    failure_of_fault,
    responded,
)
from orchestra.agents.providers.sse import sse
from orchestra.agents.records import Agent
from orchestra.security.outbound import Outbound, Reply, Timeouts

VERSION: Final = "1.0"
ERROR_MAX_BYTES = 65_536
# Codes of A2A 1.0 that the same message would get again (section 5.4 of its specification).
UNSUPPORTED = -32004
_FINAL = frozenset({UNSUPPORTED, -32005, -32007, -32008, -32009})
_NO_STREAM = frozenset({404, 405, 501})
_PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "SendMessage": ("POST", "/message:send"),
    "SendStreamingMessage": ("POST", "/message:stream"),
    "GetTask": ("GET", "/tasks/{id}?historyLength=0"),
    "CancelTask": ("POST", "/tasks/{id}:cancel"),
    "SubscribeToTask": ("GET", "/tasks/{id}:subscribe"),
}

_encode = msgspec.json.Encoder().encode


class Unsupported(Exception):
    """The agent does not stream, whatever its card says. Nothing was begun."""


class Line:
    """Speaks to `interface` of one agent."""

    def __init__(
        self,
        outbound: Outbound,
        credentials: Credentials,
        agent: Agent,
        interface: Interface,
        call: Call,
    ) -> None:
        self._outbound, self._credentials = outbound, credentials
        self._agent, self._interface = agent, interface
        self._given, self._message_id = _given(call), message_id(call)
        self._numbers = itertools.count(1)

    async def ask(
        self, method: str, params: Mapping[str, object], timeout_s: float
    ) -> dict[str, object]:
        """One response. Raises Ended and what Outbound and Credentials raise."""
        verb, url, body = self._request(method, params)
        headers = await self._headers(url, body, "application/json")
        reply = await self._outbound.send(verb, url, headers, body, timeout_s)
        return self._result(reply)

    @asynccontextmanager
    async def follow(
        self, method: str, params: Mapping[str, object], timeouts: Timeouts
    ) -> AsyncIterator[AsyncIterator[dict[str, object]]]:
        """Responses as they come. Raises Unsupported too, before the first of them."""
        verb, url, body = self._request(method, params)
        headers = await self._headers(url, body, "text/event-stream, application/json")
        async with self._outbound.stream(verb, url, headers, body, timeouts) as stream:
            kind = stream.headers.get("content-type", "").lower()
            if stream.status == 200 and kind.startswith("text/event-stream"):
                yield self._events(stream.chunks())
                return
            reply = Reply(stream.status, stream.headers, await stream.read())
            if _is_unsupported(reply):
                raise Unsupported
            # Some answer at once, and whole.
            yield _one(self._result(reply))

    async def _events(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, object]]:
        async for event in sse(chunks):
            message = document(event.data)
            if message is None:
                raise Ended(invalid("sent an event that is no JSON object"))
            if self._interface.binding == "JSONRPC":
                said = responded(message)
                if isinstance(said, Fault):
                    raise Ended(failure_of_fault(said, _FINAL))
                message = cast("dict[str, object]", said) if isinstance(said, dict) else {}
            elif "error" in message:
                raise Ended(failure_of(Reply(_code(message), {}, event.data.encode())))
            yield message

    def _request(self, method: str, params: Mapping[str, object]) -> tuple[str, str, bytes]:
        face = self._interface
        if face.binding == "JSONRPC":
            tenant = {"tenant": face.tenant} if face.tenant else {}
            return "POST", face.url, asked(method, {**params, **tenant}, method)
        verb, path = _PATHS[method]
        task = params.get("id")
        path = path.format(id=quote(task, safe="") if isinstance(task, str) else "")
        tenant = f"/{quote(face.tenant, safe='')}" if face.tenant else ""
        return verb, f"{face.url}{tenant}{path}", _encode(params) if verb == "POST" else b""

    async def _headers(self, url: str, body: bytes, accept: str) -> dict[str, str]:
        message_id = f"{self._message_id}.{next(self._numbers)}"
        proofs = await self._credentials.headers(self._agent, url, body, message_id)
        rest = self._interface.binding == "HTTP+JSON"
        return {
            **self._given,
            **({"content-type": "application/json"} if body else {}),
            "accept": f"{accept}, application/a2a+json" if rest else accept,
            "user-agent": "orchestra",
            "a2a-version": VERSION,
            **proofs,
        }

    def _result(self, reply: Reply) -> dict[str, object]:
        """The result in an answer. Raises Ended."""
        message = document(reply.body)
        if self._interface.binding == "JSONRPC" and message is not None:
            said = responded(message)
            if isinstance(said, Fault) and (reply.status < 400 or said.code):
                raise Ended(failure_of_fault(said, _FINAL))
            message = cast("dict[str, object]", said) if isinstance(said, dict) else None
        if reply.status >= 400:
            raise Ended(failure_of(reply))
        if reply.status not in (200, 201, 202):
            raise Ended(invalid(f"answered {reply.status}"))
        if message is None:
            raise Ended(invalid("answered with something that is not a response of A2A"))
        return message


def _given(call: Call) -> dict[str, str]:
    task = call.task
    headers = {
        "idempotency-key": idempotency_key(task, call.failures),
        "orchestra-task": task.id,
        **trace_headers(call),
    }
    if task.execution:
        headers["orchestra-execution"] = task.execution
    return headers


async def _one(message: dict[str, object]) -> AsyncIterator[dict[str, object]]:
    yield message


def _is_unsupported(reply: Reply) -> bool:
    """That streaming is not offered, said by the status or by the error."""
    if reply.status in _NO_STREAM:
        return True
    message = document(reply.body) or {}
    error = message.get("error")
    if not isinstance(error, dict):
        return False
    fields = cast("dict[str, object]", error)
    return fields.get("code") == UNSUPPORTED or b"UNSUPPORTED_OPERATION" in reply.body[:8_192]


def _code(message: Mapping[str, object]) -> int:
    """The status inside an error event; 500 when there is none."""
    error = message.get("error")
    code = cast("dict[str, object]", error).get("code") if isinstance(error, dict) else None
    return code if type(code) is int and 400 <= code <= 599 else 500
