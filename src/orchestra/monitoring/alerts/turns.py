"""Turns of what keeps a processor busy: one at a time, and only so many wait for theirs."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio

from orchestra.errors import TooMany
from orchestra.store.keys import Tenant

HERE_MAX: Final = 8
"""That have their turn, or wait for it: of all tenants, and of each."""
EACH_MAX: Final = 3
AGAIN_MS: Final = 10_000


class BackTestsCrowded(TooMany):
    """Rules are tried one at a time, and too many wait already. Context: `retry_after_ms`."""


class Turns:
    """Given in the order in which they are asked for."""

    def __init__(self) -> None:
        self._one, self._here = anyio.Lock(), Counter[Tenant]()

    @asynccontextmanager
    async def take(self, tenant: Tenant) -> AsyncIterator[None]:
        """A turn, for the duration of the block. Raises BackTestsCrowded."""
        if self._here[tenant] >= EACH_MAX or self._here.total() >= HERE_MAX:
            told = "rules are tried one at a time, and others wait: come back in a moment"
            raise BackTestsCrowded(told, retry_after_ms=AGAIN_MS)
        self._here[tenant] += 1
        try:
            async with self._one:
                yield
        finally:
            self._here -= Counter([tenant])  # who has none left is forgotten
