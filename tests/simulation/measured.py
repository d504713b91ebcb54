"""An hour of the product in virtual time: its engine and its metrics, and who dies meanwhile.

Replicas run the engine and the metrics part as the product wires them, on one store. Executions
start all the time; replicas, and among them the one that counts, are killed at random points.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

import anyio
import anyio.abc
import msgspec

from orchestra.agents import Task, TaskResult
from orchestra.clock import Ids
from orchestra.monitoring import Views
from orchestra.monitoring.measuring import MetricsPart
from orchestra.store import client, keys, metric_keys
from orchestra.store.durability import Durability
from orchestra.store.keys import Tenant
from orchestra.store.partitions import prefix as prefix_of
from orchestra.store.scripts import Argument, Script
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.figures import JournalFigures
from orchestra.workflows.history.listing import Listing
from orchestra.workflows.history.reader import Reader
from orchestra.workflows.history.surveying import Surveyor
from simulation.checker import Story
from simulation.evidence import give_calls, story
from simulation.history import History
from simulation.loop import Node, World, simulate
from simulation.ports import TAGS, Later, SimAgents, SimClock, SimStore, Wire
from simulation.replica import Replica, Stage
from simulation.tailing import SimTail

AGENTS = ("gpt", "claude", "own")
REPLICAS = 2
SETTLE_S = 200.0
WORST, STALLS = ("journal_apply", "chunk_seal"), 0.015


@dataclass
class Spent:
    """What an agent says that one call of it took."""

    agent: str
    queued_ms: int
    input: int
    output: int
    micro: int


@dataclass
class Lead:
    """Until when somebody leads: the server's clock knows nothing of virtual time."""

    until: float = 0.0


class MeasuredStore(SimStore):
    """A store that metrics can use, too."""

    durability = Durability("process", "process", 0, "everysec")
    kind = "embedded"
    memory = None

    def __init__(self, stage: Stage, node: Node | None, clock: SimClock, lead: Lead) -> None:
        super().__init__(stage.world, stage.wire, node, stage.planted)
        self._clock, self._lead = clock, lead

    def run(self, script: Script, prefix: str, /, *more: bytes, **args: Argument) -> Any:
        """Run it when it is awaited."""
        if script.name == "lead_claim":
            return Later(lambda: self._claim(script, prefix, args))
        return Later(lambda: self._run(script, prefix, more, args))

    async def _run(
        self, script: Script, prefix: str, more: tuple[bytes, ...], args: dict[str, Argument]
    ) -> Any:
        # The worst place to stand still: what was read is old when the script runs.
        chance = self._world.random
        if self._node and script.name in WORST and chance.random() < STALLS:
            self._node.paused_until = self._world.now() + chance.uniform(2, 9)
        return await SimStore.run(self, script, prefix, *more, **args)

    async def _claim(self, script: Script, prefix: str, args: dict[str, Argument]) -> Any:
        ttl_s = float(args["ttl_ms"]) / 1_000
        values = script.argv(args | {"ttl_ms": 3_600_000})

        def apply() -> Any:
            if self._world.now() >= self._lead.until:
                self._wire("DEL", metric_keys.leader(prefix))
            reply = self._wire.evaluate(script, prefix, "", *values)
            if reply > 0:
                self._lead.until = self._world.now() + ttl_s
            return reply

        return await self._world.call(self._node, script.name, apply)

    def call(self, prefix: str, /, *command: Argument | float) -> Awaitable[Any]:
        """A command that writes."""
        return self.read(prefix, *command)

    async def insist(self, call: Any, deadline_s: float = 10.0) -> Any:
        """As the product's."""
        return await client.insist(call, self._clock, self._world.random, deadline_s)


class MeteredAgents(SimAgents):
    """Agents that say what a call took. What each said is kept beside the call."""

    spent: dict[tuple[str, str, int], Spent]

    async def execute(self, task: Task) -> TaskResult:
        """As the others do."""
        chance: Random = self.world.random
        spent = Spent(
            chance.choice(AGENTS), chance.randint(0, 90), chance.randint(0, 4_000),
            chance.randint(0, 900), chance.choice([0, chance.randint(1, 90_000)]),
        )  # fmt: skip
        result = await super().execute(task)
        self.spent[task.execution or "", task.step or "", task.fence] = spent
        usage: dict[str, object] = {"input_tokens": spent.input, "output_tokens": spent.output}
        usage |= {"cost_usd": spent.micro / 1_000_000} if spent.micro else {}
        return msgspec.structs.replace(
            result, agent_name=spent.agent, queue_ms=spent.queued_ms, usage=usage
        )


class MeasuredReplica(Replica):
    """A replica whose metrics part runs, too."""

    def __init__(self, hour: "Hour", node: Node, group: anyio.abc.TaskGroup) -> None:
        super().__init__(hour.stage, node, group)
        world = hour.world
        agents = MeteredAgents(world, node, self.lease, hour.stage.calls, hour.stage.wrong)
        agents.spent = hour.spent
        self.around.agents = agents
        clock = self.around.clock
        assert isinstance(clock, SimClock)
        store: Any = MeasuredStore(hour.stage, node, clock, hour.lead)
        catalogue = Catalogue(store)
        listing = Listing(store, Reader(store, catalogue, clock, "simulated"), clock)

        async def nobody(_: Tenant) -> tuple[list[str], int, int]:
            return [], 0, 0

        async def nothing(_: Tenant) -> tuple[int, int]:
            return 0, 0

        async def no_events(_: Tenant, __: int) -> list[dict[str, object]]:
            return []

        live = Surveyor(store).live
        views = Views(listing.page, catalogue.document, live, nobody, nothing, no_events, {})
        figures = [JournalFigures(store, catalogue)]
        self._tail = SimTail(world, store, clock, figures[0].streams())
        ids = Ids(clock, world.random)
        self.part = MetricsPart(store, clock, ids, views, figures, self._tail.overhear)

    def live(self) -> None:
        """The engine, and what watches it."""
        super().live()
        self._spawn(self._watch)
        self._spawn(self._tail.serve)

    async def _watch(self) -> None:
        async with self.part.running():
            await anyio.sleep_forever()


@dataclass
class Found:
    """What there is at the end: what happened, and what is said about it."""

    stories: list[Story] = field(default_factory=list[Story])
    spent: dict[tuple[str, str, int], Spent] = field(default_factory=dict[Any, Spent])
    kills: int = 0
    leaders_killed: int = 0
    now_s: int = 0
    replica: MeasuredReplica | None = None


@dataclass
class Played:
    """What is played: executions start for so many seconds; then all end, and are counted."""

    seed: int
    seconds: float
    executions: int
    planted: Mapping[str, Script] = field(default_factory=dict[str, Script])


Asked: TypeAlias = Callable[[Found], Awaitable[None]]


class Hour(History):
    """Plays it."""

    def __init__(self, played: Played, wire: Wire, asked: Asked) -> None:
        super().__init__(Stage(World(played.seed), wire, played.planted), waits=False)
        self.lead, self.spent = Lead(), dict[tuple[str, str, int], Spent]()
        self.found = Found(spent=self.spent)
        self._seconds, self._count, self._asked = played.seconds, played.executions, asked

    async def play(self) -> None:
        """All of it."""
        chance, began = self.world.random, self.world.now()
        names = [await self._define(i) for i in range(8)]
        async with anyio.create_task_group() as group:

            def spawn() -> None:
                replica = MeasuredReplica(self, Node(f"n{len(self._replicas)}"), group)
                self._replicas.append(replica)
                replica.live()

            for _ in range(REPLICAS):
                spawn()
            self._open = self._count + 1
            for i in range(self._count):
                group.start_soon(self._later, f"k{i}", chance.choice(names))
            group.start_soon(self._kill, spawn)
            end = began + self._seconds
            with anyio.fail_after(self._seconds + SETTLE_S):
                while self.world.now() < end or not self._over():
                    await anyio.sleep(1.0)
                self.world.loss = 0.0
                while not self._counted():
                    await anyio.sleep(1.0)
            self._gather()
            self._calm()
            await self._asked(self.found)
            group.cancel_scope.cancel()

    async def _later(self, key: str, workflow: str) -> None:
        await anyio.sleep(self.world.random.uniform(0, self._seconds))
        await self._client(key, workflow)

    async def _kill(self, spawn: Any) -> None:
        """Kill a replica now and then, half of the time the one that counts; or cut it off."""
        chance, end = self.world.random, self.world.now() + self._seconds
        while self.world.now() < end:
            await anyio.sleep(chance.uniform(5, 60))
            living = [one for one in self._replicas if not one.node.dead]
            leading = [one for one in living if _part(one).leading.leads]
            one = chance.choice(leading if leading and chance.random() < 0.5 else living)
            dice = chance.random()
            if dice < 0.6:
                one.node.dead = True
                self.found.kills += 1
                self.found.leaders_killed += one in leading
                spawn()
            elif dice < 0.75:
                one.node.paused_until = self.world.now() + chance.uniform(0.5, 10)
            elif dice < 0.9:
                one.node.cut_until = self.world.now() + chance.uniform(0.5, 8)
            else:
                self.world.away_until = self.world.now() + chance.uniform(0.2, 5)
        self._open -= 1

    def _calm(self) -> None:
        self.world.away_until = 0.0
        for one in self._replicas:
            one.node.paused_until = one.node.cut_until = 0.0

    def _counted(self) -> bool:
        """Whether each slot of the store has counted each journal to its end."""
        wire = self.stage.wire
        for tag in TAGS:
            last = wire("XREVRANGE", keys.journal(prefix_of(tag)), "+", "-", "COUNT", 1)
            for slot in TAGS:
                at = wire("HGET", metric_keys.counted(prefix_of(slot)), str(tag))
                if last and at != last[0][0]:
                    return False
        return True

    def _gather(self) -> None:
        for eid in self.evidence.accepted.values():
            prefix = prefix_of(int(eid[-2:], 16))
            self.found.stories.append(story(self.stage.wire, prefix, eid, self._plans, None))
        give_calls(self.found.stories, self.stage.calls)
        living = next(one for one in self._replicas if not one.node.dead)
        assert isinstance(living, MeasuredReplica)
        self.found.replica = living
        self.found.now_s = int(self.world.now())


def _part(replica: Replica) -> MetricsPart:
    assert isinstance(replica, MeasuredReplica)
    return replica.part


def an_hour(played: Played, wire: Wire, asked: Asked) -> Found:
    """Play it on an emptied store. `asked` gets what there is, while replicas are still there."""
    wire("FLUSHALL")
    hour = Hour(played, wire, asked)
    simulate(hour.play)
    return hour.found
