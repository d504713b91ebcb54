"""Bounds that uvicorn lacks: deadlines for headers and bodies, header size, connections per peer.

`uvicorn.Config(app, http=guarded(HttpToolsProtocol), proxy_headers=False)`. Stock uvicorn keeps a
connection that sends nothing, half a header or half a body, and takes 5 MB of header.
"""

import asyncio  # a protocol of the server's own loop, with its timers
import ipaddress
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec

TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
BODY_BYTES_PER_S: Final = 1_024


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may take. A body has `body_s` for each `body_s` KiB."""

    header_s: float = 10.0
    header_max_bytes: int = 24 * 1_024  # request line and fields
    body_s: float = 30.0
    per_address_max: int = 100
    # Addresses that speak for many: this machine, and the proxies in front.
    uncounted: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


def guarded(base: type[Any], bounds: Bounds) -> type[Any]:
    """`base` (HttpToolsProtocol or H11Protocol) that drops whoever is slower or larger than that.

    A header has its time from the connection's start or from its own first byte. An answer may
    take as long as it likes.
    """
    members = {
        "bounds": bounds,
        "by_address": Counter[str](),
        "uncounted": [ipaddress.ip_network(name, strict=False) for name in bounds.uncounted],
    }
    return type("GuardedProtocol", (_Guard, base), members)


def guarded_socket(base: type[Any]) -> type[Any]:
    """`base` (WSProtocol) whose connections count for their address until they end."""
    return type("GuardedSocket", (_GuardedSocket, base), {})


class _GuardedSocket:
    """Stands in front of a WebSocket protocol of uvicorn."""

    left: Callable[[], None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self.left is not None:
            self.left()
        self._super().connection_lost(exc)

    def _super(self) -> Any:
        return super()


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Corked:
    """A transport whose writes of one loop turn leave as one.

    Uvicorn writes the head of an answer and its body apart: two system calls, and a client woken
    twice. Everything else passes straight through.
    """

    __slots__ = ("_loop", "_parts", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._parts = transport, list[bytes]()
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        """Send with what else is written in this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Close when all that was written has left."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data, self._parts = b"".join(self._parts), []
            if not self._transport.is_closing():
                self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Guard:
    """Stands in front of a protocol of uvicorn, whose methods it extends.

    Its own members are slots: with more than 30 names in its dictionary an object shares none of
    them with others of its class, which is 1.5 KB of each connection.
    """

    __slots__ = ("_address", "_header", "_timer", "_upgraded", "_window_bytes")

    bounds: Bounds
    by_address: Counter[str]
    uncounted: Sequence[Network]
    transport: asyncio.Transport
    cycle: Any

    _timer: asyncio.TimerHandle | None
    _window_bytes: int
    _header: bytes
    _address: str
    _upgraded: bool

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._timer, self._window_bytes, self._header, self._address = None, 0, b"", ""
        self._upgraded = False
        self._super().connection_made(Corked(transport))
        peer: object = transport.get_extra_info("peername")
        if isinstance(peer, tuple) and not self._is_uncounted(address := str(cast("Any", peer)[0])):
            self._address = address
            self.by_address[address] += 1
            if self.by_address[address] > self.bounds.per_address_max:
                transport.abort()
                return
        self._arm(self.bounds.header_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._leave()
        self._super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection is another protocol's, which counts for the same address."""
        self._disarm()
        self._upgraded = True
        self._super().handle_websocket_upgrade()
        protocol: Any = self.transport.get_protocol()
        if isinstance(protocol, _GuardedSocket):
            protocol.left = self._leave

    def _leave(self) -> None:
        if self._address:
            self.by_address[self._address] -= 1
            if not self.by_address[self._address]:
                del self.by_address[self._address]
            self._address = ""

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        if before is None or before.response_complete or not before.more_body:
            head, separator, _ = (self._header + data).partition(b"\r\n\r\n")
            if len(head) > self.bounds.header_max_bytes:
                self._disarm()
                self.transport.write(TOO_LARGE)
                self.transport.close()
                return
            self._header = b"" if separator else head
        self._super().data_received(data)
        if self._upgraded:
            return
        cycle = self.cycle
        if cycle is None or (cycle is before and cycle.response_complete):
            if self._timer is None:  # the first bytes of a header; later ones win no time
                self._arm(self.bounds.header_s)
        elif cycle.more_body and not cycle.response_complete:
            self._window_bytes += len(data)
            enough = self._window_bytes >= self.bounds.body_s * BODY_BYTES_PER_S
            if cycle is not before or self._timer is None or enough:
                self._arm(self.bounds.body_s)
        else:
            self._disarm()

    def _super(self) -> Any:
        return super()

    def _is_uncounted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in self.uncounted)

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._window_bytes = 0
        self._timer = asyncio.get_running_loop().call_later(seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self.transport.abort()
