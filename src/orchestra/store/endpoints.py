"""Where servers listen and how to get in: store URLs, dialling, one-off questions.

    redis://[user:password@]host[:port][/db]       rediss:// the same over TLS
    unix://[user:password@]/path/to.sock[?db=0]
    redis+sentinel://[user:password@]host:port,host:port/master-name[?db=0]
    redis+cluster://[user:password@]host:port,host:port

`rediss+…` is TLS everywhere. Queries: `ssl_ca_certs=PATH`, `ssl_certfile=PATH`,
`ssl_keyfile=PATH`, `ssl_cert_reqs=none`; `sentinel_username`, `sentinel_password`.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import hiredis
import msgspec

from orchestra.store.failures import Unfit, failure
from orchestra.store.mux import Dial, Reply, Word, pack, unix

Kind: TypeAlias = Literal["standalone", "sentinel", "cluster"]

_KINDS: Mapping[str, tuple[Kind, bool, int]] = {
    "redis": ("standalone", False, 6379),
    "rediss": ("standalone", True, 6379),
    "valkey": ("standalone", False, 6379),
    "valkeys": ("standalone", True, 6379),
    "unix": ("standalone", False, 0),
    "redis+sentinel": ("sentinel", False, 26379),
    "rediss+sentinel": ("sentinel", True, 26379),
    "redis+cluster": ("cluster", False, 6379),
    "rediss+cluster": ("cluster", True, 6379),
}


class Address(msgspec.Struct, frozen=True):
    """One server: a host and port, or the path of a socket file."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


class Access(msgspec.Struct, frozen=True):
    """How to get into a server. Its text form shows no password."""

    username: str = ""
    password: str = ""
    db: int = 0
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True

    def __repr__(self) -> str:
        return f"Access(username={self.username!r}, db={self.db}, tls={self.tls})"

    def hello(self, name: str) -> tuple[tuple[Word, ...], ...]:
        """The commands a connection begins with. `name` is shown by CLIENT LIST."""
        words: list[Word] = ["HELLO", "2"]
        if self.password:
            words += ["AUTH", self.username or "default", self.password]
        words += ["SETNAME", name]
        return (tuple(words), ("SELECT", self.db)) if self.db else (tuple(words),)


class Location(msgspec.Struct, frozen=True):
    """A store as its URL gives it."""

    kind: Kind
    addresses: tuple[Address, ...]
    access: Access
    sentinel: Access = Access()
    master: str = ""


def locate(url: str) -> Location:
    """Read a store URL. Raises Unfit, without the password in it."""
    scheme, _, rest = url.partition("://")
    found = _KINDS.get(scheme)
    if found is None or not rest:
        raise Unfit(f"store URL: {scheme or '(empty)'}:// is none of {', '.join(_KINDS)}")
    kind, tls, port = found
    # The parts of a list of hosts are split here; urlsplit would take them for one host.
    split = urlsplit(f"//{rest}")
    login, _, hosts = split.netloc.rpartition("@")
    username, _, password = (unquote(part) for part in login.partition(":"))
    query = dict(parse_qsl(split.query))
    path = unquote(split.path)
    access = Access(
        username=username,
        password=password,
        db=_database(query.get("db") or (path[1:] if kind == "standalone" and hosts else "")),
        tls=tls,
        ca=query.get("ssl_ca_certs", ""),
        certificate=query.get("ssl_certfile", ""),
        key=query.get("ssl_keyfile", ""),
        verify=query.get("ssl_cert_reqs", "required") != "none",
    )
    if scheme == "unix":
        return Location(kind, (Address(path=path),), access)
    addresses = tuple(_address(host, port) for host in hosts.split(",") if host)
    master = path[1:] if kind == "sentinel" else ""
    if not addresses or (kind == "sentinel" and not master):
        raise Unfit("store URL: a host is missing, or behind the sentinels the master's name")
    guard = msgspec.structs.replace(
        access,
        username=query.get("sentinel_username", ""),
        password=query.get("sentinel_password", ""),
        db=0,
    )
    return Location(kind, addresses, access, guard, master)


def _database(text: str) -> int:
    if text and not text.isdigit():
        raise Unfit(f"store URL: the database is a number, not {text!r}")
    return int(text or 0)


def _address(text: str, port: int) -> Address:
    try:
        split = urlsplit(f"//{text}")
        return Address(split.hostname or "", split.port or port)
    except ValueError:
        raise Unfit(f"store URL: {text!r} is no host and port") from None


def dial(address: Address, access: Access) -> Dial:
    """How a connection to `address` is opened."""
    if address.path:
        return unix(address.path)
    context = tls_context(access) if access.tls else None
    name = address.host if context else None

    async def connect(factory: Callable[[], asyncio.Protocol]) -> object:
        loop = asyncio.get_running_loop()
        return await loop.create_connection(
            factory, address.host, address.port, ssl=context, server_hostname=name
        )

    return connect


async def streams(
    address: Address, access: Access
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection for reading one reply after the other."""
    if address.path:
        return await asyncio.open_unix_connection(address.path)
    context = tls_context(access) if access.tls else None
    name = address.host if context else None
    return await asyncio.open_connection(
        address.host, address.port, ssl=context, server_hostname=name
    )


async def ask(
    address: Address, access: Access, *commands: tuple[Word, ...], timeout_s: float = 5.0
) -> list[Reply]:
    """Ask one server over a connection of its own. An error reply stands in the list.

    Raises OSError or TimeoutError when it does not answer, and what the login ends in.
    """
    async with asyncio.timeout(timeout_s):
        stream, writer = await streams(address, access)
        try:
            hello = access.hello("orchestra-ask")
            writer.write(b"".join(map(pack, (*hello, *commands))))
            reader, replies = hiredis.Reader(replyError=failure), list[Reply]()
            while len(replies) < len(hello) + len(commands):
                if not (data := await stream.read(65_536)):
                    raise ConnectionResetError(f"{address} closed the connection")
                reader.feed(data)
                while (reply := reader.gets()) is not False:
                    replies.append(reply)
        finally:
            writer.close()
    for reply in replies[: len(hello)]:
        if isinstance(reply, Exception):
            raise reply
    return replies[len(hello) :]


def tls_context(access: Access) -> ssl.SSLContext:
    """What a TLS connection checks. Raises OSError when a file of it cannot be read."""
    context = ssl.create_default_context(cafile=access.ca or None)
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.certificate:
        context.load_cert_chain(access.certificate, access.key or None)
    return context
