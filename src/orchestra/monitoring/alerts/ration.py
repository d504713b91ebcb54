"""What costly looks may cost: all of them together a fifth of the time, and so much a round.

Who is refused keeps what was found the last time; who has nothing yet waits for another round.
"""

from typing import Final

from orchestra.clock import Clock

ROUND_S: Final = 2.0
SHARE: Final = 5.0
KEPT_MAX: Final = 5_000
OLD_S: Final = 600.0


class NotLooked(Exception):
    """It was not looked at this time: nothing follows."""


class Ration:
    """Says who may look, and remembers what it cost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked: dict[object, tuple[float, float]] = {}
        self._sum = 0.0
        self._left, self._swept = ROUND_S, 0.0

    def begin(self) -> None:
        """Another round. What nobody asked for lately costs nothing any more."""
        self._left = ROUND_S
        now = self._clock.monotonic()
        if now >= self._swept + OLD_S:
            self._swept = now
            self._looked = {key: it for key, it in self._looked.items() if now - it[0] < OLD_S}
            self._sum = sum(cost for _, cost in self._looked.values())

    def may(self, key: object, every_s: float) -> bool:
        """Whether it is time to look again, and there is time left to do so."""
        at, _ = self._looked.get(key, (float("-inf"), 0.0))
        due = self._clock.monotonic() >= at + max(every_s, SHARE * self._sum)
        return due and self._left > 0

    def spent(self, key: object, began: float) -> None:
        """It was looked at since then."""
        now = self._clock.monotonic()
        cost = max(now - began, 0.0)
        if len(self._looked) >= KEPT_MAX:
            self._looked.clear()
            self._sum = 0.0
        self._sum += cost - self._looked.get(key, (0.0, 0.0))[1]
        self._looked[key] = (now, cost)
        self._left -= cost
