"""What a webhook costs: an event published until its receiver has it, and deliveries a second.

The receiver is a process of its own. Beside the ceiling in the same run: the same requests from the
same client through the same guard, many at a time, with nothing kept and nothing matched.
"""

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec

from bench.events import opened, quantiles
from bench.machine import cpu_ms, fsync_ms
from orchestra.bus import Draft
from orchestra.bus.module import BusModule
from orchestra.bus.webhooks.records import Endpoint, SigningKey
from orchestra.bus.webhooks.sending import GuardedPost
from orchestra.bus.webhooks.signing import new_key
from orchestra.bus.webhooks.wiring import Needs
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.security.secrets import Secrets
from orchestra.settings import load
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.workflows.expressions.filters import EventFilters

NAME = "WH"
PACED, RATE = 3_000, 100
BURST, ENDPOINTS = 5_000, 10
AT_ONCE = 10 * ENDPOINTS
MASTER = b"b" * 48


class Receiver:
    """The process that is told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self.pid = process, process.pid
        self.port = int(self._line())

    def came(self) -> list[float]:
        """Milliseconds from publishing to receipt, of what came since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    async def has(self, count: int, within_s: float = 120) -> list[float]:
        """The same, when so much came."""
        found: list[float] = []
        with anyio.fail_after(within_s):
            while len(found) < count:
                await anyio.sleep(0.05)
                found += self.came()
        return found

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of WH."""
    part = 10 if quick else 1
    run = functools.partial(_measure, mode, durability, place, PACED // part, BURST // part)
    return anyio.run(run, backend_options={"use_uvloop": True})


async def _measure(
    mode: str, durability: str, place: Path, paced: int, burst: int
) -> dict[str, Any]:
    disk_ms = fsync_ms(place)
    async with opened(place / f"webhooks-{mode}", durability) as store:
        with receiving() as receiver:
            bus = a_bus(store)
            assert bus.webhooks is not None
            async with bus.running():
                ceiling = await requests_per_s(bus, receiver, burst)
                alone = await endpoints(bus, receiver, 1, "paced.*")
                took = await paced_ms(bus, receiver, paced)
                await endpoints(bus, receiver, 2, "paced.*", "/slow")
                await endpoints(bus, receiver, 2, "paced.*", ":1/dead")
                beside = await paced_ms(bus, receiver, paced // 4, RATE // 4)
                await bus.webhooks.endpoints.remove(alone[0])
                await endpoints(bus, receiver, ENDPOINTS, "burst.*")
                before = cpu_ms(os.getpid())
                rate = await deliveries_per_s(bus, receiver, burst)
                used = cpu_ms(os.getpid()) - before
    return {
        "scenario": NAME,
        "what": f"events at {RATE}/s to one webhook; then a burst to {ENDPOINTS} webhooks",
        "durability": {"appendfsync": mode},
        "deliveries": burst,
        "published_to_received_ms": quantiles(took),
        "beside_2_slow_and_2_dead_ms": quantiles(beside),
        "deliveries_per_s": round(rate, 1),
        "cpu_ms_per_delivery": round(used / burst, 3),
        "ceiling_requests_per_s": round(ceiling, 1),
        "ratio_to_ceiling": round(rate / ceiling, 3),
        "fsync_ms": disk_ms,
    }


async def paced_ms(bus: BusModule, receiver: Receiver, count: int, rate: int = RATE) -> list[float]:
    """From before an event is published until its receiver has it, at a steady rate."""
    await bus.publish(draft("paced.warm-up", 0))
    await receiver.has(1)
    began = time.monotonic()
    async with anyio.create_task_group() as group:
        for n in range(count):
            await anyio.sleep(max(0.0, began + n / rate - time.monotonic()))
            group.start_soon(bus.publish, draft("paced.event", n))
    return await receiver.has(count)


async def deliveries_per_s(bus: BusModule, receiver: Receiver, count: int) -> float:
    """How many arrive a second, when they are published as fast as that goes."""
    numbers = iter(range(count // ENDPOINTS))

    async def publish() -> None:
        for n in numbers:
            await bus.publish(draft("burst.event", n))

    began = time.monotonic()
    async with anyio.create_task_group() as group:
        for _ in range(16):
            group.start_soon(publish)
    await receiver.has(count // ENDPOINTS * ENDPOINTS)
    return count / (time.monotonic() - began)


async def requests_per_s(bus: BusModule, receiver: Receiver, count: int) -> float:
    """How many bare requests the same client makes."""
    assert bus.webhooks is not None
    post, numbers = GuardedPost(bus.webhooks.outbound), iter(range(count))
    body = json.dumps({"data": {"sent": 0.0}, "more": "x" * 400}).encode()

    async def ask() -> None:
        for _ in numbers:
            await post(_url(receiver), {"content-type": "application/json"}, body, 15.0)

    began = time.monotonic()
    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(ask)
    rate = count / (time.monotonic() - began)
    receiver.came()
    return rate


async def endpoints(
    bus: BusModule, receiver: Receiver, count: int, kind: str, path: str = "/hook"
) -> list[Endpoint]:
    """So many of them, with a key each."""
    assert bus.webhooks is not None
    made: list[Endpoint] = []
    for n in range(count):
        name = f"whk_{kind[:5]}{path[-4:]}{n}"
        url = f"http://127.0.0.1{path}" if path[0] == ":" else _url(receiver, path)
        blank = Endpoint(name, DEFAULT_TENANT, name, url, types=(kind,))
        key = await bus.webhooks.endpoints.sealed(blank, new_key(), SigningKey("sgk_1", b""))
        ready = msgspec.structs.replace(blank, secrets=(key,))
        made.append(await bus.webhooks.endpoints.create(ready))
    return made


def draft(kind: str, n: int) -> Draft:
    """An event of the size of an order, that says when it was published."""
    data = {"sent": time.monotonic(), "order": f"order-{n}", "lines": [1, 2, 3], "total": 120.5}
    raw = msgspec.Raw(msgspec.json.encode(data))
    return Draft(DEFAULT_TENANT, kind, "bench", f"k{n % 100}", raw, "module")


def a_bus(store: Store) -> BusModule:
    """The module, as a server has it."""
    clock, chance = SystemClock(), system_random()
    ids = Ids(clock, chance)
    settings = load({"network_allow": ["127.0.0.1"], "log_level": "error"}, environ={})
    secrets = Secrets(store, clock, ids, lambda: MASTER)
    needs = Needs(secrets, EventFilters(), settings, _no_workflow)
    return BusModule(store, [], (clock, ids, chance), webhooks=needs)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the duration of the block."""
    program = Path(__file__).with_name("webhook_receiver.py")
    with subprocess.Popen(
        [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Receiver(process)
        finally:
            process.kill()


async def _no_workflow(_tenant: Tenant, _execution: str) -> str | None:
    return None


def _url(receiver: Receiver, path: str = "/hook") -> str:
    return f"http://127.0.0.1:{receiver.port}{path}"
