"""Slots of agents, counted in the store: choosing one and taking its slot is one script.

A slot belongs to this replica's session. While slots are held the session is renewed every second
by any call to the pool; a replica that is silent for 3 s has lost them (AGENTS.md, section 6).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anyio
import msgspec
import structlog

from orchestra.agents.pools.roster import PLACES, Choice
from orchestra.agents.pools.slots import CANCELLED, Ended, Refusal, Slot, seen_in
from orchestra.agents.pools.wishes import PLAIN, Wish
from orchestra.agents.records import Agent
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.instruments import counter, histogram
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)
_PICK = histogram("orchestra_agent_pick_seconds", ("tenant", "agent_type"))
_REAPED = counter("orchestra_agent_slots_reaped_total", ("tenant", "agent_type"))
_OPENED = counter("orchestra_agent_breaker_opened_total", ("tenant", "agent"))

BEAT_S = 1.0
FOREVER_MS = 10 * 365 * 86_400_000
OWED_MAX = 10_000
RELEASE_S = 1.0
EXPLAIN_MAX = 200


class _Owed(msgspec.Struct, frozen=True):
    """A release that is still to be delivered."""

    slot: Slot
    ended: Ended


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
        self._topics = Topics()
        self.session = ids.new("ses")
        self.name_of: Callable[[Tenant, str], str] = lambda _, agent_id: agent_id
        """What an agent is called, by its id."""

    def prefix(self, tenant: Tenant, agent_type: str) -> str:
        """Where the pool lives."""
        return keys.pool(tenant, agent_type, self._store.space)

    async def put(self, agent: Agent, *, fresh: bool) -> None:
        """Make the agent pickable as it is now. Safe to repeat; `fresh` renews its life."""
        spec = agent.spec
        pull = spec.provider == "pull"
        push = pull or spec.heartbeat.mode == "push"
        alive_ms = spec.heartbeat.ttl_s * 1_000 if push else FOREVER_MS
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
            push=int(push),
            fresh=2 if pull else int(fresh),  # workers live by their polls
        )

    async def drop(
        self, tenant: Tenant, agent_type: str, agent_id: str, *, drained: bool = False
    ) -> None:
        """No more picks of it. Safe to repeat. `drained`: it is told when its last slot is free."""
        prefix = self.prefix(tenant, agent_type)
        await self._run("agent_drop", prefix, agent=agent_id, drained=int(drained))

    async def pardon(self, agent: Agent) -> None:
        """Its breaker lets the next task try. Safe to repeat."""
        prefix = self.prefix(agent.tenant, agent.spec.agent_type)
        await self._run("agent_pardon", prefix, agent=agent.id)

    async def alive(self, agent: Agent, said: str = "") -> bool:
        """It lives for another `ttl_s`. False when the pool does not know it."""
        prefix = self.prefix(agent.tenant, agent.spec.agent_type)
        alive_ms = agent.spec.heartbeat.ttl_s * 1_000
        values = {"agent": agent.id, "alive_ms": alive_ms, "said": said}
        return bool(await self._run("agent_alive", prefix, **values))

    async def acquire(
        self,
        choice: Choice,
        excluded: Iterable[str],
        give_up_ms: int,
        wish: Wish = PLAIN,
        *,
        again: bool = False,
    ) -> Slot | Refusal:
        """A slot of the best agent. Raises nothing: a store that is away is a refusal.

        When the reply is lost the slot may be ours without our knowing: it is given back later.
        """
        prefix = self.prefix(choice.tenant, choice.agent_type)
        lease, asked = self._ids.new("lse"), self._clock.monotonic()
        try:
            reply = await self._run(
                "slot_acquire",
                prefix,
                lease=lease,
                session=self.session,
                give_up_ms=give_up_ms,
                capability=choice.capability,
                strategy="ewma" if wish.strategy == "ewma" else "load",
                exclude="\n".join(excluded),
                only="\n".join(agent.id for agent in choice.agents) if choice.only else "",
                prefer=wish.prefer,
                bound=wish.bound,
                tokens=wish.tokens,
                retry=int(again),
                spill=int(wish.spill),
            )
        except OrchestraError as away:
            log.warning("slot.not_acquired", error=away.code)
            self._owe(Slot(prefix, agent.id, lease) for agent in choice.agents)
            return Refusal("away", away.retry_after_ms or 1_000)
        except BaseException:  # cancelled while the script may be running
            self._owe(Slot(prefix, agent.id, lease) for agent in choice.agents)
            raise
        _PICK.observe(self._clock.monotonic() - asked, choice.tenant, choice.agent_type)
        kind = reply[0].decode()
        if reaped := reply[5 if kind == "ok" else 3]:
            _REAPED.add(reaped, choice.tenant, choice.agent_type)
        if kind != "ok":
            return Refusal(kind, int(reply[1]), seen_in(reply[2]))
        self._held(prefix).slots += 1
        _, agent, fence, probe, used, _, seen = reply
        return Slot(
            prefix, agent.decode(), lease, fence, bool(probe), used, wish.tokens, seen_in(seen)
        )

    async def release(self, slot: Slot, ended: Ended = CANCELLED) -> bool:
        """Give the slot back. False when it was no longer ours, or cannot be told now.

        Not interrupted by cancellation; what cannot be delivered within a second is owed.
        """
        owed = _Owed(slot, ended)
        self._held(slot.prefix).slots -= 1
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + RELEASE_S):
            try:
                return await self._deliver(owed)
            except OrchestraError as away:
                log.warning("slot.release_postponed", error=away.code)
        self._owed.append(owed)
        return False

    async def explain(
        self, choice: Choice, tokens: int, agents: Sequence[Agent]
    ) -> list[tuple[object, ...]]:
        """How each of `agents` stands, as `slot_explain` says it. Changes nothing."""
        prefix = self.prefix(choice.tenant, choice.agent_type)
        found: list[tuple[object, ...]] = []
        for start in range(0, len(agents), EXPLAIN_MAX):
            ids = [agent.id.encode() for agent in agents[start : start + EXPLAIN_MAX]]
            found += await self._run(
                "slot_explain", prefix, *ids, capability=choice.capability, tokens=tokens
            )
        return found

    def follow(self, prefix: str, freed: Callable[[], None]) -> None:
        """Call `freed` whenever another replica gives back a slot of this pool."""

        def heard(session: bytes) -> None:
            if session.decode() != self.session:
                freed()

        self._topics.want(prefix + "free", heard)

    def unfollow(self, prefix: str) -> None:
        """Nobody here waits for this pool any more."""
        self._topics.forget(prefix + "free")

    async def serve(self) -> None:
        """Keep the session alive where slots are held, and deliver what is owed."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._store.follow, self._topics)
            group.start_soon(self._keep)

    async def _keep(self) -> None:
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
                self.reaped(prefix, await self._run("slot_beat", prefix, session=self.session))
                held.spoke = now

    async def _deliver(self, owed: _Owed) -> bool:
        slot, ended = owed.slot, owed.ended
        reply = await self._run(
            "slot_release",
            slot.prefix,
            agent=slot.agent_id,
            lease=slot.lease,
            session=self.session,
            outcome=ended.outcome,
            latency_ms=ended.latency_ms,
            retry_ms=ended.gate_ms,
            tokens=ended.tokens,
        )
        self._held(slot.prefix).spoke = self._clock.monotonic()
        if event := reply[1].decode():
            log.info("breaker.changed", agent=slot.agent_id, state=event)
        if event == "opened":
            self.opened(_pool(slot.prefix)[0], slot.agent_id)
        return bool(reply[0])

    def opened(self, tenant: Tenant, agent_id: str) -> None:
        """The breaker of an agent opened, here: it is counted."""
        _OPENED.add(1, tenant, self.name_of(tenant, agent_id))

    def reaped(self, prefix: str, n: int) -> None:
        """So many slots of the dead were taken back, here: they are counted."""
        if n:
            _REAPED.add(n, *_pool(prefix))

    def _owe(self, slots: Iterable[Slot]) -> None:
        self._owed.extend(_Owed(slot, CANCELLED) for slot in slots)

    def _held(self, prefix: str) -> _Held:
        held = self._pools.get(prefix)
        if held is None:
            held = self._pools[prefix] = _Held()
        held.spoke = self._clock.monotonic()
        return held

    async def _run(self, name: str, prefix: str, /, *more: bytes, **args: bytes | str | int) -> Any:
        return await self._store.run(self._scripts[name], prefix, *more, **args)


def _pool(prefix: str) -> tuple[Tenant, str]:
    """Whose pool it is, and of which type."""
    tenant, _, agent_type = prefix[prefix.index("{") + 1 : prefix.rindex("}")].partition("/")
    return Tenant(tenant), agent_type
