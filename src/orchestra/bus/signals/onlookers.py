"""Who looks on, in which process: what is not kept is told to them, and made only for them.

A process says what its watchers want when that changes and every five seconds; another one that
has something sends it there, in batches, at most every 50 ms.
"""

from collections import Counter
from typing import Final

import anyio
import msgspec

from orchestra.bus import Event
from orchestra.bus.live.hub import Hub
from orchestra.bus.live.watcher import Watcher
from orchestra.bus.signals.signals import Signals
from orchestra.clock import Clock
from orchestra.instruments import counter
from orchestra.store.keys import Tenant

WATCHED: Final = "live.watched"
TOLD: Final = "live.told."
AGAIN_S: Final = 5.0
GONE_S: Final = 15.0
TURN_S: Final = 0.05
WISHES_MAX: Final = 1_000
"""Of one tenant in one process; what is beyond sees nothing of this kind."""
BATCH_MAX_BYTES: Final = 32_768
BATCHES_MAX: Final = 8

Wish = tuple[Tenant, str]
"""A key of a tenant; "" for all of them."""

_DROPPED = counter("orchestra_dropped_total", ("what",))


class _Watching(msgspec.Struct, frozen=True, array_like=True):
    session: str
    wishes: list[tuple[Tenant, str]]


class Onlookers:
    """Those of this process, and what is known of others. `serve` must run."""

    def __init__(self, hub: Hub, signals: Signals, clock: Clock, session: str) -> None:
        self._hub, self._signals, self._clock, self._session = hub, signals, clock, session
        self._here: Counter[Wish] = Counter()
        self._there: dict[Wish, dict[str, float]] = {}
        self._owed: dict[str, list[Event]] = {}
        self._changed, self._due = anyio.Event(), anyio.Event()
        hub.on_watch(self._come, self._gone)
        signals.on_signal(WATCHED, self._watched)
        signals.on_signal(TOLD + session, self._told)

    def look(self, tenant: Tenant, key: str) -> bool:
        """Whether anybody wants to know of this key what is not kept."""
        if not self._here and not self._there:
            return False
        now = self._clock.monotonic()
        return any(
            wish in self._here or any(until > now for until in self._there.get(wish, {}).values())
            for wish in ((tenant, key), (tenant, ""))
        )

    def tell(self, event: Event) -> None:
        """Tell those who look on, here and elsewhere."""
        self._hub.tell(event)
        now = self._clock.monotonic()
        sessions = {
            session
            for wish in ((event.tenant, event.key), (event.tenant, ""))
            for session, until in self._there.get(wish, {}).items()
            if until > now
        }
        for session in sessions:
            self._owed.setdefault(session, []).append(event)
            self._due.set()

    async def serve(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._announce)
            while True:
                await self._due.wait()
                self._due = anyio.Event()
                owed, self._owed = self._owed, {}
                for session, events in owed.items():
                    self._send(session, events)
                await self._clock.sleep(TURN_S)

    def _send(self, session: str, events: list[Event]) -> None:
        batches: list[list[Event]] = [[]]
        size = 0
        for event in events:
            size += len(bytes(event.data)) + 200
            if size > BATCH_MAX_BYTES and batches[-1]:
                batches.append([])
                size = 0
            batches[-1].append(event)
        for batch in batches[:BATCHES_MAX]:
            self._signals.send(TOLD + session, msgspec.json.encode(batch))
        if dropped := sum(map(len, batches[BATCHES_MAX:])):
            _DROPPED.add(dropped, "live_event")

    async def _announce(self) -> None:
        while True:
            with anyio.move_on_after(AGAIN_S):
                await self._changed.wait()
            self._changed = anyio.Event()
            self._forget()
            if self._here:
                wishes = list(self._here)
                for at in range(0, len(wishes), 500):
                    told = _Watching(self._session, wishes[at : at + 500])
                    self._signals.send(WATCHED, msgspec.json.encode(told))
            await self._clock.sleep(TURN_S)

    def _come(self, watcher: Watcher) -> None:
        wish = watcher.wish
        if wish is None:
            return
        mine = sum(tenant == wish[0] for tenant, _ in self._here)
        if wish in self._here or mine < WISHES_MAX:
            if wish not in self._here:
                self._changed.set()
            self._here[wish] += 1

    def _gone(self, watcher: Watcher) -> None:
        wish = watcher.wish
        if wish is not None and wish in self._here:
            self._here[wish] -= 1
            if not self._here[wish]:
                del self._here[wish]

    def _watched(self, raw: msgspec.Raw) -> None:
        told = msgspec.json.decode(raw, type=_Watching)
        if told.session == self._session:
            return
        until = self._clock.monotonic() + GONE_S
        known = Counter(tenant for tenant, _ in self._there)
        for wish in told.wishes:
            if wish not in self._there:
                known[wish[0]] += 1
                if known[wish[0]] > WISHES_MAX:
                    continue
            self._there.setdefault(wish, {})[told.session] = until

    def _forget(self) -> None:
        now = self._clock.monotonic()
        for wish, sessions in list(self._there.items()):
            left = {session: until for session, until in sessions.items() if until > now}
            if left:
                self._there[wish] = left
            else:
                del self._there[wish]

    def _told(self, raw: msgspec.Raw) -> None:
        for event in msgspec.json.decode(raw, type=list[Event]):
            self._hub.tell(event)
