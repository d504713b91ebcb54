"""How often somebody may show a wrong key: by address and by the beginning of the key. Bounded.

In memory, per process: a brake, not a lock. Who knows the beginning of somebody's key can keep them
away from this form for a minute at a time; the interface and open sessions are not touched.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Final

from orchestra.clock import Clock
from orchestra.errors import TooMany

TRIES_MAX: Final = 10
WINDOW_S: Final = 60.0
PLACES_MAX: Final = 4_096
HOPS_MAX: Final = 8


def client_of(peer: str, forwarded: str, proxies: Sequence[str]) -> str:
    """Where a request comes from: the nearest address that is none of our proxies.

    Else ten wrong keys of a stranger would keep everybody out who comes through the same proxy.
    """
    known = [ip_network(one, strict=False) for one in proxies]
    hops = [peer, *reversed([one.strip() for one in forwarded.split(",")[-HOPS_MAX:]])]
    for hop in hops:
        try:
            address = ip_address(hop)
        except ValueError:
            return peer
        if not any(address in one for one in known):
            return str(address)
    return hops[-1]


class TriesExhausted(TooMany):
    """Too many wrong keys, from here or with this beginning."""


class Tries:
    """Counts the wrong ones of the last minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def admit(self, places: Iterable[str]) -> None:
        """Raises TriesExhausted where there were too many."""
        now = self._clock.monotonic()
        waits = [
            WINDOW_S - (now - kept[0])
            for place in places
            if len(kept := self._lately(place, now)) >= TRIES_MAX
        ]
        if waits:
            wait_s = max(1, math.ceil(max(waits)))
            raise TriesExhausted(
                f"too many wrong keys: try again in {wait_s} s", retry_after_ms=wait_s * 1_000
            )

    def failed(self, places: Iterable[str]) -> None:
        """One more."""
        now = self._clock.monotonic()
        for place in places:
            self._failed[place] = [*self._lately(place, now), now][-TRIES_MAX:]
            self._failed.move_to_end(place)
        while len(self._failed) > PLACES_MAX:
            self._failed.popitem(last=False)

    def _lately(self, place: str, now: float) -> list[float]:
        return [at for at in self._failed.get(place, ()) if now - at < WINDOW_S]
