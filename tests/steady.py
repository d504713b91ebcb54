"""Stretches of time in which nothing held this process up: for what cannot be tested slowly.

A machine that stalls makes any short time long. Where a test is about a short time itself, and no
event or clock of ours can stand in for it, what it saw counts only if the process ran all along.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.lowlevel
import pytest

from orchestra.store.client import Store

T = TypeVar("T")
LOOK_S = 0.005
TRIES = 100


class HoldUps:
    """How long the event loop was kept from what was due, at most."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            before = anyio.current_time()
            await anyio.sleep(LOOK_S)
            self.longest_s = max(self.longest_s, anyio.current_time() - before - LOOK_S)

    async def ask(self, other: Callable[[], Awaitable[object]]) -> None:
        """The same of somebody whom `other` asks."""
        while True:
            before = anyio.current_time()
            await other()
            self.longest_s = max(self.longest_s, anyio.current_time() - before)
            await anyio.sleep(LOOK_S)


async def tell_hold_ups(store: Store, prefix: str, most_s: float) -> None:
    """Until cancelled: count in the store when we, or the store, were held up for longer."""
    while True:
        before = anyio.current_time()
        await store.read(prefix, "TIME")
        await anyio.sleep(10 * LOOK_S)
        if anyio.current_time() - before > most_s:
            await store.call(prefix, "INCR", f"{prefix}held_up")


async def held_up(store: Store, prefix: str) -> bool:
    """Whether anybody told so."""
    return await store.read(prefix, "GET", f"{prefix}held_up") is not None


async def undisturbed(
    attempt: Callable[[], Awaitable[T]],
    most_s: float,
    other: Callable[[], Awaitable[object]] = anyio.lowlevel.checkpoint,
) -> T:
    """What `attempt` gave when it was held up by no more than that, however often it takes.

    Neither may be whom `other` asks: the store, another process.
    """
    for _ in range(TRIES):
        seen, found = HoldUps(), list[T]()
        async with anyio.create_task_group() as group:
            group.start_soon(seen.watch)
            group.start_soon(seen.ask, other)
            found.append(await attempt())
            await other()
            await anyio.sleep(2 * LOOK_S)  # what held it up last is seen, too
            group.cancel_scope.cancel()
        if seen.longest_s <= most_s:
            return found[0]
    pytest.fail(f"this machine was never without a hold-up of {most_s} s")
