"""Which addresses may be dialled: public ones on web ports, those an administrator admits, never
our own.
"""

import functools
import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What `is_global` lets through and we do not, with the reason.
_UNFIT: tuple[Network, ...] = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8",  # this host
        "100.64.0.0/10",  # carrier NAT; 100.100.100.200 is a cloud's metadata service
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relay
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",  # reserved
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b:1::/48",  # local NAT64: carries an IPv4 address inside, as the next two do
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "100::/64",  # discard
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "5f00::/16",  # SRv6
        "fec0::/10",  # site-local
    )
)
# Refused whatever an administrator allows: link-local, and the metadata services of clouds.
_NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(net)
    for net in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "100.100.100.200/32",
        "192.0.0.192/32",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- compared with, not bound to
_ENTRY = re.compile(
    r"^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|([0-9a-fA-F:]+:[0-9a-fA-F:.]*))(?:/(\d{1,3}))?(?::(\d{1,5}))?$"
)
WEB_PORTS = frozenset({80, 443, 8080, 8443})


class BadEntry(ValueError):
    """Not `address[/bits][:port]`."""


class Entry(msgspec.Struct, frozen=True):
    """`10.0.3.0/24:8080`, `127.0.0.1:9000`, `10.0.0.0/8`, `[::1]:9000`. Port None is any."""

    network: Network
    port: int | None

    def covers(self, address: Address, port: int) -> bool:
        """Whether it speaks of this destination."""
        return (
            address.version == self.network.version
            and address in self.network
            and self.port in (None, port)
        )


class Policy(msgspec.Struct, frozen=True):
    """What may be dialled. `allow` admits private addresses; `never` wins over it."""

    allow: tuple[Entry, ...] = ()
    never: tuple[Entry, ...] = ()
    ports: frozenset[int] = WEB_PORTS
    names: frozenset[str] = frozenset()
    """Host names that are refused as such: our own."""

    def permits(self, text: str, port: int) -> bool:
        """Whether this address may be dialled at this port."""
        address = unwrapped(ipaddress.ip_address(text.partition("%")[0]))
        if any(address in net for net in _NEVER if net.version == address.version):
            return False
        if any(_forbids(entry, address, port) for entry in self.never):
            return False
        if any(entry.covers(address, port) for entry in self.allow):
            return True
        return port in self.ports and is_public(address)


def policy(allow: Iterable[str] = (), never: Iterable[str] = ()) -> Policy:
    """A policy from what settings say. Raises BadEntry."""
    return Policy(tuple(map(entry, allow)), tuple(map(entry, never)))


def entry(text: str) -> Entry:
    """Raises BadEntry."""
    match = _ENTRY.match(text.strip())
    try:
        if match is None:
            raise BadEntry("an entry is a network and a port, such as 10.0.3.0/24:8080")
        six, four, bare, bits, port = match.groups()
        host = (six or four or bare) + (f"/{bits}" if bits else "")
        return Entry(ipaddress.ip_network(host, strict=False), int(port) if port else None)
    except ValueError as bad:
        raise BadEntry("an entry is a network and a port, such as 10.0.3.0/24:8080") from bad


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside a mapped or NAT64 one; others as they are."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody may dial it. `address` is unwrapped."""
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in net for net in _UNFIT if net.version == address.version)
    )


def _forbids(never: Entry, address: Address, port: int) -> bool:
    """A listener on every address (`0.0.0.0:8000`) is met at each address of this machine."""
    if str(never.network.network_address) in _ANYWHERE and never.port is not None:
        return never.port == port and is_here(str(address))
    return never.covers(address, port)


@functools.lru_cache(1_024)
def is_here(text: str) -> bool:
    """Whether an address is one of this machine's: a datagram socket can be bound to it."""
    address = ipaddress.ip_address(text)
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((text, 0))
    except OSError:
        return False
    return True


def is_web(url: str) -> bool:
    """Whether it is an http or https URL without user and password. Says nothing of its host."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError:
        return False
    plain = "\\" not in url and parts.username is None and parts.password is None
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain
