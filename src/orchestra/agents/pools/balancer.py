"""Slots of agents, counted in the store: choosing one and taking its slot is one script.

A slot belongs to this replica's session. While slots are held the session is renewed every second
by any call to the pool; a replica that is silent for 3 s has lost them (AGENTS.md, section 6).
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, Literal

import anyio
import msgspec
import structlog

from orchestra.agents.pools.roster import Choice
from orchestra.agents.pools.seats import PLACES
from orchestra.agents.providers import Outcome
from orchestra.agents.records import Agent
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

BEAT_S = 1.0
FOREVER_MS = 10 * 365 * 86_400_000
OWED_MAX = 10_000
RELEASE_S = 1.0


class Slot(msgspec.Struct, frozen=True):
    """A slot we hold. `fence` only grows within the pool; `probe`: the breaker is half open."""

    prefix: str
    agent_id: str
    lease: str
    fence: int = 0
    probe: bool = False
    used: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Nobody could be picked. `figure` is how many are full or down, or ms until one cools off."""

    kind: Literal["full", "cooling", "down", "none", "budget", "saturated", "late", "away"]
    figure: int = 0


class _Owed(msgspec.Struct, frozen=True):
    """A release that is still to be delivered."""

    slot: Slot
    outcome: Outcome
    latency_ms: int
    gate_ms: int


class _Held(msgspec.Struct):
    """What we hold in one pool, and when we last spoke to it."""

    slots: int = 0
    spoke: float = 0.0


class Balancer:
    """Takes and gives back slots. `serve` must run; `leave` ends the session."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._scripts = load_scripts("orchestra.agents")
        self._pools: dict[str, _Held] = {}
        self._owed: deque[_Owed] = deque(maxlen=OWED_MAX)
        self.session = ids.new("ses")

    def prefix(self, tenant: Tenant, agent_type: str) -> str:
        """Where the pool lives."""
        return keys.pool(tenant, agent_type, self._store.space)

    async def put(self, agent: Agent, *, fresh: bool) -> None:
        """Make the agent pickable as it is now. Safe to repeat; `fresh` renews its life."""
        spec = agent.spec
        alive_ms = FOREVER_MS if spec.heartbeat.mode == "none" else spec.heartbeat.ttl_s * 1_000
        names = agent.offers
        if not names and not agent.anything:
            names = frozenset("!")  # it declares only what nobody here can do: never picked
        await self._run(
            "agent_put",
            self.prefix(agent.tenant, spec.agent_type),
            *(name.encode() for name in sorted(names)),
            agent=agent.id,
            max=spec.max_concurrency or PLACES,
            weight=spec.weight,
            tier=spec.priority,
            rpm=spec.limits.rpm,
            tpm=spec.limits.tpm,
            alive_ms=alive_ms,
            push=int(spec.heartbeat.mode == "push"),
            fresh=int(fresh),
        )

    async def drop(
        self, tenant: Tenant, agent_type: str, agent_id: str, *, drained: bool = False
    ) -> None:
        """No more picks of it. Safe to repeat. `drained`: it is told when its last slot is free."""
        prefix = self.prefix(tenant, agent_type)
        await self._run("agent_drop", prefix, agent=agent_id, drained=int(drained))

    async def alive(self, agent: Agent, said: str = "") -> bool:
        """It lives for another `ttl_s`. False when the pool does not know it."""
        prefix = self.prefix(agent.tenant, agent.spec.agent_type)
        alive_ms = agent.spec.heartbeat.ttl_s * 1_000
        values = {"agent": agent.id, "alive_ms": alive_ms, "said": said}
        return bool(await self._run("agent_alive", prefix, **values))

    async def acquire(
        self, choice: Choice, excluded: Iterable[str], give_up_ms: int, *, again: bool = False
    ) -> Slot | Refusal:
        """A slot of the least loaded agent. Raises nothing: a store that is away is a refusal.

        When the reply is lost the slot may be ours without our knowing: it is given back later.
        """
        prefix = self.prefix(choice.tenant, choice.agent_type)
        lease = self._ids.new("lse")
        try:
            reply = await self._run(
                "slot_acquire",
                prefix,
                lease=lease,
                session=self.session,
                give_up_ms=give_up_ms,
                capability=choice.capability,
                strategy="load",
                exclude="\n".join(excluded),
                only="\n".join(agent.id for agent in choice.agents) if choice.only else "",
                tokens=0,
                retry=int(again),
                spill=0,
            )
        except OrchestraError as away:
            log.warning("slot.not_acquired", error=away.code)
            self._owe(Slot(prefix, agent.id, lease) for agent in choice.agents)
            return Refusal("away", away.retry_after_ms or 1_000)
        except BaseException:  # cancelled while the script may be running
            self._owe(Slot(prefix, agent.id, lease) for agent in choice.agents)
            raise
        kind = reply[0].decode()
        if kind != "ok":
            return Refusal(kind, int(reply[1]))
        self._held(prefix).slots += 1
        return Slot(prefix, reply[1].decode(), lease, int(reply[2]), bool(reply[3]), int(reply[4]))

    async def release(
        self, slot: Slot, outcome: Outcome, latency_ms: int = 0, gate_ms: int = 0
    ) -> bool:
        """Give the slot back. False when it was no longer ours, or cannot be told now.

        Not interrupted by cancellation; what cannot be delivered within a second is owed.
        """
        owed = _Owed(slot, outcome, latency_ms, gate_ms)
        self._held(slot.prefix).slots -= 1
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + RELEASE_S):
            try:
                return await self._deliver(owed)
            except OrchestraError as away:
                log.warning("slot.release_postponed", error=away.code)
        self._owed.append(owed)
        return False

    async def serve(self) -> None:
        """Keep the session alive where slots are held, and deliver what is owed."""
        while True:
            await anyio.sleep(BEAT_S / 2)
            try:
                await self._beat()
                while self._owed:
                    await self._deliver(self._owed[0])
                    self._owed.popleft()
            except OrchestraError as away:
                log.debug("slot.beat_missed", error=away.code)

    async def leave(self) -> None:
        """Give everything back at once: an orderly goodbye."""
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + RELEASE_S):
            for prefix in list(self._pools):
                try:
                    await self._run("slot_leave", prefix, session=self.session)
                except OrchestraError as away:
                    log.debug("slot.leave_failed", error=away.code)
        self._pools.clear()

    async def _beat(self) -> None:
        now = self._clock.monotonic()
        for prefix, held in list(self._pools.items()):
            if held.slots <= 0 and now - held.spoke > 60:
                del self._pools[prefix]
            elif held.slots > 0 and now - held.spoke >= BEAT_S:
                await self._run("slot_beat", prefix, session=self.session)
                held.spoke = now

    async def _deliver(self, owed: _Owed) -> bool:
        slot = owed.slot
        reply = await self._run(
            "slot_release",
            slot.prefix,
            agent=slot.agent_id,
            lease=slot.lease,
            session=self.session,
            outcome=owed.outcome,
            latency_ms=owed.latency_ms,
            retry_ms=owed.gate_ms,
            tokens=0,
        )
        self._held(slot.prefix).spoke = self._clock.monotonic()
        if event := reply[1].decode():
            log.info("breaker.changed", agent=slot.agent_id, state=event)
        return bool(reply[0])

    def _owe(self, slots: Iterable[Slot]) -> None:
        self._owed.extend(_Owed(slot, "none", 0, 0) for slot in slots)

    def _held(self, prefix: str) -> _Held:
        held = self._pools.get(prefix)
        if held is None:
            held = self._pools[prefix] = _Held()
        held.spoke = self._clock.monotonic()
        return held

    async def _run(self, name: str, prefix: str, /, *more: bytes, **args: bytes | str | int) -> Any:
        return await self._store.run(self._scripts[name], prefix, *more, **args)
