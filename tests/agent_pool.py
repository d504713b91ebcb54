"""A pool of agents as its scripts have it, seen by one session at a time of the test's choosing."""

from typing import Any

from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

SCRIPTS = load_scripts("orchestra.agents")
POOL = "o:a:{default/text_processor}:"


class Pool:
    """One pool seen by one session, at a time of the test's choosing."""

    def __init__(self, store: Store, session: str = "r1") -> None:
        self.store, self.session, self.at_ms, self.leases = store, session, 1_000_000, 0
        self.seen = ""

    async def call(self, name: str, /, *more: str, **values: str | int) -> Any:
        script = SCRIPTS[name]
        argv = [str(self.at_ms), *script.argv(values), *more]
        return _text(await self.store.call(POOL, "EVAL", script.source, 1, POOL, *argv))

    async def put(self, agent: str, *capabilities: str, slots: int = 4, **conf: int) -> None:
        values = {
            "weight": 1,
            "tier": 8,
            "rpm": 0,
            "tpm": 0,
            "alive_ms": 10**9,
            "push": 1,
            "fresh": 1,
        }
        assert (
            await self.call("agent_put", *capabilities, agent=agent, max=slots, **(values | conf))
            == "ok"
        )

    async def acquire(self, **options: str | int) -> tuple[list[Any], str]:
        self.leases += 1
        lease = f"{self.session}.{self.leases}"
        values: dict[str, str | int] = {
            "session": self.session, "give_up_ms": 65_000, "capability": "", "strategy": "load",
            "exclude": "", "only": "", "prefer": "", "bound": 0, "tokens": 0, "retry": 0,
            "spill": 0,
        }  # fmt: skip
        reply = await self.call("slot_acquire", lease=lease, **(values | options))
        *pick, self.seen = reply if reply[0] == "ok" else reply[:3]
        return pick, lease

    async def release(self, agent: str, lease: str, outcome: str = "ok", **options: int) -> Any:
        values = {"latency_ms": 10, "retry_ms": 0, "tokens": 0} | options
        return await self.call(
            "slot_release",
            agent=agent,
            lease=lease,
            session=self.session,
            outcome=outcome,
            **values,
        )

    async def turn(self, outcome: str = "ok", **options: str | int) -> list[Any]:
        """One pick, given back at once."""
        pick, lease = await self.acquire(**options)
        if pick[0] == "ok":
            await self.release(pick[1], lease, outcome)
        return pick

    async def state(self) -> dict[str, bytes]:
        """Everything that is kept, to be compared."""
        names = await self.store.read(POOL, "KEYS", POOL + "*")
        return {name.decode(): await self.store.read(POOL, "DUMP", name) for name in names}

    async def used(self) -> int:
        return sum(int(n) for n in await self.store.read(POOL, "HVALS", POOL + "inf"))


def _text(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_text(item) for item in reply]
    return reply.decode() if isinstance(reply, bytes) else reply
