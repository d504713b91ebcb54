"""Signals: told to whoever listens now, here and in other processes. They may be lost.

Nothing waits for one. Of a subject at most four a second leave, the newest ones; what `send` is
given leaves as it is. What cannot leave in time is dropped, and counted.
"""

from typing import Final

import anyio
import msgspec
import structlog

from orchestra.bus import SignalHandler
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import counter
from orchestra.store import event_keys
from orchestra.store.client import Store
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)

APART_S: Final = 0.25
TURN_S: Final = 0.05
SUBJECTS_MAX: Final = 10_000
WAITING_MAX: Final = 1_000
WAITING_MAX_BYTES: Final = 1_048_576
DATA_MAX_BYTES: Final = 65_536

_DROPPED = counter("orchestra_dropped_total", ("what",))


class Signals:
    """Those of one process. `serve` must run for others to be told."""

    def __init__(self, store: Store, topics: Topics, clock: Clock, own: str) -> None:
        self._store, self._topics, self._clock = store, topics, clock
        self._own = own.encode()
        self._handlers: dict[str, list[SignalHandler]] = {}
        self._newest: dict[str, bytes] = {}
        self._left: dict[str, float] = {}
        self._waiting: list[tuple[str, bytes]] = []
        self._bytes = 0
        self._due = anyio.Event()

    def signal(self, subject: str, data: msgspec.Struct) -> None:
        """See `Bus.signal`."""
        raw = msgspec.json.encode(data)
        if len(raw) > DATA_MAX_BYTES or len(self._left) >= SUBJECTS_MAX:
            _DROPPED.add(1, "signal")
            return
        self._newest[subject] = raw
        self._due.set()

    def on_signal(self, subject: str, handler: SignalHandler) -> None:
        """See `Bus.on_signal`."""
        self._handlers.setdefault(subject, []).append(handler)
        channel = event_keys.signals(subject, self._store.space)
        self._topics.want(channel, lambda message: self._heard(subject, message))

    def send(self, subject: str, raw: bytes) -> None:
        """Tell other processes, all of it, in order."""
        if len(self._waiting) >= WAITING_MAX or self._bytes + len(raw) > WAITING_MAX_BYTES:
            _DROPPED.add(1, "signal")
            return
        self._waiting.append((subject, raw))
        self._bytes += len(raw)
        self._due.set()

    async def serve(self) -> None:
        """Until cancelled: tell what is due."""
        while True:
            await self._due.wait()
            self._due = anyio.Event()
            now = self._clock.monotonic()
            self._left = {one: at for one, at in self._left.items() if now - at < APART_S}
            for subject in [one for one in self._newest if one not in self._left]:
                raw = self._newest.pop(subject)
                self._left[subject] = now
                self._tell(subject, raw)
                self.send(subject, raw)
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            if waiting:
                await self._publish(waiting)
            if self._newest or self._waiting:
                self._due.set()
            await self._clock.sleep(TURN_S)

    async def _publish(self, messages: list[tuple[str, bytes]]) -> None:
        space = self._store.space
        channels = [event_keys.signals(subject, space) for subject, _ in messages]
        asked = [
            self._store.read(channel, "SPUBLISH", channel, b"%s %s" % (self._own, raw))
            for channel, (_, raw) in zip(channels, messages, strict=True)
        ]
        for one in asked:
            try:
                await one
            except OrchestraError as away:
                _DROPPED.add(1, "signal")
                log.debug("bus.signal_lost", error=away.code)

    def _heard(self, subject: str, message: bytes) -> None:
        own, _, raw = message.partition(b" ")
        if own != self._own:
            self._tell(subject, raw)

    def _tell(self, subject: str, raw: bytes) -> None:
        for handler in self._handlers.get(subject, ()):
            try:
                handler(msgspec.Raw(raw))
            except Exception as error:  # the edge to the handler's own code
                log.warning("bus.signal_handler_failed", subject=subject, exc_info=error)
