"""Shipping: what was gathered goes out in batches, on a thread of its own that nobody waits for.

A thread, because the exporters wait for the network by blocking; a daemon, so that the end of the
process waits for no collector.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import structlog

from orchestra.tracing import Span

T = TypeVar("T")
log = structlog.get_logger(__name__)

SPANS_MAX: Final = 8_192
"""Spans on their way. A span takes about 1 KiB."""
BATCH: Final = 256
"""In one request. More would hold the interpreter for longer than the event loop can spare."""


class Spans:
    """A `Sink` with a bound: what is over it is let go, and counted."""

    def __init__(self, most: int = SPANS_MAX) -> None:
        self.bound = most
        """How many may wait."""
        self._waiting: deque[Span] = deque()
        self.over = 0
        """How many were let go."""
        self.wake = threading.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, span: Span) -> None:
        """One more. Over the bound it is let go itself: those above and below the others wait."""
        waiting = self._waiting
        if len(waiting) >= self.bound:
            self.over += 1
            return
        waiting.append(span)
        if len(waiting) >= BATCH and not self.wake.is_set():
            self.wake.set()

    def batch(self) -> list[Span]:
        """The next ones; none when there is none. For one thread."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), BATCH))]


class Latest(Generic[T]):
    """Of what is told again and again, the last."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque(maxlen=1)

    def put(self, value: T) -> None:
        """It is so now."""
        self._waiting.append(value)

    def batch(self) -> list[T]:
        """It, once."""
        try:
            return [self._waiting.popleft()]
        except IndexError:
            return []


class Shipping(Generic[T]):
    """Takes batches and sends them, every so often and when it is woken, until it is stopped."""

    def __init__(
        self,
        name: str,
        batch: Callable[[], Sequence[T]],
        export: Callable[[Sequence[T]], bool],
        every_s: float,
        wake: threading.Event | None = None,
    ) -> None:
        self._batch, self._export, self._every_s = batch, export, every_s
        self._wake = wake or threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"otel-{name}", daemon=True)
        self._stopping = False
        self.sent = self.failed = 0
        """How many the collector took, and how many it did not."""
        self.well = True
        """Whether it took the last batch."""
        self._broke = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def hurry(self) -> None:
        """Send what there is now."""
        self._wake.set()

    def stop(self) -> None:
        """Send what is left, and end."""
        self._stopping = True
        self._wake.set()

    def join(self, within_s: float) -> None:
        """Wait until it ended, but no longer. For a thread."""
        self._thread.join(max(within_s, 0.0))

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(self._every_s)
            self._wake.clear()
            self._ship()
        self._ship()

    def _ship(self) -> None:
        while some := self._batch():
            self.well = self._tried(some)
            if self.well:
                self.sent += len(some)
            else:
                self.failed += len(some)

    def _tried(self, some: Sequence[T]) -> bool:
        try:
            return self._export(some)
        except Exception:  # the edge of a thread: a batch that breaks must not be the last
            if not self._broke:  # its own words come back as the next batch: once is enough
                self._broke = True
                log.exception("otel.batch_broken")
            return False
