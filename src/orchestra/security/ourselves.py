"""What must never be dialled because it is us: our listener, `public_url`, the store."""

from urllib.parse import urlsplit

import anyio

from orchestra.security.destinations import Entry, Policy, entry, policy
from orchestra.security.outbound import CONNECT_S, system_resolve
from orchestra.settings import Settings

STORE_PORT = 6379


async def policy_of(settings: Settings) -> Policy:
    """The policy of this process. Raises BadEntry for a `network_allow` that cannot be read."""
    base = policy(settings.network_allow)
    own = [(settings.host, settings.port)] if settings.port else []
    names: set[str] = set()
    if settings.public_url:
        public = urlsplit(settings.public_url)
        own.append((public.hostname or "", public.port or _default_port(public.scheme)))
        names.add((public.hostname or "").lower())
    own += _store_hosts(settings.store_url)
    never = [one for host, port in own if host for one in await _entries(host, port)]
    return Policy(base.allow, tuple(never), base.ports, frozenset(names - {"", "localhost"}))


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _store_hosts(url: str | None) -> list[tuple[str, int]]:
    """Every host of a store's URL; a list of several is separated by commas."""
    if url is None or url.startswith("unix"):
        return []
    places = urlsplit(url).netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{place}") for place in places]
    return [(part.hostname or "", part.port or STORE_PORT) for part in parts]


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
