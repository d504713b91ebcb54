"""Tokens of pull agents: what workers show that have no API key. For one agent, and nothing else.

256 random bits, kept as a digest: who reads the store learns no token.
"""

import hashlib
import hmac
import secrets

from orchestra.clock import Clock
from orchestra.errors import Unauthenticated
from orchestra.security import KEY_NEEDED
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

TOKEN = "orc_pull_"  # noqa: S105  -- how they begin
REMEMBERED_S = 5.0
REMEMBERED_MAX = 10_000

Owner = tuple[Tenant, str]
"""Tenant and agent."""


class PullTokens:
    """The tokens in the store. Verified ones are remembered for 5 s at most."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._prefix = keys.agents(store.space)
        self._known: dict[str, tuple[float, Tenant, str]] = {}

    async def issue(self, tenant: Tenant, agent_id: str) -> str:
        """A new token, which is shown once; an earlier one is no longer good. Raises StoreAway."""
        token = f"{TOKEN}{agent_id.removeprefix('agt_')}_{secrets.token_urlsafe(32)}"
        name = keys.agent_token(self._prefix, agent_id)
        await self._store.call(self._prefix, "SET", name, f"{tenant}|{_digest(token)}")
        self._known.pop(agent_id, None)
        return token

    async def owner(self, token: str) -> Owner:
        """Whose token it is. Raises Unauthenticated, StoreAway."""
        agent_id = f"agt_{token.removeprefix(TOKEN).partition('_')[0]}"
        known = self._known.get(agent_id)
        now = self._clock.monotonic()
        if known is None or now - known[0] > REMEMBERED_S:
            found = await self._store.read(
                self._prefix, "GET", keys.agent_token(self._prefix, agent_id)
            )
            tenant, _, digest = (found or b"").decode().rpartition("|")
            known = (now, Tenant(tenant), digest)
            while len(self._known) >= REMEMBERED_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[agent_id] = known
        if not known[2] or not hmac.compare_digest(known[2], _digest(token)):
            raise Unauthenticated(KEY_NEEDED)
        return known[1], agent_id


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
