"""A tenure: what one process does with a durable reader while it has the claim.

It reads in one order; handlers run beside each other, those of one key after each other. The
cursor is where everything before is handled; the store is told of it twice a second, or each 128
events.
"""

from collections import deque
from typing import Final, NamedTuple

import anyio
import msgspec
import structlog

from orchestra.bus import Bury, Event, Gap, Handler, Reading
from orchestra.bus.lines import about
from orchestra.bus.live.hub import Hub
from orchestra.bus.readers.feed import FELL_BEHIND, Feed, Found
from orchestra.bus.readers.frontier import FLUSH, Frontier, Item
from orchestra.bus.readers.letters import Letters
from orchestra.bus.readers.records import Held, Mark, Readers
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

TTL_MS: Final = 2_500
BEAT_S: Final = 0.5
LEAVE_S: Final = 2.0
"""How long handlers that run may go on when the process stops."""
CRASHES_MAX: Final = 3
"""From so many crashes at one cursor on events are handled alone."""
ALONE: Final = 256
"""So many of them, then all is well again."""
_MARGIN_S = 0.5
_RETRY_S = 0.2
_WAIT_S = 1.0
_AGAIN_S = 1.0
"""Dead letters that were redriven are looked for so often."""
_ERROR_MAX = 500

Lane = tuple[Tenant | None, str]


class Ground(NamedTuple):
    """What all readers of a process stand on. `owner` names the process, and is never reused."""

    hub: Hub
    store: Store
    clock: Clock
    owner: str


class Subscriber(NamedTuple):
    """What a module asked for."""

    name: str
    patterns: tuple[str, ...]
    handler: Handler
    options: Reading


class Tenure:
    """One claim, from when it was made until it is lost or let go."""

    def __init__(
        self, ground: Ground, subscriber: Subscriber, readers: Readers, held: Held
    ) -> None:
        self._ground, self._subscriber, self._readers = ground, subscriber, readers
        self._held, self._options = held, subscriber.options
        definition = msgspec.structs.replace(
            held.definition, types=subscriber.patterns, origins=tuple(subscriber.options.origins)
        )
        tenant, interest = subscriber.options.tenant, subscriber.options.interest
        self._feed = Feed(ground.hub, ground.store, tenant, definition, held.cursor, interest)
        self._frontier = Frontier()
        self._lanes: dict[Lane, deque[Item]] = {}
        self._limit = anyio.Semaphore(subscriber.options.in_flight_max)
        self._alone = ALONE if held.crashes >= CRASHES_MAX else 0
        self._killer = self._trying = held.trying if self._alone else ""
        self._renewed = ground.clock.monotonic()
        self._telling = anyio.Lock()
        self._changed, self._due = anyio.Event(), anyio.Event()
        self._lost = False
        self._number = 0

    async def serve(self, stopped: anyio.Event) -> None:
        """Until `stopped`, then let go; or until the claim is lost."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat, group.cancel_scope)
            group.start_soon(self._again)
            with anyio.CancelScope() as reading:
                group.start_soon(_then, stopped, reading)
                async with self._ground.hub.followed(self._feed.hears):
                    await self._read(group)
            with anyio.move_on_after(LEAVE_S):
                while not self._frontier.idle:
                    await self._changed.wait()
            group.cancel_scope.cancel()
        if not self._lost:
            with anyio.move_on_after(_WAIT_S):
                await self._tell(Mark(release=True))

    async def _read(self, group: anyio.abc.TaskGroup) -> None:
        while True:
            try:
                batch = await self._feed.batch(FLUSH)
            except OrchestraError as away:
                log.debug("bus.read_failed", reader=self._subscriber.name, error=away.code)
                await self._ground.clock.sleep(_RETRY_S)
                continue
            if not batch:
                await self._feed.wait(_WAIT_S)
            for found in batch:
                if isinstance(found.told, Gap):
                    FELL_BEHIND.add(1, self._subscriber.name)
                if found.told is None:
                    self._frontier.skip(found.key, found.position)
                elif self._alone and isinstance(found.told, Event):
                    await self._handle_alone(found, found.told)
                else:
                    await self._begin(found, found.told, group)

    async def _begin(self, found: Found, told: Event | Gap, group: anyio.abc.TaskGroup) -> None:
        """Have it handled, as soon as its key and the number in flight allow."""
        while not self._frontier.room:
            await self._changed.wait()
        item = self._frontier.add(told, found.key, found.position)
        lane = self._lane_of(told)
        if waiting := self._lanes.get(lane):
            waiting.append(item)
            return
        self._lanes[lane] = deque([item])
        group.start_soon(self._drive, lane)

    def _lane_of(self, told: Event | Gap) -> Lane:
        if isinstance(told, Event) and self._options.ordered == "key":
            return told.tenant, told.key
        self._number += 1
        return None, str(self._number)

    async def _drive(self, lane: Lane) -> None:
        """Handle what waits in a lane, one after the other."""
        waiting = self._lanes[lane]
        while waiting:
            await self._handle(waiting[0])
            self._finish(waiting.popleft())
        del self._lanes[lane]

    def _finish(self, item: Item) -> None:
        self._frontier.finish(item)
        if self._frontier.due:
            self._due.set()
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _handle(self, item: Item) -> None:
        told = item.told
        if isinstance(told, Event):
            named = {"tenant": told.tenant, "reader": self._subscriber.name, **about(told)}
            with structlog.contextvars.bound_contextvars(**named):
                await self._try(item)
        else:
            await self._try(item)

    async def _try(self, item: Item) -> None:
        """Try, and try again in place; then it goes to the dead letters."""
        why = ""
        for tried in range(1, self._options.tries + 1):
            try:
                async with self._limit:
                    with anyio.fail_after(self._options.timeout_ms / 1_000):
                        await self._subscriber.handler(item.told)
            except Bury as never:
                await self._bury(item.told, never.error[:_ERROR_MAX], tried)
                return
            except Exception as error:  # noqa: BLE001  -- the edge to the handler's own code
                why = f"{type(error).__name__}: {error}"[:_ERROR_MAX]
            else:
                return
            if tried < self._options.tries:
                waits = self._options.backoff_ms or (0,)
                await self._ground.clock.sleep(waits[min(tried, len(waits)) - 1] / 1_000)
        await self._bury(item.told, why, self._options.tries)

    async def _handle_alone(self, found: Found, event: Event) -> None:
        """Handle one while nothing else runs, and let the store know which one it is."""
        item = self._frontier.add(event, found.key, found.position)
        if event.id == self._killer:
            await self._bury(event, "the process died while it was handled", self._held.crashes)
        else:
            self._trying = event.id
            await self._tell(Mark(trying=event.id))
            await self._handle(item)
        self._finish(item)
        self._alone -= 1
        self._trying = ""
        await self._tell(Mark(calm=not self._alone))

    async def _bury(self, told: Event | Gap, why: str, tries: int) -> None:
        if isinstance(told, Gap):
            return
        name = self._subscriber.name
        whose = {"tenant": told.tenant, "reader": name, **about(told)}
        log.warning("bus.event_buried", **whose, tries=tries, error=why)
        letter = (told.id, msgspec.json.encode(told), why, tries)
        while True:
            try:
                await self._readers.bury(name, self._held.token, letter)
            except OrchestraError as away:
                log.debug("bus.not_buried", reader=name, error=away.code)
                await self._ground.clock.sleep(_RETRY_S)
            else:
                return

    async def _again(self) -> None:
        """Handle what was redriven, one after the other: it is out of order anyhow."""
        letters, name, done = (
            Letters(self._ground.store, self._options.tenant),
            self._subscriber.name,
            "",
        )
        while not self._lost:
            try:
                again = await letters.again(name, self._held.token, done)
            except OrchestraError as away:
                log.debug("bus.not_redriven", reader=name, error=away.code)
                await self._ground.clock.sleep(_RETRY_S)
                continue
            if again is None:
                done = ""
                await self._ground.clock.sleep(_AGAIN_S)
            elif again.begun >= CRASHES_MAX:
                await self._bury(again.event, "the process died while it was handled", again.begun)
                done = again.event.id
            else:
                await self._handle(Item(again.event, {}))
                done = again.event.id

    async def _beat(self, scope: anyio.CancelScope) -> None:
        """Keep the claim, and the cursor moving. When it is lost everything here ends."""
        while not self._lost:
            with anyio.move_on_after(BEAT_S):
                await self._due.wait()
            self._due = anyio.Event()
            mark = Mark(trying=self._trying, calm=not self._alone)
            await self._tell(mark)
            silent_s = self._ground.clock.monotonic() - self._renewed
            self._lost = self._lost or silent_s > TTL_MS / 1_000 - _MARGIN_S
        log.warning("bus.claim_lost", reader=self._subscriber.name)
        scope.cancel()

    async def _tell(self, mark: Mark) -> None:
        """Tell the store how far we are; what it may not know is told again."""
        async with self._telling:
            positions, sent = self._frontier.take(), self._ground.clock.monotonic()
            mark = msgspec.structs.replace(mark, calm=mark.calm and bool(positions))
            left_s = self._renewed + TTL_MS / 1_000 - _MARGIN_S - sent
            try:
                with anyio.fail_after(max(left_s, 0.1), shield=True):
                    alive = await self._readers.advance(
                        self._subscriber.name, self._held.token, TTL_MS, positions, mark
                    )
            except (OrchestraError, TimeoutError):
                self._frontier.again(positions)
                await self._ground.clock.sleep(0.05)
                return
            if alive:
                self._renewed = sent
                self._frontier.told()
            self._lost = self._lost or not alive
        self._change()


async def _then(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
