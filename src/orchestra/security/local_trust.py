"""Who may act without a key: authentication mode `auto`, one decision at start, one per request.

A raw TCP forwarder run by the same user passes: it is that user. Where strangers reach this
machine's own programs, set `auth_mode = "required"`.
"""

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

Mode = Literal["developer", "required"]
Address = tuple[str, int]
Fields = Mapping[bytes, Sequence[bytes]]

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
PROXY_HEADERS: Final = frozenset(
    {
        b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"x-cluster-client-ip",
        b"true-client-ip", b"fastly-client-ip", b"fly-client-ip", b"x-original-host",
        b"x-original-url", b"x-rewrite-url", b"x-amzn-trace-id", b"x-cloud-trace-context",
        b"x-appengine-user-ip", b"proxy-connection", b"orchestra-hop",
    }
)  # fmt: skip
PROXY_PREFIXES: Final = (
    b"x-forwarded",
    b"cf-",
    b"tailscale-",
    b"x-envoy-",
    b"x-azure-",
    b"x-arr-",
    b"x-goog-iap-",
)


class Start(msgspec.Struct, frozen=True):
    """What is known when the sockets are open.

    `listeners` come from getsockname(), never from the settings' text.
    """

    setting: Literal["auto", "required"]
    listeners: Sequence[Address | str]
    store_is_private: bool
    public_names: bool = False
    trusted_proxies: bool = False
    tls: bool = False


def resolve(start: Start) -> tuple[Mode, str]:
    """The mode for the life of the process, and the reason that is logged and shown."""
    if start.setting == "required":
        return "required", "set so"
    if not start.listeners or any(isinstance(listener, str) for listener in start.listeners):
        return "required", "listens on a unix socket or an inherited one: something is in front"
    if not all(is_loopback(listener[0]) for listener in start.listeners):
        return "required", "listens beyond loopback"
    if start.public_names or start.trusted_proxies or start.tls:
        return "required", "public names, trusted proxies or TLS are configured"
    if not start.store_is_private:
        return "required", "the store is shared: this process would be a door to it"
    return "developer", "loopback only, private store"


class Asked(msgspec.Struct, frozen=True):
    """What a request says about where it came from. Header names are in lower case."""

    method: str
    http_version: str
    fields: Fields
    peer: Address | None
    local: Address | None


def not_local_because(asked: Asked, is_own: Callable[[Address, Address], bool]) -> str | None:
    """Why this request needs a key, or None when it may act as the developer.

    The owner of the peer is asked last: that costs 9 us, the rest 4.
    """
    peer, local, fields = asked.peer, asked.local, asked.fields
    if peer is None or local is None or not (is_loopback(peer[0]) and is_loopback(local[0])):
        return "peer"
    if asked.http_version == "1.0":
        return "http-1.0"
    if any(name in PROXY_HEADERS or name.startswith(PROXY_PREFIXES) for name in fields):
        return "proxy-header"
    hosts = fields.get(b"host", ())
    if len(hosts) != 1 or not is_local_name(hosts[0]):
        return "host"
    origins = fields.get(b"origin", ())
    if origins and list(origins) != [b"http://" + hosts[0]]:
        return "origin"
    sites = list(fields.get(b"sec-fetch-site", ()))
    # `same-site` is any other port of localhost: another program. `none` is the address bar,
    # which only ever reads.
    reads = asked.method in {"GET", "HEAD"}
    if sites and sites != [b"same-origin"] and not (sites == [b"none"] and reads):
        return "fetch-site"
    return None if is_own(peer, local) else "owner"


@lru_cache(maxsize=256)
def is_local_name(host: bytes) -> bool:
    """Whether a Host header is exactly one of the loopback names, with any port or none."""
    return host_name(host) in LOCAL_NAMES


@lru_cache(maxsize=256)
def host_name(host: bytes) -> str | None:
    """The name in a Host header, in lower case, without its port; None when it is no host."""
    text = host.decode("latin-1").lower()
    name, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        name, port = text, "80"
    sound = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536
    return name if name and sound else None


@lru_cache(maxsize=1_024)
def is_loopback(address: str) -> bool:
    """Whether it is in 127.0.0.0/8 or ::1, also when it is mapped into IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_ESTABLISHED: Final = 1


def owners_are_known() -> bool:
    """Whether this system tells who owns the other end of a connection."""
    return sys.platform == "linux"


class Owners:
    """Asks the kernel who owns the other end of a loopback connection: one netlink exchange, 9 us.

    The socket to the kernel is kept. Use it from one thread.
    """

    def __init__(self) -> None:
        self._netlink: socket.socket | None = None
        self._asked = 0

    def is_own(self, peer: Address, local: Address) -> bool:
        """Whether the peer's socket belongs to our own user, is open and established.

        A socket whose program has closed it reports uid 0 and inode 0, so both the inode and the
        state are checked: otherwise a server run by root would take every send-and-hang-up for its
        own. Any doubt is a no. Where it is not knowable the start says that others are trusted.
        """
        if not owners_are_known():
            return True
        family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
        try:
            source = socket.inet_pton(family, peer[0]).ljust(16, b"\0")
            target = socket.inet_pton(family, local[0]).ljust(16, b"\0")
            wanted = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
            identity = struct.pack("!HH", peer[1], local[1]) + source + target
            answer = self._exchanged(wanted + identity + struct.pack("=I", 0) + b"\xff" * 8)
            kind, _, asked = struct.unpack_from("=HHI", answer, 4)
            ports = struct.unpack_from("!HH", answer, 20)
            uid, inode = struct.unpack_from("=II", answer, 80)
        except (OSError, struct.error):
            self._forget()
            return False
        if asked != self._asked:  # an answer to something else: start anew
            self._forget()
            return False
        same = kind == _SOCK_DIAG_BY_FAMILY and ports == (peer[1], local[1])
        return same and answer[17] == _ESTABLISHED and inode != 0 and uid == os.geteuid()

    def _exchanged(self, request: bytes) -> bytes:
        if self._netlink is None:
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
            self._netlink = socket.socket(socket.AF_NETLINK, kind, _NETLINK_SOCK_DIAG)
            self._netlink.settimeout(0.1)
        self._asked = (self._asked + 1) & 0xFFFFFFFF
        size = 16 + len(request)
        header = struct.pack("=IHHII", size, _SOCK_DIAG_BY_FAMILY, 1, self._asked, 0)
        self._netlink.send(header + request)
        return self._netlink.recv(8_192)

    def _forget(self) -> None:
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None


def is_private(store_url: str | None) -> bool:
    """Whether only this machine reaches the store: embedded, a unix socket, or loopback."""
    if store_url is None:
        return True
    parts = urlsplit(store_url)
    if parts.scheme.endswith("unix"):
        return True
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return all(_is_local(host) for host in hosts)


def _is_local(host: str) -> bool:
    name = host_name(host.encode("latin-1", errors="replace")) or ""
    bare = name.strip("[]")
    try:
        return is_loopback(str(ipaddress.ip_address(bare)))
    except ValueError:
        return bare == "localhost"
