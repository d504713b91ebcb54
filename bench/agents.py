"""What routing costs: tasks on HTTP agents through the executor, beside plain calls of the agent.

Both use the product's HTTP client, in the same process and by turns, so that the difference is
choosing an agent, taking its slot, giving it back, and everything kept about the call.
"""

import contextlib
import functools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio

from bench.machine import child_named, cpu_ms, fsync_ms
from bench.server import build
from orchestra.agents import Capability, Task
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import HttpReach, Registration
from orchestra.app import Ports, store_options
from orchestra.cli.child import free_port
from orchestra.log import configure
from orchestra.module import run_modules
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.settings import load
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, pool
from orchestra.store.opening import open_store
from orchestra.store.scripts import load_scripts

NAME = "A1"
AGENTS, PLACES, CALLERS = 4, 16, 16
TASKS = 4_000
SIZES = (5, 50, 500)
PICKS = 1_000
ENVELOPE = b'{"spec":"orchestra.task/1","input":{"n":1}}'

Once = Callable[[], Awaitable[None]]


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of A1."""
    tasks = TASKS // 10 if quick else TASKS
    run = functools.partial(_measure, mode, durability, place, tasks)
    return anyio.run(run, backend_options={"use_uvloop": True})


async def _measure(mode: str, durability: str, place: Path, tasks: int) -> dict[str, Any]:
    disk_ms = fsync_ms(place)
    with far_agent() as url:
        async with product(place / "data", durability) as (agents, store):
            routed, direct = await _ways(agents, url)
            await _by_turns(100, routed, direct)
            alone = await _by_turns(tasks, routed, direct)
            busy = {
                name: await _together(tasks, once)
                for name, once in (("direct", direct), ("routed", routed))
            }
            picks = {size: await server_us(store, size) for size in SIZES}
    added = {
        f"added_{name}_ms": round(alone["routed"][name] - alone["direct"][name], 3)
        for name in ("p50", "p99")
    }
    return {
        "scenario": NAME,
        "what": f"tasks on {AGENTS} HTTP agents, by turns with plain calls; then {CALLERS} at once",
        "durability": {"appendfsync": mode},
        "tasks": tasks,
        **added,
        "one_at_a_time_ms": alone,
        "at_once": busy,
        "server_us_a_script_by_agents": picks,
        "fsync_ms": disk_ms,
    }


@contextlib.contextmanager
def far_agent() -> Iterator[str]:
    """The URL of an agent in a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.far", str(port)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}/run"
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def product(data: Path, durability: str) -> AsyncIterator[tuple[AgentsModule, Store]]:
    """The product's modules on a store of their own; the agents, and the store."""
    values = {"data": str(data), "durability": durability, "network_allow": "127.0.0.1"}
    settings, ports = load(values, environ={}), Ports.of_the_machine()
    configure(load({"log_level": "error"}, environ={}))
    async with open_store(store_options(settings), ports.clock, ports.chance) as store:
        modules = build(settings, store, ports)
        agents = next(one for one in modules if isinstance(one, AgentsModule))
        async with run_modules(modules):
            yield agents, store


async def _ways(agents: AgentsModule, url: str) -> tuple[Once, Once]:
    """One task through the executor, and the same call without it."""
    for n in range(AGENTS):
        spec = Registration(
            f"far-{n}", "far", "http", (Capability("work"),),
            max_concurrency=PLACES, reach=HttpReach(url),
        )  # fmt: skip
        await agents.registry.register(DEFAULT_TENANT, spec)
    outbound = Outbound(policy(("127.0.0.1",)))
    task = Task("tsk_1", DEFAULT_TENANT, {"n": 1}, agent_type="far", capability="work")
    headers = {"content-type": "application/json", "accept": "application/json"}

    async def routed() -> None:
        result = await agents.execute(task)
        assert result.error is None, result.error

    async def direct() -> None:
        reply = await outbound.send("POST", url, headers, ENVELOPE, 30.0)
        assert reply.status == 200

    return routed, direct


async def _by_turns(times: int, routed: Once, direct: Once) -> dict[str, dict[str, float]]:
    """Quantiles of each, in ms, one call after the other."""
    took: dict[str, list[float]] = {"direct": [], "routed": []}
    for _ in range(times):
        for name, once in (("direct", direct), ("routed", routed)):
            began = time.perf_counter()
            await once()
            took[name].append((time.perf_counter() - began) * 1_000)
    return {name: _quantiles(values) for name, values in took.items()}


async def _together(times: int, once: Once) -> dict[str, float]:
    """Calls a second of so many callers, their latency, and what each cost this process."""
    left, took = iter(range(times)), list[float]()

    async def caller() -> None:
        for _ in left:
            began = time.perf_counter()
            await once()
            took.append((time.perf_counter() - began) * 1_000)

    store = child_named(os.getpid(), "valkey-server")
    assert store is not None
    pids = {"cpu_ms": os.getpid(), "store_cpu_ms": store}
    before, began = {name: cpu_ms(pid) for name, pid in pids.items()}, time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(caller)
    seconds = time.perf_counter() - began
    used = {name: round((cpu_ms(pid) - before[name]) / times, 3) for name, pid in pids.items()}
    return {"per_s": round(times / seconds, 1), **_quantiles(took), **used}


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(ordered[len(ordered) // 2], 3),
        "p99": round(ordered[int(len(ordered) * 0.99)], 3),
    }


async def server_us(store: Store, size: int) -> dict[str, float]:
    """Microseconds that the store needs to pick, and to take back, among so many agents."""
    scripts = load_scripts("orchestra.agents")
    prefix = pool(DEFAULT_TENANT, f"n{size}", store.space)
    for n in range(size):
        await store.run(
            scripts["agent_put"], prefix, b"c", agent=f"a{n}", max=8, weight=1, tier=8, rpm=0,
            tpm=0, alive_ms=10**9, push=0, fresh=1,
        )  # fmt: skip
    pick = functools.partial(
        store.run, scripts["slot_acquire"], prefix, session="bench", give_up_ms=60_000,
        capability="c", strategy="load", exclude="", only="", prefer="", bound=0, tokens=0,
        retry=0, spill=0,
    )  # fmt: skip
    release = functools.partial(
        store.run, scripts["slot_release"], prefix, session="bench", outcome="ok", latency_ms=10,
        retry_ms=0, tokens=0,
    )  # fmt: skip
    figures = {"pick": 0.0, "release": 0.0}
    for start in range(0, PICKS, size * 4):
        count = min(size * 4, PICKS - start)
        await store.call(prefix, "CONFIG", "RESETSTAT")
        picked: list[Any] = [await pick(lease=f"l{n}") for n in range(count)]
        figures["pick"] += await _script_us(store, prefix)
        await store.call(prefix, "CONFIG", "RESETSTAT")
        for n, reply in enumerate(picked):
            await release(agent=reply[1].decode(), lease=f"l{n}")
        figures["release"] += await _script_us(store, prefix)
    return {name: round(total / PICKS, 1) for name, total in figures.items()}


async def _script_us(store: Store, prefix: str) -> float:
    """Time in scripts since the figures were reset."""
    told: Any = await store.call(prefix, "INFO", "commandstats")
    text = told.decode() if isinstance(told, bytes) else str(told)
    line = next(line for line in text.splitlines() if line.startswith("cmdstat_evalsha:"))
    return float(line.split("usec=")[1].split(",")[0])
