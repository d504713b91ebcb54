"""One replica: the product's engine, starter and controls, unchanged, on simulated ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio.abc

from orchestra.store.scripts import Script
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.executions import Executions
from orchestra.workflows.history.reader import Reader
from orchestra.workflows.history.signals import Signals
from orchestra.workflows.running.claims import Around
from orchestra.workflows.running.engine import Engine
from orchestra.workflows.running.hands import Hands
from orchestra.workflows.running.memory import Memory
from orchestra.workflows.running.starting import Starter
from simulation.checker import Call
from simulation.loop import Node, World
from simulation.ports import SimAgents, SimClock, SimLease, SimStore, Wire

SLOTS = 6


@dataclass
class Stage:
    """What all replicas of one history share."""

    world: World
    wire: Wire
    planted: Mapping[str, Script]
    calls: list[Call] = field(default_factory=list[Call])
    wrong: list[str] = field(default_factory=list[str])


class Replica:
    """Wired as `workflows.module` wires it. `live` starts its loops."""

    def __init__(self, stage: Stage, node: Node, group: anyio.abc.TaskGroup) -> None:
        world = stage.world
        self.node, self._group = node, group
        store = SimStore(world, stage.wire, node, stage.planted)
        clock = SimClock(world, node, world.random.randint(-200, 200))
        self.lease = SimLease(world, store, node, world.random)
        catalogue = Catalogue(store)
        self.around = Around(
            store=store, agents=SimAgents(world, node, self.lease, stage.calls, stage.wrong),
            catalogue=catalogue, memory=Memory(store), hands=Hands(SLOTS), lease=self.lease.clock,
            clock=clock, chance=world.random, spawn=self._spawn,
        )  # fmt: skip
        self.engine = Engine(self.around)
        self.starter = Starter(store, catalogue, self.engine, self.lease.clock, clock, world.random)
        reader = Reader(store, catalogue, clock, "simulated")
        self.executions = Executions(store, reader, catalogue, self.engine, clock)
        self.signals = Signals(store, reader, catalogue, self.engine, clock, world.random)

    def _spawn(self, function: object, *args: object) -> None:
        self._group.start_soon(function, *args)  # type: ignore[arg-type]

    def live(self) -> None:
        """Start every loop of the replica."""
        self._spawn(self.lease.pulse)
        self._spawn(self.lease.keep, self.engine)
        self.engine.start()
