"""The scripts of one pool in virtual time, for tests that look after agents."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

SCRIPTS = load_scripts("orchestra.agents")
POOL = "o:a:{default/checked}:"
REGISTRY = "o:{ag}:"


class PoolAt:
    """One pool at a time of the test's choosing."""

    def __init__(self, store: Store) -> None:
        self.store, self.at_ms, self.leases = store, 1_000_000_000, 0

    async def run(
        self, name: str, /, *more: str | bytes, prefix: str = POOL, **values: str | int
    ) -> Any:
        """One script."""
        script = SCRIPTS[name]
        argv = [str(self.at_ms), *script.argv(values), *more]
        return plain(await self.store.call(prefix, "EVAL", script.source, 1, prefix, *argv))

    async def put(self, agent: str, *, ttl_ms: int = 0, slots: int = 4) -> None:
        """An agent; with `ttl_ms` it sends heartbeats."""
        await self.run(
            "agent_put", agent=agent, max=slots, weight=1, tier=8, rpm=0, tpm=0,
            alive_ms=ttl_ms or 10**12, push=int(ttl_ms > 0), fresh=1,
        )  # fmt: skip

    async def beat(self, agent: str, ttl_ms: int) -> int:
        """A heartbeat."""
        return await self.run("agent_alive", agent=agent, alive_ms=ttl_ms, said="")

    async def checked(self, agent: str, outcome: str = "ok", *, proves: int = 0) -> list[Any]:
        """A check: three failures down, two successes up."""
        return await self.run(
            "agent_checked", agent=agent, outcome=outcome, ms=5, message="it was asked", up=2,
            down=3, gate_ms=30_000, proves=proves,
        )  # fmt: skip

    async def watch(self, session: str = "r1", lease_ms: int = 5_000) -> list[Any]:
        """One look after the pool."""
        return await self.run(
            "pool_watch", session=session, lease_ms=lease_ms, offline_ms=300_000, window_ms=15_000
        )

    async def pick(self, *others: str) -> tuple[list[Any], str]:
        """A slot of anybody but `others`."""
        self.leases += 1
        lease = f"l{self.leases}"
        pick = await self.run(
            "slot_acquire", lease=lease, session="r1", give_up_ms=65_000, capability="",
            strategy="load", exclude="\n".join(others), only="", prefer="", bound=0, tokens=0,
            retry=0, spill=0,
        )  # fmt: skip
        return pick, lease

    async def ends(self, agent: str, lease: str, outcome: str = "ok") -> Any:
        """A call is over."""
        return await self.run(
            "slot_release", agent=agent, lease=lease, session="r1", outcome=outcome,
            latency_ms=10, retry_ms=300_000 if outcome == "deny" else 0, tokens=0,
        )  # fmt: skip

    async def told(self, prefix: str = POOL) -> list[tuple[str, str]]:
        """Types and agents of all events so far."""
        return [(one["t"], one["a"]) for one in await self.events(prefix)]

    async def events(self, prefix: str = POOL) -> list[dict[str, Any]]:
        """All events so far."""
        found: list[dict[str, Any]] = []
        for _, fields in cast(
            "Sequence[Any]", await self.store.read(prefix, "XRANGE", prefix + "ev", "-", "+")
        ):
            texts = plain(fields)
            event: dict[str, Any] = dict(zip(texts[::2], texts[1::2], strict=True))
            found.append(event | {"d": msgspec.json.decode(event["d"])})
        return found

    async def field(self, name: str, agent: str) -> str | None:
        """What a hash of the pool has about an agent."""
        return plain(await self.store.read(POOL, "HGET", POOL + name, agent))


def plain(reply: Any) -> Any:
    """Bytes as text, all the way down."""
    if isinstance(reply, list):
        return [plain(item) for item in cast("list[Any]", reply)]
    return reply.decode() if isinstance(reply, bytes) else reply
