"""The lease of a replica: one for all it runs, renewed in every partition each second.

`LeaseClock` is arithmetic and no input or output. In production a thread of its own drives it
(`lease_thread`), so that a blocked event loop keeps its lease; in the simulation a coroutine does.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from orchestra.clock import Random
from orchestra.store.scripts import Argument

LEASE_MS = 3_000
RENEW_S = 1.0
RETRY_S = 0.2
PULSE_S = 0.5

_MARGIN_S = 0.5
_PULSE_MAX_S = 10.0
_LOOK_BACK_MS = 5_000
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Beat(msgspec.Struct, frozen=True):
    """What a renewal told. `held`: steps the store says we hold; `stopped`: what is to stop."""

    tag: int
    held: int
    stopped: tuple[str, ...]


def new_session(chance: Random) -> str:
    """A session id: 12 random base32 characters, never used again."""
    bits = chance.getrandbits(60)
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(0, 60, 5))


class LeaseClock:
    """Says whether this replica may still act. Every method may be called from any thread.

    An expired session never comes back: after `expired` nothing is renewed until `renew` makes a
    new one, which the caller does when it has stopped what it was doing.
    """

    def __init__(
        self, partitions: Iterable[int], monotonic: Callable[[], float], chance: Random
    ) -> None:
        self._monotonic, self._chance = monotonic, chance
        self._lock = threading.Lock()
        self._partitions = tuple(partitions)
        self._session = new_session(chance)
        self._renewed: dict[int, float] = {}
        self._store_ms: dict[int, int] = {}
        self._told: set[int] = set()
        self._expired = False
        self._pulsed = monotonic()

    @property
    def partitions(self) -> tuple[int, ...]:
        """Tag numbers of the partitions this lease is for."""
        return self._partitions

    @property
    def session(self) -> str:
        """The id of the session; a new one after it expired."""
        return self._session

    @property
    def expired(self) -> bool:
        """The store has given up this session: stop everything, then call `renew`."""
        return self._expired

    def joined(self, tag: int) -> bool:
        """Whether the partition knows the session."""
        return tag in self._renewed

    def fenced(self, tag: int) -> bool:
        """Whether the lease may be over by now: start no call, stop those that run, claim nothing.

        Counted from the sending of the last renewal that succeeded, by the monotonic clock, half a
        second on the safe side. True before the first one.
        """
        renewed = self._renewed.get(tag)
        limit_s = LEASE_MS / 1_000 - _MARGIN_S
        return self._expired or renewed is None or self._monotonic() - renewed > limit_s

    def age_s(self) -> float | None:
        """Since the renewal that is longest ago; None while no partition is joined."""
        renewed = tuple(self._renewed.values())
        return self._monotonic() - min(renewed) if renewed else None

    def pulse(self) -> None:
        """The event loop runs. Call each 0.5 s: without it for 10 s the lease is let go."""
        self._pulsed = self._monotonic()

    def request(self, tag: int) -> dict[str, Argument] | None:
        """Arguments of the next `session_beat`; None when it must not be sent.

        That is after the session expired, and while the event loop hangs.
        """
        with self._lock:
            if self._expired or self._monotonic() - self._pulsed > _PULSE_MAX_S:
                return None
            return {
                "session": self._session,
                "lease_ms": LEASE_MS,
                "join": "" if tag in self._renewed else "1",
                "cancelled_since": max(0, self._store_ms.get(tag, 0) - _LOOK_BACK_MS),
            }

    def answered(self, tag: int, session: str, sent_s: float, reply: Sequence[Any]) -> Beat | None:
        """Take the reply of a `session_beat` sent at `sent_s`. None: expired, or an old session."""
        with self._lock:
            if session != self._session or self._expired:
                return None
            if reply[0] != 1:
                self._expired = True
                return None
            self._renewed[tag] = sent_s
            self._store_ms[tag] = int(reply[1])
            self._told.discard(tag)
            stopped = tuple(_text(what) for what in reply[3:])
            return Beat(tag, int(reply[2]), stopped)

    def lost(self) -> list[int]:
        """Partitions fenced since the last call: each is named once, until it is renewed."""
        with self._lock:
            tags = [tag for tag in self._renewed if tag not in self._told and self.fenced(tag)]
            self._told.update(tags)
            return tags

    def renew(self) -> str:
        """A new session, not joined anywhere yet. Only when all that was held has stopped."""
        with self._lock:
            self._session = new_session(self._chance)
            self._renewed, self._told, self._expired = {}, set(), False
            return self._session


def _text(reply: bytes | str) -> str:
    return reply.decode() if isinstance(reply, bytes) else reply
