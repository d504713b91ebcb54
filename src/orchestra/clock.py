"""Time, identity and randomness: injected everywhere, so that all three can be simulated."""

import random
import secrets
import time
import uuid
from typing import Protocol

import anyio


class Clock(Protocol):
    """What time it is. Durations come from `monotonic`, stored instants from `now_ms`."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed instant; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. Cancellation passes through."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC, by the system's clock."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some fixed instant."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop's clock."""
        await anyio.sleep(seconds)


class ManualClock:
    """A clock that moves when told to; `sleep` moves it. For tests."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self._start_ms = self._now_ms = now_ms

    def now_ms(self) -> int:
        """The instant it was set to."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return (self._now_ms - self._start_ms) / 1_000

    def advance(self, ms: int) -> None:
        """Move forward."""
        self._now_ms += ms

    async def sleep(self, seconds: float) -> None:
        """Jump forward, and let others run."""
        self.advance(round(seconds * 1_000))
        await anyio.lowlevel.checkpoint()


class Random(Protocol):
    """Chance. `random.Random` is one, and with a seed it replays."""

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """`k` random bits."""
        ...


def system_random() -> Random:
    """Chance for jitter and ids. Seeded from the operating system; not for secrets."""
    return random.Random(secrets.randbits(256))


def uuid7(now_ms: int, low: int) -> uuid.UUID:
    """UUIDv7 (RFC 9562, section 5.7): 48 bits of ms, version, variant, 74 bits of `low`."""
    return uuid.UUID(
        int=(now_ms & (1 << 48) - 1) << 80
        | 7 << 76
        | (low >> 62 & 0xFFF) << 64
        | 2 << 62
        | low & (1 << 62) - 1
    )


class Ids:
    """Makes identifiers that sort by creation: `wfl_` + UUIDv7."""

    def __init__(self, clock: Clock, chance: Random) -> None:
        self._clock, self._random = clock, chance

    def new(self, prefix: str) -> str:
        """A new id such as `agt_01…`; `prefix` without the underscore."""
        return f"{prefix}_{uuid7(self._clock.now_ms(), self._random.getrandbits(74))}"
