"""The table of modules: those that run here, and what stands here for those that do not."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, runtime_checkable

import msgspec
from litestar import Litestar, Router, asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import ControllerRouterHandler

from orchestra.bus.requests.module import RequestsModule
from orchestra.clock import Clock
from orchestra.errors import Unavailable
from orchestra.instants import instant
from orchestra.module import Module
from orchestra.processes.answering import Answering
from orchestra.processes.envelope import Forwarded, Seal
from orchestra.processes.forwarding import Application, Road, forwarded, in_front, subject_of
from orchestra.security.local_trust import Mode
from orchestra.settings import Settings

AWAY_S: Final = 30.0
AT_ONCE: Final = 2_000
"""Forwarded requests in hand, streams included."""


class ProcessShown(msgspec.Struct, frozen=True):
    """A process, as operators see it."""

    host: str
    pid: int
    version: str
    modules: tuple[str, ...]
    started_at: str


@runtime_checkable
class Beside(Protocol):
    """A module of which a part runs also in processes that do not have it."""

    def beside(self) -> AbstractAsyncContextManager[None]:
        """What others in the process need of it. Enter: it is up. Exit: it is gone."""
        ...

    async def quiesce(self) -> None:
        """See `Module`."""
        ...


class Elsewhere:
    """Stands for a module that other processes have: its routes are there, and forwarded."""

    def __init__(self, module: Module, road: Road, clock: Clock) -> None:
        self.name = module.name
        self._module, self._road, self._clock = module, road, clock
        self._served_s = clock.monotonic()
        self.routes = _forwarded(module.routes, forwarded(module.name, road))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What others here need of the module is up."""
        self._served_s = self._clock.monotonic()
        if isinstance(self._module, Beside):
            async with self._module.beside():
                yield
        else:
            yield

    async def quiesce(self) -> None:
        """What of it runs here takes nothing new."""
        if isinstance(self._module, Beside):
            await self._module.quiesce()

    async def check(self) -> None:
        """Raise Unavailable when no process has had the module for half a minute."""
        now = self._clock.monotonic()
        if self._road.requests.served(subject_of(self.name)):
            self._served_s = now
        elif now - self._served_s > AWAY_S:
            raise Unavailable(f"no process has the module {self.name}")


def _forwarded(
    routes: Sequence[ControllerRouterHandler], forward: Application
) -> Sequence[ControllerRouterHandler]:
    """The same routes to look at. Bare ASGI routes are made anew: theirs cannot be copied."""
    bare = [one for one in routes if isinstance(one, ASGIRouteHandler)]
    others = [one for one in routes if not isinstance(one, ASGIRouteHandler)]
    made = [
        asgi(
            sorted(one.paths),
            guards=one.guards,  # pyright: ignore[reportUnknownMemberType]  # of any connection
            opt=one.opt,
            copy_scope=True,
        )(forward)
        for one in bare
    ]
    return (*made, Router("/", route_handlers=others, middleware=[in_front(forward)]))


class Doors:
    """A `Module`, the last one: when it is up, other processes may ask those of this one."""

    name = "doors"
    routes: Sequence[ControllerRouterHandler] = ()

    def __init__(self, requests: RequestsModule, road: Road, here: Sequence[str]) -> None:
        self.requests, self._road = requests, road
        self._answering = Answering()
        for name in here:
            requests.serve_parts(subject_of(name), Forwarded, self._answering.answer, AT_ONCE)

    def begin(self, app: Litestar, pepper: bytes, mode: Mode) -> None:
        """The application is there, and what it trusts."""
        self._road.seal, self._road.mode = Seal(pepper, self.requests.now_ms), mode
        self._answering.begin(app, Seal(pepper, self.requests.now_ms), mode)

    def processes(self) -> Sequence[ProcessShown]:
        """All processes that live, the oldest first, by the last look."""
        found = sorted(self.requests.processes(), key=lambda one: (one.started_ms, one.session))
        return tuple(
            ProcessShown(one.host, one.pid, one.version, one.modules, instant(one.started_ms))
            for one in found
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open for the duration of the block."""
        await self.requests.open()
        yield

    async def quiesce(self) -> None:
        """Others ask somebody else from now on."""
        await self.requests.close()

    async def check(self) -> None:
        """Open, as long as the store is there."""


def split(
    everywhere: tuple[Module, RequestsModule, Module], modules: Sequence[Module],
    settings: Settings, clock: Clock,
) -> Sequence[Module]:  # fmt: skip
    """What runs in this process, in the order in which it starts.

    Each of `modules` runs where its name is among the settings', those of `everywhere` always.
    """
    requests = everywhere[1]
    road = Road(requests, settings.body_max_bytes)
    here = [one.name for one in modules if one.name in settings.runs]
    parts = [one if one.name in settings.runs else Elsewhere(one, road, clock) for one in modules]
    return (*everywhere, *parts, Doors(requests, road, here))
