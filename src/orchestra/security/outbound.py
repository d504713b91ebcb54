"""Outgoing HTTP to addresses that users choose: judged when dialled, bounded in every direction.

The name is resolved once, every answer must be allowed, and that very address is dialled; Host,
SNI and certificate stay the name, so there is no gap for rebinding. No proxy of the environment,
no redirects, no cookies. The only importer of httpx and httpcore.
"""

import socket
import ssl
from collections import OrderedDict
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, NoReturn, cast

import anyio
import httpcore
import httpx

from orchestra.security import hops, request_spans
from orchestra.security.answers import (
    AnswerEncoded,
    AnswerLost,
    AnswerTooLarge,
    DestinationNotAllowed,
    NotReached,
    Reply,
    Stream,
    Timeouts,
)
from orchestra.security.destinations import Policy
from orchestra.security.request_heads import sendable

__all__ = [
    "AnswerEncoded", "AnswerLost", "AnswerTooLarge", "DestinationNotAllowed", "Guard", "NotReached",
    "Outbound", "Reply", "Stream", "Timeouts", "system_resolve",
]  # fmt: skip

Resolve = Callable[[str, int], Awaitable[list[str]]]

CONNECT_S = 3.0
BODY_MAX_BYTES = 8 * 1024 * 1024
ORIGINS_MAX = 256
CONNECTIONS_MAX = 512
ADDRESSES_MAX = 4
URL_MAX_CHARS = 2_048
REFUSED = "destination not allowed"


class Blocked(httpcore.ConnectError):
    """The destination is not allowed."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


async def system_resolve(host: str, port: int) -> list[str]:
    """The system's resolver, all answers. A literal is returned as it reads ("0x7f.1", too)."""
    answers = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


def _backend() -> httpcore.AsyncNetworkBackend:
    # httpcore exports a stand-in of another type for when anyio is not installed.
    return cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())


class Guard(httpcore.AsyncNetworkBackend):
    """Where every outgoing connection is made: nothing is looked up again before the dial."""

    def __init__(
        self,
        policy: Policy,
        resolve: Resolve = system_resolve,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self.policy, self._resolve = policy, resolve
        self._backend: httpcore.AsyncNetworkBackend = backend or _backend()

    async def judge(self, host: str, port: int, within_s: float | None = CONNECT_S) -> list[str]:
        """The addresses to dial. Raises Blocked, or TimeoutError."""
        if host.lower().rstrip(".") in self.policy.names:
            raise Blocked
        try:
            with anyio.fail_after(within_s):
                addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as unknown:
            if isinstance(unknown, TimeoutError):
                raise
            raise Blocked from unknown
        # All must be allowed: a private address among public ones is an attack, not a mistake.
        if not addresses or not all(self.policy.permits(one, port) for one in addresses):
            raise Blocked
        return addresses[:ADDRESSES_MAX]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- httpcore's name
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Dial the judged addresses in turn, all of them within `timeout`."""
        until = None if timeout is None else anyio.current_time() + timeout
        try:
            addresses = await self.judge(host, port, timeout)
        except TimeoutError as slow:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from slow
        failure: Exception = Blocked()
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # One that never answers must not take the time of the others.
            share = None if until is None else max(0.001, until - anyio.current_time()) / left
            try:
                return await self._backend.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: object, **__: object) -> NoReturn:
        """Never."""
        raise Blocked

    async def sleep(self, seconds: float) -> None:
        """Wait, for a pool that retries; ours do not."""
        await anyio.sleep(seconds)


class Outbound:
    """Sends requests. One pool of connections per origin, so that one slow host blocks no other."""

    def __init__(self, policy: Policy, resolve: Resolve = system_resolve) -> None:
        self._guard = Guard(policy, resolve)
        self._tls = ssl.create_default_context()
        self._pools: OrderedDict[tuple[str, str, int], httpcore.AsyncConnectionPool] = OrderedDict()

    def adopt(self, policy: Policy) -> None:
        """Judge by `policy` from now on; connections that are open stay."""
        self._guard.policy = policy

    async def admit(self, url: str) -> None:
        """Whether `url` may be called now. Raises DestinationNotAllowed. For saving a URL."""
        parsed = _parse(url)
        try:
            await self._guard.judge(parsed.host, _port(parsed))
        except (Blocked, TimeoutError):
            raise DestinationNotAllowed(REFUSED) from None

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        body_max_bytes: int = BODY_MAX_BYTES,
    ) -> Reply:
        """One request, one answer, read whole. Raises what `stream` raises.

        The body of an error answer that came encoded is left out: its status says enough.
        """
        timeouts = Timeouts(timeout_s)
        async with self.stream(method, url, headers, body, timeouts, body_max_bytes) as answer:
            if answer.status >= 400 and answer.encoded:
                return Reply(answer.status, answer.headers, b"")
            return Reply(answer.status, answer.headers, await answer.read())

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeouts: Timeouts,
        body_max_bytes: int = BODY_MAX_BYTES,
    ) -> AsyncIterator[Stream]:
        """One request, and its answer as it comes. Leaving before its end closes the connection.

        Raises NotReached, AnswerLost, AnswerTooLarge, TimeoutError; DestinationNotAllowed when
        the URL itself is refused: nothing was sent then, either.
        """
        parsed = _parse(url)
        hop = str(hops.come_so_far() + 1)
        told, headers = request_spans.sent(method, parsed.host, _port(parsed), headers)
        sent = sendable({**headers, "accept-encoding": "identity", "orchestra-hop": hop})
        within = _extensions(timeouts)
        with told as span, anyio.fail_after(timeouts.total_s), _typed():
            pool = await self._pool(parsed)
            async with AsyncExitStack() as stack:
                asked = pool.stream(
                    method, str(parsed), headers=sent, content=body, extensions=within
                )
                with anyio.fail_after(timeouts.first_s):
                    response = await stack.enter_async_context(asked)
                request_spans.answered(span, response.status)
                parts, head = _parts(response), _headers(response)
                yield Stream(
                    response.status, head, parts, timeouts.idle_s, body_max_bytes, _peer(response)
                )

    async def aclose(self) -> None:
        """Close every connection."""
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1):
            while self._pools:
                _, pool = self._pools.popitem()
                await pool.aclose()

    async def _pool(self, url: httpx.URL) -> httpcore.AsyncConnectionPool:
        origin = (url.scheme, url.host, _port(url))
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = httpcore.AsyncConnectionPool(
                ssl_context=self._tls,
                network_backend=self._guard,
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=32,
                keepalive_expiry=4.0,  # common servers close an idle connection after 5 s
            )
            await self._evict()
        self._pools.move_to_end(origin)
        return pool

    async def _evict(self) -> None:
        """Close the pools used longest ago that have no call now."""
        for origin, pool in list(self._pools.items())[: max(0, len(self._pools) - ORIGINS_MAX)]:
            if all(connection.is_idle() for connection in pool.connections):
                del self._pools[origin]
                await pool.aclose()


def _parse(url: str) -> httpx.URL:
    """Raises DestinationNotAllowed for what is no plain http or https URL."""
    try:
        if len(url) > URL_MAX_CHARS or "\\" in url:
            raise DestinationNotAllowed(REFUSED)
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or parsed.userinfo or not parsed.host:
            raise DestinationNotAllowed(REFUSED)
        _port(parsed)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise DestinationNotAllowed(REFUSED) from None
    return parsed.copy_with(fragment=None)


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _peer(response: httpcore.Response) -> str:
    """The address the connection was made to."""
    wire = cast("Any", response).extensions.get("network_stream")
    assert isinstance(wire, httpcore.AsyncNetworkStream)
    try:
        address = cast("Sequence[object] | None", wire.get_extra_info("server_addr"))
    except OSError:  # it has hung up by now
        address = None
    return str(address[0]) if address else ""


async def _parts(response: httpcore.Response) -> AsyncIterator[bytes]:
    with _typed():
        async for part in response.aiter_stream():
            yield part


def _extensions(timeouts: Timeouts) -> dict[str, object]:
    """The deadlines of single reads and writes are ours, around the calls; these end dials."""
    connect_s = min(timeouts.connect_s, timeouts.total_s)
    return {"timeout": {"connect": connect_s, "pool": connect_s}}


@contextmanager
def _typed() -> Iterator[None]:
    """The errors of the wire as ours."""
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
        blocked = isinstance(error, Blocked)
        raise NotReached(REFUSED if blocked else "could not connect") from error
    except (httpcore.ReadTimeout, httpcore.WriteTimeout) as slow:
        raise TimeoutError from slow
    except (httpcore.NetworkError, httpcore.ProtocolError) as broken:
        raise AnswerLost("the connection broke before the answer was complete") from broken
