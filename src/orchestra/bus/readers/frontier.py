"""The frontier: events in the order they were read, and up to where all of them are handled. Pure.

One order over all streams: an event that cannot be handled holds the whole cursor, not that of its
stream, so that crashes are counted where it is.
"""

from collections import deque

from orchestra.bus import Event, Gap

FLUSH = 256
AHEAD_MAX = 1_000


class Item:
    """One event that is being handled."""

    __slots__ = ("done", "positions", "told")

    def __init__(self, told: Event | Gap, positions: dict[str, str]) -> None:
        self.told, self.positions, self.done = told, positions, False


class Frontier:
    """What is handled, what is not yet, and what of it the store knows."""

    def __init__(self) -> None:
        self._open: deque[Item] = deque()
        self._ready: dict[str, str] = {}
        self._handled = self._sent = 0

    @property
    def room(self) -> bool:
        """Whether one more may be begun: a crash repeats no more than this."""
        return self._handled + self._sent < FLUSH and len(self._open) < AHEAD_MAX

    @property
    def due(self) -> bool:
        """Whether the store should be told now."""
        return self._handled >= FLUSH // 2

    @property
    def idle(self) -> bool:
        """Whether everything that was begun is handled."""
        return not self._open

    def add(self, told: Event | Gap, key: str, position: str) -> Item:
        """One more is begun."""
        item = Item(told, {key: position})
        self._open.append(item)
        return item

    def skip(self, key: str, position: str) -> None:
        """An entry that needs no handling lies behind everything so far."""
        (self._open[-1].positions if self._open else self._ready)[key] = position

    def finish(self, item: Item) -> None:
        """It is handled."""
        item.done = True
        while self._open and self._open[0].done:
            self._ready.update(self._open.popleft().positions)
            self._handled += 1

    def take(self) -> dict[str, str]:
        """What the store is to be told. Then `told`, or `again` when that failed."""
        positions, self._ready = self._ready, {}
        self._sent, self._handled = self._sent + self._handled, 0
        return positions

    def told(self) -> None:
        """The store knows what was taken."""
        self._sent = 0

    def again(self, positions: dict[str, str]) -> None:
        """The store may not know what was taken."""
        self._ready = positions | self._ready
