"""The workflows module: wiring and lifetime."""

import asyncio  # noqa: TID251 -- a task for each execution: see `running`
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra.agents import Agents
from orchestra.clock import Clock, Ids, Random
from orchestra.errors import Unavailable
from orchestra.instruments import measure
from orchestra.provided import provided
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.leases import LeaseClock
from orchestra.workflows.catalogue.drafts import Drafts
from orchestra.workflows.catalogue.layouts import Layouts
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.catalogue.workflows import Workflows
from orchestra.workflows.history.batching import Batches
from orchestra.workflows.history.events import JournalSource
from orchestra.workflows.history.executions import Executions
from orchestra.workflows.history.figures import JournalFigures
from orchestra.workflows.history.inspecting import Inspection
from orchestra.workflows.history.listing import Listing
from orchestra.workflows.history.profiles import Profiles
from orchestra.workflows.history.reader import Reader
from orchestra.workflows.history.retention import Retention
from orchestra.workflows.history.signals import Signals
from orchestra.workflows.history.surveying import Surveyor
from orchestra.workflows.history.traced import Traced
from orchestra.workflows.routes.canvas import CanvasRoutes
from orchestra.workflows.routes.drafts import DraftRoutes
from orchestra.workflows.routes.executions import ExecutionRoutes
from orchestra.workflows.routes.hot import Parts
from orchestra.workflows.routes.inspections import InspectionRoutes
from orchestra.workflows.routes.workflows import WorkflowRoutes
from orchestra.workflows.running.claims import Around
from orchestra.workflows.running.engine import Engine
from orchestra.workflows.running.hands import Hands
from orchestra.workflows.running.memory import Memory
from orchestra.workflows.running.starting import Starter
from orchestra.workflows.running.sweeping import Sweeper
from orchestra.workflows.triggers import Hearing, Triggers

LEASE_TOLD_S: Final = 1.0
_LEASE_AGE = measure("orchestra_lease_age_seconds")


class WorkflowsModule:
    """Definitions, executions and the engine of one replica. A `Module`."""

    name = "workflows"

    def __init__(
        self, store: Store, agents: Agents, clock: Clock, ids: Ids, chance: Random,
        settings: Settings,
    ) -> None:  # fmt: skip
        self._store, self._settings, self._clock = store, settings, clock
        self._group: asyncio.TaskGroup | None = None
        self._lease = LeaseClock(store.partitions, clock.monotonic, chance)
        self.catalogue = Catalogue(store)
        memory = Memory(store)
        around = Around(
            store=store, agents=agents, catalogue=self.catalogue, memory=memory,
            hands=Hands(settings.slots_max), lease=self._lease, clock=clock, chance=chance,
            spawn=self._spawn,
        )  # fmt: skip
        self.engine = Engine(around, alone=settings.store_url is None)
        self.workflows = Workflows(self.catalogue, agents, clock, ids, store.admit)
        self.starter = Starter(store, self.catalogue, self.engine, self._lease, clock, chance)
        durability = store.durability.appendfsync
        reader = Reader(store, self.catalogue, clock, durability)
        self._book = Traced(store, reader, clock, memory.envelope)
        self.executions = Executions(store, reader, self.catalogue, self.engine, clock)
        self.signals = Signals(store, reader, self.catalogue, self.engine, clock, chance)
        self.retention = Retention(
            store, reader, clock, chance,
            live_ms=round(settings.live_ttl_s * 1_000), kept_ms=round(settings.retention_s * 1_000),
        )  # fmt: skip
        self.surveyor = Surveyor(store)
        self.sweeper = Sweeper(store, self.catalogue, clock, chance)
        self.listing, self.inspection = Listing(store, reader, clock), Inspection(reader)
        self.batches = Batches(store, self.executions, self.listing, clock, chance)
        self.journal = JournalSource(store)
        self.figures = JournalFigures(store, self.catalogue)
        self.profiles = Profiles(store, reader, self.catalogue)
        self.routes: Sequence[ControllerRouterHandler] = (self._router(),)

    def _router(self) -> Router:
        """The routes, with what they ask."""
        parts = {
            "workflows": self.workflows,
            "parts": Parts(self.starter, self.executions, self._store.admit),
            "executions": self.executions,
            "signals": self.signals,
            "listing": self.listing,
            "inspection": self.inspection,
            "layouts": Layouts(self._store, self.catalogue),
            "drafts": Drafts(self._store, self.catalogue, self._clock),
            "batches": self.batches,
        }
        handlers = [WorkflowRoutes, CanvasRoutes, DraftRoutes, ExecutionRoutes, InspectionRoutes]
        return Router("/", route_handlers=handlers, dependencies=provided(parts))

    def _spawn(self, function: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        assert self._group is not None, "the engine runs only inside `running`"
        self._group.create_task(function(*args))

    async def trace_of(self, tenant: Tenant, execution: str) -> str:
        """The trace of an execution, as it is kept; '' for one that is not known."""
        return await self._book.trace_of(tenant, execution)

    def listen(self, bus: Hearing) -> None:
        """Do what inbound hooks are for, once `bus` runs; call it before."""
        Triggers(self.starter, self.signals, bus).listen()
        if self._settings.otel_endpoint is not None:
            self._book.listen(bus)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The engine works and the lease is renewed for the duration of the block."""
        with suppress_stop():
            async with (
                # Not anyio's: its start_soon costs 25 µs, and there is one for every execution.
                asyncio.TaskGroup() as group,
                self._store.keeping(self._lease, self.engine),
            ):
                self._group = group
                self._spawn(self._store.listen, self.engine.woken)
                self._spawn(self.retention.serve)
                self._spawn(self.sweeper.serve)
                self._spawn(self._tell_lease)
                self.engine.start()
                yield
                if self.engine.drained:  # else it ends as in a crash, and the lease is waited for
                    await self.engine.leave()
                raise _Stopped

    async def _tell_lease(self) -> None:
        """Once a second: how long ago the lease was renewed, where that is longest."""
        while True:
            age_s = self._lease.age_s()
            if age_s is not None:
                _LEASE_AGE.set(age_s)
            await self._clock.sleep(LEASE_TOLD_S)

    async def quiesce(self) -> None:
        """Claim nothing more, finish or hand back what runs."""
        await self.engine.drain(self._settings.drain_s)

    async def check(self) -> None:
        """Raise Unavailable when no partition is joined, or the lease may be over in one."""
        fenced = [tag for tag in self._store.partitions if self._lease.fenced(tag)]
        if fenced:
            raise Unavailable("the engine has no lease yet", retry_after_ms=500)


class _Stopped(Exception):
    """Ends the task group from inside: it cancels what still runs."""


@contextmanager
def suppress_stop() -> Iterator[None]:
    """Swallow the end that `running` asked for, and nothing else."""
    try:
        yield
    except* _Stopped:
        pass
