"""Active checks: agents that can be asked for nothing whether they are well are asked, regularly.

Who looks after a pool checks its agents (`watch`). Real traffic that succeeds is a better sign, so
then nothing is asked. An agent that is slow to answer waits for others like it, never they for it.
"""

from collections.abc import Iterator, Mapping

import anyio
import anyio.abc
import msgspec
import structlog

from orchestra.agents import TaskError
from orchestra.agents.health.watch import Watch
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import Roster
from orchestra.agents.providers import Checkable
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.clock import Clock, Random
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

TICK_S = 0.25
JITTER = 0.1
UP, DOWN = 2, 3
"""Successes in a row that bring an agent back, failures in a row that take it out."""
GATE_MS = 30_000
AUTH_GATE_MS = 300_000
QUICK_S = 1.0
AT_ONCE = 64
SLOW_AT_ONCE = 32
BUSY_MAX = 512
GRACE_S = 0.5
PASSIVE_S = 600.0
"""An agent with nothing to ask may have something later."""
NOT_CHECKABLE = "agent.not_checkable"
PROVES = frozenset({"openai", "anthropic", "mcp"})
"""Providers whose check sends the credentials, so that a success means they are good."""


class Checked(msgspec.Struct, frozen=True):
    """What one check found. `error` is None when the agent is well."""

    error: TaskError | None
    ms: int
    event: str = ""
    """`opened` or `closed`, when it changed the breaker; `gone`."""

    @property
    def passive(self) -> bool:
        """The agent has nothing to ask: only its tasks tell how it is."""
        return self.error is not None and self.error.code == NOT_CHECKABLE


class Place:
    """A place in a lane, left once."""

    def __init__(self, lane: anyio.CapacityLimiter) -> None:
        self._lane, self._taken = lane, False

    async def take(self) -> None:
        """Wait for it."""
        await self._lane.acquire_on_behalf_of(self)
        self._taken = True

    def leave(self) -> None:
        """Give it to the next. Safe to repeat."""
        if self._taken:
            self._taken = False
            self._lane.release_on_behalf_of(self)

    async def leave_after(self, seconds: float) -> None:
        """Leave it then."""
        await anyio.sleep(seconds)
        self.leave()


class Checks:
    """Checks agents. `serve` must run in every replica."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        watch: Watch,
        checkers: Mapping[str, Checkable],
        balancer: Balancer,
        ports: tuple[Clock, Random],
    ) -> None:
        self._store, self._registry, self._watch = store, registry, watch
        self._checkers, self._balancer = checkers, balancer
        self._clock, self._chance = ports
        self._report = load_scripts("orchestra.agents")["agent_checked"]
        self._next: dict[str, float] = {}
        self._passive: dict[str, tuple[int, float]] = {}
        """Agents with nothing to ask -> the revision they said it at, and until when it holds."""
        self._slow: set[str] = set()
        self._busy: set[str] = set()
        self._quick_lane = anyio.CapacityLimiter(AT_ONCE)
        self._slow_lane = anyio.CapacityLimiter(SLOW_AT_ONCE)

    def active(self, agent: Agent) -> bool:
        """Whether the agent is asked; else only its tasks tell how it is."""
        if agent.spec.provider not in self._checkers:
            return False
        revision, until = self._passive.get(agent.id, (0, 0.0))
        return revision != agent.revision or until <= self._clock.monotonic()

    async def serve(self) -> None:
        """Check agents until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                await self._clock.sleep(TICK_S)
                await self.round(group)

    async def round(self, group: anyio.abc.TaskGroup) -> None:
        """Begin the checks that are due."""
        for agent in (await self._due())[: BUSY_MAX - len(self._busy)]:
            self._busy.add(agent.id)
            group.start_soon(self._one, agent)

    async def check(self, agent: Agent) -> Checked:
        """Ask the agent now, and say in the store what came of it. Raises StoreAway."""
        began = self._clock.monotonic()
        found = await self._asked(agent)
        if found.passive:
            self._passive[agent.id] = (agent.revision, began + PASSIVE_S)
            return found
        error = found.error
        outcome = "ok" if error is None else "auth" if error.code == "agent.auth" else "fail"
        reply = await self._store.run(
            self._report,
            self._balancer.prefix(agent.tenant, agent.spec.agent_type),
            agent=agent.id,
            outcome=outcome,
            ms=found.ms,
            message="" if error is None else error.message[:200],
            up=UP,
            down=DOWN,
            gate_ms=AUTH_GATE_MS
            if outcome == "auth"
            else max(GATE_MS, 3_000 * agent.spec.health.interval_s),
            proves=int(agent.spec.provider in PROVES),
        )
        event = reply[0].decode()
        if event:
            names = {"agent": agent.id, "tenant": agent.tenant}
            log.info("agent.checked", **names, outcome=outcome, event_of_breaker=event)
        if event == "opened":
            self._balancer.opened(agent.tenant, agent.id)
        return msgspec.structs.replace(found, event=event)

    async def _asked(self, agent: Agent) -> Checked:
        timeout_s = agent.spec.health.timeout_ms / 1_000
        began = self._clock.monotonic()
        error: TaskError | None = None
        try:
            with anyio.fail_after(timeout_s + GRACE_S):
                error = await self._checkers[agent.spec.provider].check(agent, timeout_s)
        except TimeoutError:
            error = TaskError("timeout.attempt", f"no answer within {timeout_s:g} s")
        except OrchestraError as refused:
            error = TaskError("agent.unavailable", refused.detail)
        if error is not None and error.code == "agent.auth" and _open_to_all(agent):
            # A locked health path of an agent that wants no proof from us says nothing about it.
            error = TaskError(NOT_CHECKABLE, error.message)
        return Checked(error, int((self._clock.monotonic() - began) * 1_000))

    async def _one(self, agent: Agent) -> None:
        """One check, in the lane of its kind. Nothing leaves it: others go on."""
        began = self._clock.monotonic()
        try:
            if agent.id in self._slow:
                async with self._slow_lane:
                    began = self._clock.monotonic()
                    await self.check(agent)
            else:
                await self._quickly(agent)
        except OrchestraError as away:
            log.debug("check.not_reported", error=away.code)
        except Exception:
            log.exception("check.broken", agent=agent.id, tenant=agent.tenant)
        finally:
            self._busy.discard(agent.id)
            if self._clock.monotonic() - began < QUICK_S:
                self._slow.discard(agent.id)
            else:
                self._slow.add(agent.id)

    async def _quickly(self, agent: Agent) -> None:
        """A check that has a place for as long as it is quick, and goes on without one."""
        place = Place(self._quick_lane)
        await place.take()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(place.leave_after, QUICK_S)
                try:
                    await self.check(agent)
                except OrchestraError as away:
                    log.debug("check.not_reported", error=away.code)
                group.cancel_scope.cancel()
        finally:
            place.leave()

    async def _due(self) -> list[Agent]:
        now = self._clock.monotonic()
        found: list[Agent] = []
        seen: set[str] = set()
        for roster in self._registry.rosters:
            for prefix, members in self._pools(roster):
                seen.update(agent.id for agent in members)
                due = [agent for agent in members if self._is_due(agent, now)]
                if due:
                    found += await self._without_traffic(prefix, due)
        for agent_id in self._next.keys() - seen:
            del self._next[agent_id]
            self._slow.discard(agent_id)
            self._passive.pop(agent_id, None)
        return found

    def _pools(self, roster: Roster) -> Iterator[tuple[str, list[Agent]]]:
        """Pools that are ours, and who in them is to be checked."""
        for pool in roster.pools.values():
            prefix = self._balancer.prefix(roster.tenant, pool.agent_type)
            if self._watch.ours(prefix):
                members = [one for one in pool.agents if one.selectable and self.active(one)]
                if members:
                    yield prefix, members

    def _is_due(self, agent: Agent, now: float) -> bool:
        if agent.id in self._busy:
            return False
        interval_s = agent.spec.health.interval_s
        at = self._next.get(agent.id)
        if at is None:  # just ours: its first check comes at some time of the interval
            self._next[agent.id] = now + interval_s * self._chance.random()
            return False
        if at > now:
            return False
        self._next[agent.id] = now + interval_s * (1 + JITTER * (2 * self._chance.random() - 1))
        return True

    async def _without_traffic(self, prefix: str, due: list[Agent]) -> list[Agent]:
        """Those whose tasks did not succeed within the last interval."""
        ids = [agent.id for agent in due]
        try:
            found = await self._store.read(prefix, "HMGET", f"{prefix}ewma", *ids)
        except OrchestraError as away:
            log.debug("checks.not_begun", error=away.code)
            return []
        now_ms = self._watch.store_ms(prefix)
        return [
            agent
            for agent, line in zip(due, found, strict=True)
            if line is None
            or now_ms - int(line.rpartition(b":")[2]) >= agent.spec.health.interval_s * 1_000
        ]


def _open_to_all(agent: Agent) -> bool:
    return agent.spec.provider == "http" and agent.spec.auth.type == "none"
