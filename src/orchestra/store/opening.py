"""Opens a store: starts or finds it, checks that it is fit to work on, keeps it connected."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from orchestra.clock import Clock, Random
from orchestra.store import keys, partitions
from orchestra.store.client import Store, insist
from orchestra.store.durability import MODES, Durability, Facts, Mode, examine, judge
from orchestra.store.durability import warnings as warnings_about
from orchestra.store.embedded import Embedded, Server, running
from orchestra.store.endpoints import Access, Address, Location, locate
from orchestra.store.failures import Refused, StoreAway, Unfit
from orchestra.store.mux import STALL_S, Profile
from orchestra.store.primaries import Primaries
from orchestra.store.room import Room
from orchestra.store.topology import SlotMap, discover, whole

log = structlog.get_logger(__name__)

SCHEMA = 1


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which store, and what it has to promise.

    `url` None is the embedded store in `directory`. `durability` None: on disk when embedded,
    replicated behind sentinels and in a cluster, what the server does otherwise.
    `wait_replicas` None: one where durability is `replicated`. `patience_s`: a store that is silent
    for longer is away.
    """

    url: str | None = None
    directory: Path = Path(".orchestra")
    space: str = "o"
    partitions: int = 16
    durability: str | None = None
    allow_weaker: bool = False
    wait_replicas: int | None = None
    memory_max_bytes: int | None = None
    name: str = "orchestra"
    reach_s: float = 15.0
    patience_s: float = STALL_S
    environment: Mapping[str, str] = {}


class _Fit(NamedTuple):
    """Every primary was looked at, and together they promise this."""

    facts: tuple[Facts, ...]
    durability: Durability


@contextlib.asynccontextmanager
async def open_store(options: StoreOptions, clock: Clock, chance: Random) -> AsyncIterator[Store]:
    """The store for the duration of the block; enter it from the main thread.

    Raises DataInUse, DataDamaged or another Unfit, and StoreAway when it is not reached in time.
    """
    async with contextlib.AsyncExitStack() as stack:
        server: Server | None = None
        if options.url is None:
            server = await stack.enter_async_context(running(_embedded(options), clock))
            address = Address(path=server.socket)
            location = Location("standalone", (address,), Access())
            slots = whole(address)
        else:
            location = locate(options.url)
            slots = await insist(lambda: discover(location), clock, chance, options.reach_s)
        fit = await _fit(options, location, slots)
        profile = _profile(options, location, fit.durability)
        primaries = Primaries(location, slots, profile, chance)
        room = Room(primaries, server)
        await stack.enter_async_context(_background(primaries, room, server))
        await _connected(primaries, options.reach_s)
        ground = (options.space, options.partitions)
        store = Store(primaries, room, fit.durability, ground, (clock, chance))
        await _agree(store, options)
        _tell(fit, slots, store)
        yield store


def _requested(options: StoreOptions, location: Location | None) -> Mode | None:
    """What the store has to promise; None when nothing was asked of a server of somebody's own."""
    if options.durability is not None:
        if options.durability not in MODES:
            raise Unfit(f"durability {options.durability!r} is none of {', '.join(MODES)}")
        return MODES[options.durability]
    if location is None:
        return "fsync"
    return None if location.kind == "standalone" else "replicated"


def _embedded(options: StoreOptions) -> Embedded:
    requested = _requested(options, None)
    appendfsync = "everysec" if requested == "process" else "always"
    return Embedded(
        options.directory,
        appendfsync="no" if options.durability == "no" else appendfsync,
        memory_max_bytes=options.memory_max_bytes,
        environment=options.environment,
        options={"appendonly": "no"} if requested == "volatile" else {},
    )


async def _fit(options: StoreOptions, location: Location, slots: SlotMap) -> _Fit:
    """Look at every primary, and decide how many replicas to wait for."""
    facts = [await _look(one, location) for one in sorted(slots.primaries(), key=str)]
    requested = _requested(options, None if options.url is None else location)
    wait = options.wait_replicas
    if wait is None:
        wait = 1 if requested == "replicated" and options.url is not None else 0
    durability = judge(facts, requested, wait, weaker=options.allow_weaker)
    return _Fit(tuple(facts), durability)


async def _look(address: Address, location: Location) -> Facts:
    try:
        return await examine(address, location.access)
    except Refused as refused:
        raise Unfit(f"the store at {address} does not answer: {refused.reply}") from None
    except (OSError, TimeoutError) as error:
        raise StoreAway(f"the store at {address} does not answer: {error}") from None


def _profile(options: StoreOptions, location: Location, durability: Durability) -> Profile:
    # Waiting for replicas that do not exist would hold every batch until its deadline, so it is
    # what was found that counts here and not what was asked for.
    hello = location.access.hello(options.name)
    return Profile(hello=hello, stall_s=options.patience_s, wait_replicas=durability.replicas)


@contextlib.asynccontextmanager
async def _background(
    primaries: Primaries, room: Room, server: Server | None
) -> AsyncIterator[None]:
    """Connections and watchers for the duration of the block.

    They live in a task of their own, so that what the block raises is not wrapped in a group.
    """

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(primaries.serve())
            group.create_task(room.watch())
            if server is not None:
                group.create_task(server.watch())

    task = asyncio.create_task(work())
    task.add_done_callback(_tell_end)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _connected(primaries: Primaries, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await primaries.connected()
    except TimeoutError:
        raise StoreAway(f"the store is not reached: {primaries.trouble()}") from None


async def _agree(store: Store, options: StoreOptions) -> None:
    """What all replicas have to agree on: written by whoever is first, compared by the others."""
    prefix = keys.installation(options.space)
    conf = keys.configuration(prefix)
    wanted = {
        "schema": SCHEMA,
        "min_reader": SCHEMA,
        "feature_level": SCHEMA,
        "partitions": options.partitions,
    }

    async def settle() -> list[bytes]:
        for name, value in wanted.items():
            await store.call(prefix, "HSETNX", conf, name, value)
        return await store.call(prefix, "HMGET", conf, "min_reader", "partitions")

    min_reader, count = map(int, await store.insist(settle))
    if min_reader > SCHEMA:
        raise Unfit(f"the store needs a program that reads schema {min_reader}; this one reads 1")
    if count != options.partitions:
        raise Unfit(
            f"the store was set up with {count} partitions and the setting says "
            f"{options.partitions}: they are fixed at the first start"
        )


def _tell_end(task: "asyncio.Task[None]") -> None:
    """Only a bug ends the background work by itself; calls then end in NotSent."""
    if not task.cancelled() and (error := task.exception()):
        log.error("store.background_failed", exc_info=error)


def _tell(fit: _Fit, slots: SlotMap, store: Store) -> None:
    homes = {slots.primary(partitions.slot(store.prefix(tag))) for tag in store.partitions}
    for text in warnings_about(list(fit.facts), len(homes)):
        log.warning("store.setup_doubtful", finding=text)
    log.info(
        "store.opened",
        version=fit.facts[0].version,
        primaries=len(fit.facts),
        partitions=len(store.partitions),
        durability=fit.durability.effective,
        requested=fit.durability.requested,
    )
