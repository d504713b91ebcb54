"""Answers that many open pages ask for at the same moment, asked for once.

When something happened all pages that show it ask anew, together. An answer serves all of them
that may see the same, unless anything was told to a page of the tenant, or done through one,
after it was asked for: then it could be older than what a page shows already.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from orchestra.clock import Clock
from orchestra.security import Principal
from orchestra.store.keys import Tenant

KEPT_MAX: Final = 256
PARTS_MAX: Final = 64
KEPT_S: Final = 1.0
OF_ALL: Final = frozenset(
    f"/api/{noun}" for noun in ("executions", "agents", "events", "alerts", "queues", "webhooks")
)
"""What is the same for all with the same permissions. Anything else may be the caller's own."""


class _Answer:
    __slots__ = ("began", "body", "done")

    def __init__(self, began: float) -> None:
        self.began, self.done = began, anyio.Event()
        self.body: bytes | None = None


class Shared:
    """The answers of the last second. `told`: when a page of a tenant was last told anything."""

    def __init__(self, clock: Clock, told: Callable[[Tenant], float]) -> None:
        self._clock, self._told = clock, told
        self._answers: OrderedDict[tuple[object, ...], _Answer] = OrderedDict()
        self._parts: OrderedDict[tuple[object, ...], tuple[float, bytes]] = OrderedDict()
        self._done: OrderedDict[Tenant, float] = OrderedDict()

    async def answer(
        self, who: Principal, address: tuple[str, bytes], ask: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """That of `ask` for a path and a query, which may be another's. Raises what it raises."""
        path, query = address
        actor = "" if path.rstrip("/") in OF_ALL else who.actor
        key = (who.tenant, who.permissions, actor, path, query)
        now = self._clock.monotonic()
        known = self._answers.get(key)
        if known is not None and known.began > self._changed(who.tenant, now):
            await known.done.wait()
            if known.body is not None:  # else who asked has left, or was refused
                return known.body
        mine = self._answers[key] = _Answer(self._clock.monotonic())
        self._answers.move_to_end(key)
        if len(self._answers) > KEPT_MAX:
            self._answers.popitem(last=False)
        try:
            mine.body = await ask()
            return mine.body
        finally:
            if mine.body is None and self._answers.get(key) is mine:
                del self._answers[key]
            mine.done.set()

    def part(
        self, who: Principal, key: tuple[object, ...], asked_at: float, make: Callable[[], bytes]
    ) -> bytes:
        """A part of a page, as it was made a moment ago for the same viewer, or made now.

        `asked_at`: when what it shows began to be asked for.
        """
        known = self.made(who, key)
        if known is not None:
            return known
        body, key = make(), (who.tenant, who.permissions, who.actor, *key)
        self._parts[key] = asked_at, body
        self._parts.move_to_end(key)
        if len(self._parts) > PARTS_MAX:
            self._parts.popitem(last=False)
        return body

    def made(self, who: Principal, key: tuple[object, ...]) -> bytes | None:
        """A part of a page that was made a moment ago for the same viewer, if it will still do."""
        known = self._parts.get((who.tenant, who.permissions, who.actor, *key))
        if known is None or known[0] <= self._changed(who.tenant, self._clock.monotonic()):
            return None
        return known[1]

    def done(self, tenant: Tenant) -> None:
        """Something was done: nothing that was asked for before serves any more."""
        self._done[tenant] = self._clock.monotonic()
        self._done.move_to_end(tenant)
        if len(self._done) > KEPT_MAX:
            self._done.popitem(last=False)
            self._answers.clear()
            self._parts.clear()

    def _changed(self, tenant: Tenant, now: float) -> float:
        return max(now - KEPT_S, self._told(tenant), self._done.get(tenant, 0.0))
