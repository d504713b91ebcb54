"""The overview of tenants with many executions: one, twenty, and a hundred clients at once.

Ten thousand executions are stored by executing them. A call a second a tenant is what a page that
is looked at makes; `anew` asks for another window each time, so that nothing is remembered.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import uvloop

from bench.load import Connection, Run, Sample, drive, request
from bench.machine import cpu_ms, fsync_ms
from bench.scenarios import SCENARIOS
from bench.serving import Served
from bench.split import TOGETHER, a_store, processes
from orchestra.app import key_ring
from orchestra.security.keys import Wish
from orchestra.settings import load
from orchestra.store.keys import Tenant

NAME: Final = "OV"
EXECUTIONS, TENANTS, CLIENTS = 10_000, 20, 100
SECONDS, ANEW, AT_ONCE = 30, 100, 3_000
PATH: Final = "/api/dashboard/overview"


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of OV."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    with a_store(place / f"overview-{mode}", mode) as url:
        keys = anyio.run(_keys, url, durability, str(place))
        with processes(place, url, durability, TOGETHER) as [server]:
            executions = EXECUTIONS // part
            _execute(server, keys[0], executions)
            for key in keys[1:]:
                _execute(server, key, executions // TENANTS)
            found = _figures(server, keys, part)
    return {
        "scenario": NAME,
        "what": f"the overview with {EXECUTIONS // part} executions stored, ms",
        "durability": {"appendfsync": mode},
        "executions": executions,
        **found,
        "fsync_ms": disk_ms,
    }


async def _keys(url: str, durability: str, data: str) -> list[str]:
    """A key for each tenant."""
    settings = load({"store_url": url, "durability": durability, "data": data}, environ={})
    async with key_ring(settings) as ring:
        wishes = [Wish(name=f"t{n}", role="admin", tenant=Tenant(f"t{n}")) for n in range(TENANTS)]
        return [(await ring.create(wish))[1] for wish in wishes]


def _execute(server: Served, key: str, executions: int) -> None:
    """So many executions of two steps, by one tenant."""
    host, scenario = f"127.0.0.1:{server.port}", SCENARIOS["W1"]
    who = f"Authorization: Bearer {key}"
    document = {"name": "stored", "steps": scenario.steps[:2]}
    body = json.dumps(document).encode()
    [saved] = drive(server.port, [request("POST", host, "/api/workflows/", body, who)], 1).samples
    assert saved.status == 201, saved
    workflow = json.loads(saved.body)["id"]
    path = f"/api/workflows/{workflow}/execute"
    one = request("POST", host, path, b'{"input_data":{}}', "Prefer: wait=30", who)
    run = drive(server.port, [one] * executions, scenario.concurrency, 600.0)
    assert all(sample.status == 200 for sample in run.samples), run.samples[0]


def _figures(server: Served, keys: Sequence[str], part: int) -> dict[str, Any]:
    host = f"127.0.0.1:{server.port}"

    def asks(key: str, window: str = "24h") -> bytes:
        return request("GET", host, f"{PATH}?window={window}", b"", f"Authorization: Bearer {key}")

    drive(server.port, [asks(key) for key in keys], 1)
    seconds = max(SECONDS // part, 5)
    before = cpu_ms(server.pid)
    anew = drive(server.port, [asks(keys[0], f"{1_200 + n}m") for n in range(ANEW)], 1)
    spent = cpu_ms(server.pid) - before
    return {
        "anew": _told(anew) | {"server_cpu_ms": round(spent / ANEW, 2)},
        "one_tenant": _told(_paced(server.port, [asks(keys[0])], seconds)),
        "twenty_tenants": _told(_paced(server.port, [asks(key) for key in keys], seconds)),
        "hundred_clients": _told(drive(server.port, [asks(keys[0])] * (AT_ONCE // part), CLIENTS)),
    }


def _told(run: Run) -> dict[str, Any]:
    assert all(sample.status == 200 for sample in run.samples), run.samples[0]
    return {
        "calls": len(run.samples),
        "p50": round(run.quantile(0.5), 2),
        "p95": round(run.quantile(0.95), 2),
        "max": round(run.quantile(1.0), 2),
        "a_second": round(len(run.samples) / run.seconds, 1),
    }


def _paced(port: int, requests: Sequence[bytes], seconds: int) -> Run:
    """Each of `requests` once a second, each at a moment of its own."""
    return uvloop.run(_every_second(port, requests, seconds))


async def _every_second(port: int, requests: Sequence[bytes], seconds: int) -> Run:
    loop, run = asyncio.get_running_loop(), Run()

    async def client(n: int, sent: bytes) -> None:
        done = asyncio.Event()
        waiting: list[bytes] = []

        def told(sample: Sample) -> None:
            run.samples.append(sample)
            done.set()

        _, one = await loop.create_connection(
            lambda: Connection(lambda: waiting.pop() if waiting else None, told), "127.0.0.1", port
        )
        await asyncio.sleep(n / len(requests))
        for _ in range(seconds):
            waiting.append(sent)
            done.clear()
            one.go()
            await done.wait()
            await asyncio.sleep(1.01)
        assert one.transport is not None
        one.transport.close()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for n, sent in enumerate(requests):
            group.create_task(client(n, sent))
    run.seconds = time.perf_counter() - began
    return run
