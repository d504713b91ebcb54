"""Long polls: who waits for messages is woken when there may be some, and looks now and then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio
import structlog

from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import OWN, QueueUnknown, Received
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.store import queue_keys
from orchestra.store.keys import Tenant
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
"""Wake-ups may be lost; so long a message lies unseen then."""
_SWEEP_MAX: Final = 200
_LEAST_S: Final = 0.01


class Bell:
    """Rings once, and again after it was heard."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Somebody who waits looks again."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until it rang since the last time, or the time is up."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


class Waiting:
    """Receives, and waits for something to receive."""

    def __init__(self, calls: Calls, queues: Queues, clock: Clock) -> None:
        self._calls, self._store = calls, calls.store
        self._queues, self._clock = queues, clock
        self._bells: dict[bytes, set[Bell]] = {}
        self._closed = False

    async def serve(self) -> None:
        """Until cancelled: hear which queues have something."""
        channels = {
            queue_keys.queue_wakes(self._store.prefix(tag)): self._heard
            for tag in self._store.partitions
        }
        async with anyio.create_task_group() as group:
            group.start_soon(self._store.follow, Topics(channels))
            group.start_soon(self._sweep)

    async def _sweep(self) -> None:
        """Until cancelled: who waits need not look itself whether a wake-up was lost.

        One call for all queues of a partition, so that a thousand idle workers cost nothing.
        """
        while True:
            await anyio.sleep(LOOK_S)
            for part, queues in self._calls.placed(list(self._bells)):
                for i in range(0, len(queues), _SWEEP_MAX):
                    some = queues[i : i + _SWEEP_MAX]
                    try:
                        glances = await self._calls.glance(part, some)
                    except OrchestraError as error:
                        log.debug("queue.not_looked_at", reason=error.detail)
                        continue
                    for queue, glance in zip(some, glances, strict=True):
                        if glance.soon_ms == 0:
                            self._heard(queue)

    def close(self) -> None:
        """Nobody waits any more."""
        self._closed = True
        for bells in self._bells.values():
            for bell in bells:
                bell.ring()

    async def receive(
        self, bell: Bell, wait_s: float, left: Callable[[], bool], call: "Receiving"
    ) -> list[Received]:
        """At least one message, or nothing after `wait_s`, when closed, or when the caller `left`.

        Whoever `left` rings the `bell`; nothing is leased to it after that. Raises QueueUnknown.
        """
        until = self._clock.monotonic() + wait_s
        with self._listening(f"{call.tenant}:{call.name}".encode(), bell):
            while not left():
                found, soon_ms = await call(self._queues)
                more_s = until - self._clock.monotonic()
                if found or more_s <= 0 or self._closed:
                    return found
                soon_s = more_s if soon_ms is None else soon_ms / 1_000
                await bell.wait(max(min(more_s, soon_s), _LEAST_S))
        return []

    @contextmanager
    def _listening(self, queue: bytes, bell: Bell) -> Iterator[None]:
        self._bells.setdefault(queue, set()).add(bell)
        try:
            yield
        finally:
            self._bells[queue].discard(bell)
            if not self._bells[queue]:
                del self._bells[queue]

    def _heard(self, queue: bytes) -> None:
        for bell in self._bells.get(queue, ()):
            bell.ring()


class Receiving:
    """One call of `Queues.receive`, to be made as often as it takes."""

    def __init__(self, tenant: Tenant, name: str, most: int, lease_ms: int | None) -> None:
        self.tenant, self.name = tenant, name
        self._most, self._lease_ms = most, lease_ms

    async def __call__(self, queues: Queues) -> tuple[list[Received], int | None]:
        """What is ready now. A module's own queue is there when something is."""
        try:
            return await queues.receive(self.tenant, self.name, self._most, self._lease_ms)
        except QueueUnknown:
            if not self.name.startswith(OWN):
                raise
            return [], None
