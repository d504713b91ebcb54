"""Where mail may be handed over: at the server that the operator named, wherever it is.

The setting that names it admits it, as `network_allow` admits others; it is still resolved once and
dialled at that very address, and never is it us, the store, or a metadata service.
"""

import ipaddress
from collections.abc import Callable
from typing import Final

import msgspec

from orchestra.security.destinations import Entry
from orchestra.security.ourselves import Servers, policy_of
from orchestra.security.outbound import ADDRESSES_MAX, Resolve, system_resolve
from orchestra.settings import Settings

_EVERYWHERE: Final = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))


class MailGuard:
    """Judges the addresses of the mail server. Called as `judge(host, port)`."""

    def __init__(
        self, settings: Settings, servers: Callable[[], Servers], resolve: Resolve = system_resolve
    ) -> None:
        self._settings, self._servers, self._resolve = settings, servers, resolve

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses to dial. Raises OSError when it is unknown, or one of them is forbidden."""
        policy = await policy_of(self._settings, self._servers())
        admitted = tuple(Entry(network, port) for network in _EVERYWHERE)
        policy = msgspec.structs.replace(policy, allow=admitted)
        if host.lower().rstrip(".") in policy.names:
            raise OSError("destination not allowed")
        try:
            addresses = await self._resolve(host, port)
        except UnicodeError:
            raise OSError("destination not allowed") from None
        if not addresses or not all(policy.permits(one, port) for one in addresses):
            raise OSError("destination not allowed")
        return addresses[:ADDRESSES_MAX]
