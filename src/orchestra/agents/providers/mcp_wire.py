"""How MCP is spoken over HTTP: stateless, or with a session where a server is older.

2026-07-28: each POST has the version and the client's abilities in `_meta`, and its method and
name in headers. An older server is opened with `initialize`; which one it is, is remembered.
"""

import base64
import itertools
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, cast

import anyio
import msgspec

from orchestra import __version__
from orchestra.agents.providers import Credentials, Emit
from orchestra.agents.providers.mcp_programs import Programs
from orchestra.agents.providers.mcp_replies import Heard, failure_of_heard, heard
from orchestra.agents.providers.mishaps import MISHAPS, Ended, invalid
from orchestra.agents.providers.rpc import Fault, asked
from orchestra.agents.records import Agent, McpReach
from orchestra.security.outbound import Outbound, Timeouts

VERSION: Final = "2026-07-28"
OLDER: Final = "2025-11-25"
PEERS_MAX = 2_000
GOODBYE_S = 1.0
_META: Final = "io.modelcontextprotocol/"
_CLIENT: Final = {"name": "orchestra", "version": __version__}
_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_SENTINEL = re.compile(r"=\?base64\?.*\?=")
# Said by servers of 2026-07-28 alone: what we sent was wrong, not the version it was sent in.
_MODERN = frozenset({-32020, -32021, -32602})
_UNSUPPORTED, _UNKNOWN_METHOD = -32022, -32601


class Wanted(msgspec.Struct, frozen=True):
    """One request. `name`, `headers`: what a stateless server routes by; `more`: for any server."""

    method: str
    params: Mapping[str, object] = {}
    name: str = ""
    headers: Mapping[str, str] = {}
    more: Mapping[str, str] = {}
    message_id: str = ""
    emit: Emit | None = None


class _Session(msgspec.Struct, frozen=True):
    """An older server, opened. Without an id it keeps no session."""

    id: str
    version: str


class _Peer:
    """What is known of one agent's server. `session` is None for a stateless one."""

    def __init__(self) -> None:
        self.opening = anyio.Lock()
        self.session: _Session | None = None


class McpWire:
    """Asks MCP servers, and remembers how each wants to be spoken to."""

    def __init__(
        self, outbound: Outbound, credentials: Credentials, programs: Programs | None = None
    ) -> None:
        self._outbound, self._credentials = outbound, credentials
        self._programs = programs or Programs({})
        self._peers: OrderedDict[tuple[str, int], _Peer] = OrderedDict()
        self._numbers = itertools.count(1)

    def opened(self, agent: Agent) -> bool:
        """Whether the agent's server turned out to be an older one."""
        peer = self._peers.get((agent.id, agent.revision))
        return peer is not None and peer.session is not None

    async def greet(self, agent: Agent, timeout_s: float) -> None:
        """See whether the server lives: `server/discover`, or `ping` to an older one.

        Raises as `ask`.
        """
        peer, timeouts = self._peer(agent), Timeouts(timeout_s)
        if peer.session is not None or _reach(agent).command:
            await self.ask(agent, Wanted("ping"), timeout_s)
            return
        with anyio.fail_after(timeout_s):
            said = await self._post(agent, Wanted("server/discover"), None, timeouts)
            if said.result is None and not _is_older(said):
                raise Ended(failure_of_heard(said))
            if said.result is None:
                await self._open(agent, peer, None, timeouts, said)

    async def ask(self, agent: Agent, wanted: Wanted, timeout_s: float) -> dict[str, object]:
        """The result. Raises Ended, and what Outbound and Credentials raise."""
        if command := _reach(agent).command:
            with anyio.fail_after(timeout_s):
                said = await self._programs.ask(command, wanted.method, wanted.params, wanted.emit)
            if said.result is None:
                raise Ended(failure_of_heard(said))
            return said.result
        peer, timeouts = self._peer(agent), Timeouts(timeout_s)
        with anyio.fail_after(timeout_s):
            session = peer.session
            said = await self._post(agent, wanted, session, timeouts)
            if session is None and _is_older(said):
                session = await self._open(agent, peer, None, timeouts, said)
                said = await self._post(agent, wanted, session, timeouts)
            elif session is not None and said.status == 404 and session.id:
                # The server forgot the session; it did nothing (2025-11-25, transports).
                if peer.session is session:
                    peer.session = None
                session = await self._open(agent, peer, session, timeouts, said)
                said = await self._post(agent, wanted, session, timeouts)
        if said.result is None:
            if session is not None and said.status in (400, 404):
                peer.session = None  # it may have become a newer one: begin at the beginning
            raise Ended(failure_of_heard(said))
        return said.result

    def _peer(self, agent: Agent) -> _Peer:
        key = (agent.id, agent.revision)
        peer = self._peers.get(key)
        if peer is None:
            peer = _Peer()
            if agent.id:
                self._peers[key] = peer
        if agent.id:
            self._peers.move_to_end(key)
        while len(self._peers) > PEERS_MAX:
            self._peers.popitem(last=False)
        return peer

    async def _open(
        self, agent: Agent, peer: _Peer, old: _Session | None, timeouts: Timeouts, why: Heard
    ) -> _Session:
        """Introduce ourselves, once for all who wait. Raises Ended."""
        async with peer.opening:
            if peer.session is not None and peer.session is not old:
                return peer.session
            params = {"protocolVersion": OLDER, "capabilities": {}, "clientInfo": _CLIENT}
            said = await self._post(agent, Wanted("initialize", params), _Session("", ""), timeouts)
            if said.result is None:
                # No older server either: what it said to the request itself tells more.
                raise Ended(failure_of_heard(why if isinstance(why.fault, Fault) else said))
            version = said.result.get("protocolVersion")
            if not isinstance(version, str):
                raise Ended(invalid("answered initialize without a version"))
            session = _Session(said.headers.get("mcp-session-id", "")[:1_024], version[:32])
            await self._notify(agent, session, "notifications/initialized", {}, timeouts)
            peer.session = session
            return session

    async def _post(
        self, agent: Agent, wanted: Wanted, session: _Session | None, timeouts: Timeouts
    ) -> Heard:
        number = next(self._numbers)
        params = dict(wanted.params)
        if session is None:
            params["_meta"] = {
                f"{_META}protocolVersion": VERSION,
                f"{_META}clientCapabilities": {},
                f"{_META}clientInfo": _CLIENT,
            }
        if wanted.emit is not None:
            meta = cast("dict[str, object]", params.get("_meta", {}))
            params["_meta"] = meta | {"progressToken": number}
        body = asked(wanted.method, params, number)
        headers = await self._headers(agent, wanted, session, body)
        whole = False
        try:
            async with self._outbound.stream(
                "POST", _url(agent), headers, body, timeouts
            ) as stream:
                said = await heard(stream, number, wanted.emit)
            whole = True
        finally:
            # Closing the connection is the cancel; an older server has to be told.
            if not whole and session is not None and session.version:
                await self._tell_cancelled(agent, session, number)
        return said

    async def _tell_cancelled(self, agent: Agent, session: _Session, number: int) -> None:
        params = {"requestId": number, "reason": "cancelled"}
        within = Timeouts(GOODBYE_S)
        with anyio.CancelScope(shield=True), anyio.move_on_after(GOODBYE_S), suppress(*MISHAPS):
            await self._notify(agent, session, "notifications/cancelled", params, within)

    async def _notify(
        self,
        agent: Agent,
        session: _Session,
        method: str,
        params: Mapping[str, object],
        timeouts: Timeouts,
    ) -> None:
        body = asked(method, params, None)
        headers = await self._headers(agent, Wanted(method), session, body)
        async with self._outbound.stream("POST", _url(agent), headers, body, timeouts):
            pass  # 202, or whatever: nobody answers a notification

    async def _headers(
        self, agent: Agent, wanted: Wanted, session: _Session | None, body: bytes
    ) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "user-agent": "orchestra",
            **wanted.more,
        }
        if wanted.message_id:
            headers["idempotency-key"] = wanted.message_id
        if session is None:
            headers |= {"mcp-protocol-version": VERSION, "mcp-method": wanted.method}
            if wanted.name:
                headers["mcp-name"] = header_value(wanted.name)
            headers |= wanted.headers
        else:
            headers |= dict(_session_headers(session))
        return headers | dict(
            await self._credentials.headers(agent, _url(agent), body, wanted.message_id)
        )


def header_value(text: str) -> str:
    """As it is, or in base64 where a header could not carry it (2026-07-28, transports)."""
    if _PLAIN.fullmatch(text) and not _SENTINEL.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def _session_headers(session: _Session) -> Iterator[tuple[str, str]]:
    if session.version:
        yield "mcp-protocol-version", session.version
    if session.id:
        yield "mcp-session-id", session.id


def _is_older(said: Heard) -> bool:
    """Whether a stateless request was refused in a way that an older server would."""
    if said.result is not None:
        return False
    if said.fault is not None and said.fault.code in (_UNSUPPORTED, _UNKNOWN_METHOD):
        return True
    if said.status in (404, 405):
        return True
    # Older servers say 400 to a version they do not know, and to a missing session.
    return said.status == 400 and (said.fault is None or said.fault.code not in _MODERN)


def _url(agent: Agent) -> str:
    return _reach(agent).url


def _reach(agent: Agent) -> McpReach:
    reach = agent.spec.reach
    assert isinstance(reach, McpReach)
    return reach
