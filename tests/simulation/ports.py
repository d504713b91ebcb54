"""The engine's ports in virtual time: a store that loses, a lease, a clock, scripted agents."""

import socket
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import hiredis

from orchestra.agents import Task, TaskError, TaskResult
from orchestra.clock import Random
from orchestra.store import partitions
from orchestra.store.failures import StoreAway
from orchestra.store.leases import PULSE_S, RENEW_S, RETRY_S, LeaseClock
from orchestra.store.scripts import Argument, Script
from orchestra.workflows.ports import STORE_SCRIPTS
from orchestra.workflows.running.engine import Engine
from simulation.checker import Call
from simulation.loop import Node, World

TAGS = (0, 128)
LEASE_S = 3.0
_OUTCOMES = (("ok", 0.74), ("definite", 0.11), ("declined", 0.04), ("unknown", 0.11))


class Wire:
    """A plain blocking connection to the real server: what a call costs is the server's work."""

    def __init__(self, place: str | tuple[str, int]) -> None:
        family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.connect(place)
        self._reader = hiredis.Reader()

    def __call__(self, *words: Argument | float) -> Any:
        """One command. Raises what the server answers as an error."""
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # its tuple is invariant
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(65_536))
        if isinstance(reply, hiredis.HiredisError):
            raise reply
        return reply

    def evaluate(self, script: Script, prefix: str, *argv: Argument) -> Any:
        """Run a script, loading it the first time."""
        try:
            return self("EVALSHA", script.sha, 1, prefix, *argv)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return self("EVAL", script.source, 1, prefix, *argv)

    def close(self) -> None:
        self._socket.close()


class Later:
    """A call that is made when it is awaited, and may never be."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, None, Any]:
        return self._call().__await__()


class SimStore:
    """The store as one node reaches it. `node` None: from outside, over the same network."""

    space = "o"
    partitions = TAGS

    def __init__(
        self, world: World, wire: Wire, node: Node | None, planted: Mapping[str, Script]
    ) -> None:
        self._world, self._wire, self._node, self._planted = world, wire, node, planted

    def prefix(self, tag_number: int) -> str:
        return partitions.prefix(tag_number, self.space)

    async def run(self, script: Script, prefix: str, /, *more: bytes, **args: Argument) -> Any:
        script = self._planted.get(script.name, script)
        values = script.argv(args)

        def apply() -> Any:
            at = f"{self._world.now() * 1_000:.0f}"
            return self._wire.evaluate(script, prefix, at, *values, *more)

        return await self._world.call(self._node, script.name, apply)

    def read(self, prefix: str, /, *command: Argument | float) -> Awaitable[Any]:
        call = self._world.call
        return Later(lambda: call(self._node, str(command[0]), lambda: self._wire(*command)))


class SimClock:
    """Virtual time, a little wrong on every node."""

    def __init__(self, world: World, node: Node, skew_ms: int) -> None:
        self._world, self._node, self._skew_ms = world, node, skew_ms

    def now_ms(self) -> int:
        return int(self._world.now() * 1_000) + self._skew_ms

    def monotonic(self) -> float:
        return self._world.now()

    async def sleep(self, seconds: float) -> None:
        await self._world.sleep(self._node, seconds)


class SimLease:
    """Drives a `LeaseClock` as the lease thread does."""

    def __init__(self, world: World, store: SimStore, node: Node, chance: Random) -> None:
        self._world, self._store, self._node = world, store, node
        self.clock = LeaseClock(TAGS, world.now, chance)
        self.renewed: dict[int, float] = {}
        """By our own account, when the last successful renewal was sent."""

    async def pulse(self) -> None:
        while True:
            self.clock.pulse()
            await self._world.sleep(self._node, PULSE_S)

    async def keep(self, engine: Engine) -> None:
        while True:
            began, whole = self._world.now(), True
            for tag in TAGS:
                whole &= await self._renew(engine, tag)
            if self.clock.expired:
                engine.fence(None)
                self.clock.renew()
                continue
            for tag in self.clock.lost():
                engine.fence(tag)
            rest = (RENEW_S if whole else RETRY_S) - (self._world.now() - began)
            await self._world.sleep(self._node, max(0.0, rest))

    async def _renew(self, engine: Engine, tag: int) -> bool:
        args = self.clock.request(tag)
        if args is None:
            return True
        sent = self._world.now()
        try:
            reply = await self._store.run(
                STORE_SCRIPTS["session_beat"], self._store.prefix(tag), **args
            )
        except StoreAway:
            return False
        beat = self.clock.answered(tag, str(args["session"]), sent, reply)
        if beat is not None:
            self.renewed[tag] = sent
            engine.beaten(beat.tag, beat.held, list(beat.stopped))
        return True


@dataclass
class SimAgents:
    """Agents that do their work in the world: what they did stays, whoever hears of it."""

    world: World
    node: Node
    lease: SimLease
    calls: list[Call]
    wrong: list[str]
    session_log: set[str] = field(default_factory=set[str])

    async def execute(self, task: Task) -> TaskResult:
        assert task.execution is not None
        assert task.step is not None
        tag = partitions.tag_number_of(task.execution)
        age_s = self.world.now() - self.lease.renewed.get(tag, 0.0)
        if age_s > LEASE_S:
            self.wrong.append(f"fence: {task.execution} {task.step} called {age_s:.1f} s unrenewed")
        call = Call(
            task.execution, task.step, task.key, task.fence, int(self.world.now() * 1_000),
            request=dict(task.input_data) if isinstance(task.input_data, dict) else {},
        )  # fmt: skip
        self.calls.append(call)
        chance = self.world.random
        dice, outcome = chance.random(), "unknown"
        for name, share in _OUTCOMES:
            if dice < share:
                outcome = name
                break
            dice -= share
        if task.step[0] == "~" and outcome == "declined":
            outcome = "ok"
        await self.world.sleep(self.node, chance.choice([0.005, 0.02, 0.1, 0.5, 2.5]))
        call.outcome, call.answered_ms = outcome, int(self.world.now() * 1_000)
        if outcome == "ok":
            output = {"v": f"{task.step}#{task.key[4:12]}.{task.fence}"}
            return TaskResult(output=output, agent_name="sim", agent_id="agt_sim")
        error = {
            "definite": TaskError("agent.error", "it said no"),
            "declined": TaskError("payment.declined", "it said never", retryable=False),
            "unknown": TaskError("timeout.attempt", "no answer", definite=False),
        }[outcome]
        return TaskResult(error=error, agent_name="sim", agent_id="agt_sim")

    def needs(self, tenant: str, agent_type: str, capability: str | None) -> tuple[str, ...]:
        return ()

    def known_types(self, tenant: str) -> frozenset[str]:
        return frozenset(("t",))

    def in_process(self, agent_type: str) -> bool:
        """They are elsewhere."""
        return False

    def saturated(self) -> frozenset[str]:
        return frozenset()
