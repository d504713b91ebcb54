"""What is made at most once in a while, however many ask for it: they wait for the same making."""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import anyio

from orchestra.clock import Clock

KEPT_MAX: Final = 256

K = TypeVar("K")
V = TypeVar("V")


class _Making(Generic[V]):
    """One that is being made, or was."""

    __slots__ = ("at", "done", "found")

    def __init__(self, at: float) -> None:
        self.at, self.done = at, anyio.Event()
        self.found: list[V] = []


class Once(Generic[K, V]):
    """Keeps what was made for `fresh_s`."""

    def __init__(self, clock: Clock, fresh_s: float) -> None:
        self._clock, self._fresh_s = clock, fresh_s
        self._kept: dict[K, _Making[V]] = {}

    async def get(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """What was made lately, or what `make` makes now. Who waited for one that failed makes."""
        while True:
            now, kept = self._clock.monotonic(), self._kept.get(key)
            if kept is None or now - kept.at >= self._fresh_s:
                return await self._make(key, make)
            await kept.done.wait()
            if kept.found:
                return kept.found[0]

    async def _make(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        if len(self._kept) >= KEPT_MAX:
            self._kept = {one: kept for one, kept in self._kept.items() if not kept.done.is_set()}
        making = self._kept[key] = _Making[V](self._clock.monotonic())
        try:
            made = await make()
            making.found.append(made)
        finally:
            if not making.found and self._kept.get(key) is making:
                del self._kept[key]
            making.done.set()
        return made
