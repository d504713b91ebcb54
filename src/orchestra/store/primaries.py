"""The connections: two to every primary, and the map that says which primary serves a slot."""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.store.endpoints import Address, Location, dial
from orchestra.store.mux import Mux, Profile
from orchestra.store.topology import SlotMap, discover

log = structlog.get_logger(__name__)

_RELOAD_S = 0.1


class Node(msgspec.Struct, frozen=True):
    """One primary. Blobs and lists go over `read`, so that they are never in front of commits."""

    commit: Mux
    read: Mux
    tasks: tuple["asyncio.Task[None]", ...]


class Primaries:
    """Keeps the connections up and the map fresh while `serve` runs."""

    def __init__(
        self, location: Location, slots: SlotMap, profile: Profile, chance: Random
    ) -> None:
        self._location, self._chance = location, chance
        self._commit = profile
        self._read = msgspec.structs.replace(profile, wait_replicas=0)
        self._slots = slots
        self._nodes: dict[Address, Node] = {}
        self._stale = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._started = asyncio.Event()

    @property
    def location(self) -> Location:
        """The store as its URL gives it."""
        return self._location

    @property
    def addresses(self) -> frozenset[Address]:
        """All primaries that serve a slot now."""
        return self._slots.primaries()

    def address(self, slot: int) -> Address | None:
        """Who serves `slot`; None while nobody does."""
        return self._slots.primary(slot)

    def node(self, slot: int) -> Node | None:
        """The connections to who serves `slot`; None while nobody does."""
        address = self._slots.primary(slot)
        return self._nodes.get(address) if address else None

    def nodes(self) -> list[Node]:
        """All connections."""
        return list(self._nodes.values())

    def on_change(self, call: Callable[[], None]) -> None:
        """Call back whenever a slot may be served by somebody else."""
        self._watchers.append(call)

    async def serve(self) -> None:
        """Until cancelled: connect, and ask for the map again when something moved."""
        async with asyncio.TaskGroup() as self._group:
            self._apply(self._slots)
            self._started.set()
            while True:
                await self._stale.wait()
                self._stale.clear()
                try:
                    self._apply(await discover(self._location, self.addresses))
                except OrchestraError as error:
                    log.debug("store.map_not_read", reason=error.detail)
                    self._stale.set()
                await asyncio.sleep(_RELOAD_S * (0.5 + self._chance.random()))

    async def connected(self) -> None:
        """Wait until every primary is. Give it a deadline."""
        await self._started.wait()
        for node in self.nodes():
            await node.commit.ready()
            await node.read.ready()

    def trouble(self) -> str:
        """Why there is no connection, for the operator; '' when there are all."""
        found = {mux.trouble for node in self.nodes() for mux in (node.commit, node.read)}
        return ", ".join(sorted(found - {""}))

    def suspect(self) -> None:
        """A connection was lost or a slot has moved. A single server stays where it is."""
        if self._slots.moves:
            self._stale.set()

    def _apply(self, slots: SlotMap) -> None:
        changed = slots != self._slots
        self._slots = slots
        wanted = slots.primaries()
        for address in wanted - self._nodes.keys():
            self._nodes[address] = self._connect(address)
        for address in self._nodes.keys() - wanted:
            for task in self._nodes.pop(address).tasks:
                task.cancel()
        if changed:
            log.info("store.map_changed", primaries=len(wanted))
            for call in self._watchers:
                call()

    def _connect(self, address: Address) -> Node:
        assert self._group is not None
        reach = dial(address, self._location.access)
        commit = Mux(reach, self._chance, self._commit, self.suspect)
        read = Mux(reach, self._chance, self._read, self.suspect)
        tasks = tuple(self._group.create_task(mux.serve()) for mux in (commit, read))
        return Node(commit, read, tasks)
