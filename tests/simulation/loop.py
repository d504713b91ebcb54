"""Virtual time: an event loop whose clock jumps to the next timer, and a network that loses.

Rules it lives by: no threads, no sockets, no clock but the loop's, one random source; the store is
called synchronously. So a seed replays byte for byte.
"""

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import anyio

from orchestra.store.failures import NotSent, ReplyLost

_FOR_EVER_S = 1e9
_START_S = 1_000_000.0


class _Selector(selectors.BaseSelector):
    """Nothing ever arrives from outside; waiting is moving the clock."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop, self._keys = loop, dict[int, selectors.SelectorKey]()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return self._keys[fd]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def get_map(self) -> dict[int, selectors.SelectorKey]:  # type: ignore[override]
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("deadlock: every task waits and no timer is set")
        self._loop.clock += max(0.0, timeout)
        return []


class SimLoop(asyncio.SelectorEventLoop):
    """Use with `anyio.run(main, backend_options={"loop_factory": SimLoop})`."""

    def __init__(self) -> None:
        self.clock = _START_S
        super().__init__(_Selector(self))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.clock

    def run_in_executor(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise RuntimeError("no threads in a simulation")


class Node:
    """One process. Killed, it never runs another line; paused, it runs on later, none the wiser;
    cut off, it hears nobody.
    """

    def __init__(self, name: str) -> None:
        self.name, self.dead, self.paused_until, self.cut_until = name, False, 0.0, 0.0


class World:
    """Time, chance and the network of one history. All of it follows from the seed."""

    def __init__(self, seed: int, loss: float = 0.02, latency_s: float = 0.002) -> None:
        self.random = random.Random(seed)
        self.loss, self.latency_s = loss, latency_s
        self.away_until = 0.0
        self.calls = 0
        self.trace: list[tuple[float, str, str, str]] = []

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, node: Node | None, seconds: float) -> None:
        """Every wait of a node goes through here, so that death and pauses take effect."""
        await anyio.sleep(seconds)
        while node and node.paused_until > self.now():
            await anyio.sleep(node.paused_until - self.now() + 1e-6)
        if node and node.dead:
            await anyio.sleep(_FOR_EVER_S)

    async def call(self, node: Node | None, name: str, apply: Callable[[], Any]) -> Any:
        """One call over an unreliable network; `apply` runs on the real store at one instant."""
        await self._travel(node)
        if self.away_until > self.now():
            raise NotSent
        self.calls += 1
        reply = apply()
        self.trace.append((round(self.now(), 6), node.name if node else "-", name, repr(reply)))
        await self._travel(node)
        return reply

    async def _travel(self, node: Node | None) -> None:
        await self.sleep(node, self.random.expovariate(1 / self.latency_s))
        if self.random.random() < self.loss or (node and node.cut_until > self.now()):
            raise ReplyLost

    async def torment(self, living: Callable[[], list[Node]], spawn: Callable[[], object]) -> None:
        """2 to 6 faults: kill (and replace), pause or cut off a node, or take the store away."""
        for _ in range(self.random.randint(2, 6)):
            await anyio.sleep(self.random.uniform(0.2, 4))
            node, dice = self.random.choice(living()), self.random.random()
            if dice < 0.4:
                node.dead = True
                spawn()
            elif dice < 0.7:
                node.paused_until = self.now() + self.random.uniform(0.5, 10)
            elif dice < 0.92:
                node.cut_until = self.now() + self.random.uniform(0.5, 8)
            else:
                self.away_until = self.now() + self.random.uniform(0.2, 5)


def simulate(main: Callable[..., Awaitable[Any]], *args: object) -> Any:
    """Run `main` in virtual time."""
    return anyio.run(main, *args, backend_options={"loop_factory": SimLoop})
