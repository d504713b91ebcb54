"""`Store`: runs scripts and commands wherever their slot lives. The one place that knows.

Nothing here sends a call twice. A call that did not run ends in NotSent and one with an unknown
outcome in ReplyLost; `insist` repeats the same call, and the scripts recognise a repeat.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import TypeVar

from orchestra.clock import Clock, Random
from orchestra.retry import Backoff
from orchestra.store import partitions, tails
from orchestra.store.durability import Durability
from orchestra.store.failures import NotReplicated, NotSent, StoreAway
from orchestra.store.lease_thread import Holder, LeaseThread, keeping
from orchestra.store.leases import LeaseClock
from orchestra.store.mux import Mux, Reply, Word, give_up
from orchestra.store.primaries import Primaries
from orchestra.store.room import Room
from orchestra.store.scripts import Argument, Script, load_scripts
from orchestra.store.tails import Tail
from orchestra.store.understudy import Understudy, Words
from orchestra.store.wakes import Handler, Topics, listen

T = TypeVar("T")

REPEATS = Backoff(initial_ms=50, factor=2, max_ms=2_000, jitter="equal")
_ROUTES_MAX = 10_000


class Store:
    """A connected store. Made by `opening.open_store`, and gone when its block ends."""

    def __init__(
        self,
        primaries: Primaries,
        room: Room,
        durability: Durability,
        ground: tuple[str, int],
        ports: tuple[Clock, Random],
    ) -> None:
        self._primaries, self._room = primaries, room
        self._clock, self._chance = ports
        self.durability = durability
        self.space, count = ground
        self.partitions = partitions.partitions(count)
        self._commits: dict[str, Mux] = {}
        self._reads: dict[str, Mux] = {}
        primaries.on_change(self._forget_routes)

    @property
    def servers(self) -> frozenset[tuple[str, int]]:
        """Host and port of every primary there is now, as the store itself names them."""
        return frozenset((one.host, one.port) for one in self._primaries.addresses if one.host)

    @property
    def kind(self) -> str:
        """embedded, standalone or cluster."""
        servers = len(self.servers)
        return "embedded" if not servers else "standalone" if servers == 1 else "cluster"

    def shown(self) -> dict[str, object]:
        """What operators are told of it."""
        used, most = self.memory or (None, None)
        return {"kind": self.kind, "memory_bytes": used, "memory_max_bytes": most or None}

    @property
    def memory(self) -> tuple[int, int] | None:
        """Bytes used and allowed (0: no limit) of the fullest primary, as of a second ago."""
        return self._room.memory

    def prefix(self, tag_number: int) -> str:
        """The key prefix of a partition: `o:{3jb}:`."""
        return partitions.prefix(tag_number, self.space)

    def run(
        self, script: Script, prefix: str, /, *more: bytes, **args: Argument
    ) -> "asyncio.Future[Reply]":
        """Run a script in the slot of `prefix`; `args` are the names its header declares.

        Raises NotSent, ReplyLost, NotReplicated, StoreFull, StoreDiskFull; TypeError at once for
        a wrong keyword. Never repeats by itself.
        """
        values = script.argv(args)
        if more and not script.more:
            raise TypeError(f"{script.name} declares nothing behind its args")
        mux = self._commits.get(prefix) or self._route(prefix)
        if mux is None:
            return _failed(NotSent("no primary serves this part of the store"))
        return mux.send(("EVALSHA", script.sha, 1, prefix, b"", *values, *more), script.source)

    def call(self, prefix: str, /, *command: Word) -> "asyncio.Future[Reply]":
        """One plain command in the slot of `prefix`, in order with the scripts. Raises as `run`."""
        mux = self._commits.get(prefix) or self._route(prefix)
        if mux is None:
            return _failed(NotSent("no primary serves this part of the store"))
        return mux.send(command, "")

    def read(self, prefix: str, /, *command: Word) -> "asyncio.Future[Reply]":
        """One reading command in the slot of `prefix`, beside the scripts, not behind them.

        What a script wrote whose reply has come is seen. Raises as `run`.
        """
        mux = self._reads.get(prefix)
        if mux is None:
            self._route(prefix)
            mux = self._reads.get(prefix)
        if mux is None:
            return _failed(NotSent("no primary serves this part of the store"))
        return mux.send(command, "")

    async def insist(self, call: Callable[[], Awaitable[T]], deadline_s: float = 10.0) -> T:
        """Make the same call until its outcome is known. See `insist`."""
        return await insist(call, self._clock, self._chance, deadline_s)

    def admit(self) -> None:
        """Whether new work may be taken in; running work may always end.

        Raises StoreFull above 85 % of the store's memory, StoreDiskFull when its disk is short.
        """
        self._room.admit()

    async def check(self, timeout_s: float = 1.0) -> None:
        """Ask every primary. Raises StoreAway when one does not answer in time."""
        pings = [node.commit.call("PING") for node in self._primaries.nodes()]
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*pings)
        except TimeoutError:
            raise StoreAway("the store does not answer") from None
        if not pings:
            raise StoreAway

    async def listen(self, handler: Handler) -> None:
        """Until cancelled: call `handler(tag_number, queue)` when a queue becomes non-empty.

        Wake-ups may be lost: whoever listens polls, too, only less often.
        """
        channels = {
            self.prefix(number) + "wake": partial(handler, number) for number in self.partitions
        }
        await listen(self._primaries, Topics(channels), self._chance)

    async def follow(self, topics: Topics) -> None:
        """Until cancelled: tell the messages of `topics`, whose channels may come and go."""
        await listen(self._primaries, topics, self._chance)

    async def tail(self, tail: Tail) -> None:
        """Until cancelled: hand on what is appended to the streams of `tail`."""
        await tails.follow(self._primaries, tail, self._chance)

    @contextlib.contextmanager
    def understudy(self, script: Script, prefix: str, words: Words) -> Iterator[None]:
        """For the duration of the block, have a thread run a script when `words` says so."""
        thread = Understudy(script, prefix, self._primaries, words)
        thread.start()
        try:
            yield
        finally:
            thread.stop()

    @contextlib.asynccontextmanager
    async def keeping(self, lease: LeaseClock, holder: Holder) -> AsyncIterator[None]:
        """Renew `lease` in all partitions for the duration of the block."""
        beat = load_scripts(__package__ or "")["session_beat"]
        thread = LeaseThread(lease, beat, self.prefix, self._primaries, self._clock.monotonic)
        async with keeping(thread, lease, holder):
            yield

    def _route(self, prefix: str) -> Mux | None:
        node = self._primaries.node(partitions.slot(prefix))
        if node is None:
            return None
        if len(self._commits) >= _ROUTES_MAX:
            self._forget_routes()
        self._commits[prefix], self._reads[prefix] = node.commit, node.read
        return node.commit

    def _forget_routes(self) -> None:
        self._commits.clear()
        self._reads.clear()


async def insist(
    call: Callable[[], Awaitable[T]], clock: Clock, chance: Random, deadline_s: float
) -> T:
    """Make the same call until its outcome is known, 50 ms to 2 s apart.

    For calls whose repeat is harmless: reads, and scripts called with the same arguments. Raises
    StoreAway or NotReplicated when `deadline_s` has passed without one.
    """
    until, tried = clock.monotonic() + deadline_s, 0
    while True:
        tried += 1
        try:
            return await call()
        except (StoreAway, NotReplicated) as failed:
            wait_s = REPEATS.delay_ms(tried, chance.random) / 1_000
            if clock.monotonic() + wait_s > until:
                if isinstance(failed, NotReplicated):
                    raise
                raise StoreAway from failed
        await clock.sleep(wait_s)


def _failed(error: Exception) -> "asyncio.Future[Reply]":
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    give_up(future, error)
    return future
