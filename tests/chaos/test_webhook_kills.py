"""kill -9 of two replicas that deliver, while events happen: nothing is lost, ids stay."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from http_peer import Asked, a_peer
from webhook_deliveries import Receivers, delivering, until

from orchestra.clock import SystemClock
from orchestra.store.client import Store

pytestmark = [pytest.mark.chaos, pytest.mark.anyio]

LONG = os.environ.get("ORCHESTRA_TEST_CHAOS") == "long"
EVENTS, KILLS = (5_000, 60) if LONG else (400, 6)
LANES = 8
PROGRAM = Path(__file__).parents[1] / "webhook_process.py"


async def test_no_delivery_is_lost_when_replicas_are_killed(store: Store, store_url: str) -> None:
    chance, seen = random.Random(4), dict[str, list[tuple[str, int]]]()
    order = dict[str, list[int]]()

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            (sys.executable, str(PROGRAM), store_url), stdout=subprocess.DEVNULL
        )

    def heard(asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        event, path = asked.json, asked.path
        seen.setdefault(asked.headers["webhook-id"], []).append((path, event["data"]["n"]))
        if path == "/ordered" and len(seen[asked.headers["webhook-id"]]) == 1:
            order.setdefault(event["subject"], []).append(event["data"]["n"])
        return 200, b"{}", {}

    async def some_work() -> None:
        await anyio.sleep(0.02)

    async with (
        a_peer(replies=heard, hold=some_work) as peer,
        delivering(store, Receivers(SystemClock()), working=False) as one,
    ):
        base = peer.url.removesuffix("/run")
        await one.endpoint("a", url=f"{base}/parallel", timeout_ms=5_000)
        await one.endpoint("b", url=f"{base}/ordered", timeout_ms=5_000, ordering="key")
        running = [start(), start()]
        try:
            async with anyio.create_task_group() as group:

                async def happen() -> None:
                    for n in range(EVENTS):
                        await one.happens(n, key=f"k{n % LANES}")
                        await anyio.sleep(0.01)

                group.start_soon(happen)
                await until(lambda: len(seen) > 20)
                for _ in range(KILLS):
                    await anyio.sleep(chance.uniform(0.3, 1.0))
                    victim = chance.randrange(len(running))
                    running[victim].kill()
                    running[victim].wait()
                    running[victim] = start()
            await until(lambda: len(seen) >= 2 * EVENTS, 300)
        finally:
            for process in running:
                process.kill()
                process.wait()

    told = {(path, n) for got in seen.values() for path, n in got}
    repeats = sum(len(got) for got in seen.values()) - len(seen)
    print(json.dumps({"deliveries": len(seen), "kills": KILLS, "repeats": repeats}))  # noqa: T201  # its figures

    assert told == {(path, n) for path in ("/parallel", "/ordered") for n in range(EVENTS)}
    assert len(seen) == 2 * EVENTS, "an event has one id at each endpoint"
    assert all(len(set(got)) == 1 for got in seen.values())
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert repeats <= KILLS * 20, "at most what was in flight comes again"
