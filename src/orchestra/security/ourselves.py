"""What must never be dialled because it is us: our listener, `public_url`, the store."""

from collections.abc import Callable
from urllib.parse import urlsplit

import anyio

from orchestra.clock import Clock
from orchestra.security.destinations import Entry, Policy, entry, policy
from orchestra.security.outbound import CONNECT_S, Outbound, system_resolve
from orchestra.settings import Settings

STORE_PORT, SENTINEL_PORT = 6379, 26379
LOOK_S = 1.0


Servers = frozenset[tuple[str, int]]


async def policy_of(settings: Settings, servers: Servers = frozenset()) -> Policy:
    """The policy of this process. `servers`: those of the store, whatever its URL names.

    Raises BadEntry for a `network_allow` that cannot be read.
    """
    base = policy(settings.network_allow)
    own = [(settings.host, settings.port)] if settings.port else []
    names: set[str] = set()
    if settings.public_url:
        public = urlsplit(settings.public_url)
        own.append((public.hostname or "", public.port or _default_port(public.scheme)))
        names.add((public.hostname or "").lower())
    own += [*_store_hosts(settings.store_url), *sorted(servers)]
    never = [one for host, port in own if host for one in await _entries(host, port)]
    return Policy(base.allow, tuple(never), base.ports, frozenset(names - {"", "localhost"}))


async def keep_judged(
    outbound: Outbound, settings: Settings, servers: Callable[[], Servers], clock: Clock
) -> None:
    """Judge by where the store is now, until cancelled: a failover or a resharding moves it."""
    known: Servers | None = None
    while True:
        if (found := servers()) != known:
            outbound.adopt(await policy_of(settings, found))
            known = found
        await clock.sleep(LOOK_S)


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _store_hosts(url: str | None) -> list[tuple[str, int]]:
    """Every host of a store's URL; a list of several is separated by commas."""
    if url is None or url.startswith("unix"):
        return []
    places = urlsplit(url).netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{place}") for place in places]
    usual = SENTINEL_PORT if "sentinel" in urlsplit(url).scheme else STORE_PORT
    return [(part.hostname or "", part.port or usual) for part in parts]


async def _entries(host: str, port: int) -> list[Entry]:
    """One for each address of the host; none while its name means nothing."""
    try:
        with anyio.fail_after(CONNECT_S):
            addresses = await system_resolve(host, port)
    except (OSError, UnicodeError):
        return []
    return [_entry(address, port) for address in addresses]


def _entry(address: str, port: int) -> Entry:
    bare = address.partition("%")[0]
    return entry(f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}")
