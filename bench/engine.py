"""The engine in this process, without HTTP: what a step costs when nobody asks over a socket.

    python -m bench.engine [W1 W1a W2 W3 W4] [--durability everysec|always] [--quick]

Executions are started and awaited through the module's own objects, as many at once as in the
scenario. Beside the HTTP figures the difference is what HTTP costs.
"""

import argparse
import contextlib
import functools
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from bench.machine import child_named, cpu_ms, fsync_ms
from bench.scenarios import SCENARIOS, Scenario
from bench.server import build
from orchestra.app import Ports, store_options
from orchestra.log import configure
from orchestra.module import run_modules
from orchestra.settings import Settings, load
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import open_store
from orchestra.workflows.module import WorkflowsModule
from orchestra.workflows.running.starting import Start

MODES = {"everysec": "process", "always": "fsync"}
WAIT_S = 60.0


def main() -> None:
    """Run the scenarios that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="W1 W1a W2 …")
    parser.add_argument("--durability", action="append", choices=list(MODES))
    parser.add_argument("--quick", action="store_true", help="a tenth of it, not to be quoted")
    parser.add_argument("--directory", type=Path, help="file system to work on")
    asked = parser.parse_args()
    for mode in asked.durability or MODES:
        for name in asked.scenarios or SCENARIOS:
            scenario = SCENARIOS[name].quick() if asked.quick else SCENARIOS[name]
            with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.directory) as place:
                run = functools.partial(bench, scenario, mode, Path(place))
                line = anyio.run(run, backend_options={"use_uvloop": True})
            print(json.dumps(line), flush=True)


async def bench(scenario: Scenario, mode: str, place: Path) -> dict[str, Any]:
    """One scenario in one mode."""
    disk_ms = fsync_ms(place)
    settings = load({"data": str(place / "data"), "durability": MODES[mode]}, environ={})
    configure(load({"log_level": "warning"}, environ={}))
    async with engine(settings) as (module, effective):
        source = json.dumps(scenario.definition).encode()
        saved = await module.workflows.create(DEFAULT_TENANT, scenario.definition, source, None)
        workflow = str(saved[0]["id"])
        await execute(module, workflow, scenario.warm_up, scenario.concurrency)
        store = child_named(os.getpid(), "valkey-server")
        assert store is not None
        pids = {"engine": os.getpid(), "store": store}
        before = {name: cpu_ms(pid) for name, pid in pids.items()}
        began = time.perf_counter()
        took = await execute(module, workflow, scenario.executions, scenario.concurrency)
        seconds = time.perf_counter() - began
        used = {name: cpu_ms(pid) - before[name] for name, pid in pids.items()}
    took.sort()
    steps = scenario.executions * len(scenario.steps)
    return {
        "scenario": f"{scenario.name} in process",
        "durability": {"appendfsync": mode, "effective": effective},
        "executions": scenario.executions,
        "steps": steps,
        "seconds": round(seconds, 3),
        "steps_per_s": round(steps / seconds, 1),
        "p50_ms": round(took[len(took) // 2] * 1_000, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1_000, 2),
        "cpu_ms_per_execution": {
            name: round(ms / scenario.executions, 3) for name, ms in used.items()
        },
        "fsync_ms": disk_ms,
    }


@contextlib.asynccontextmanager
async def engine(settings: Settings) -> AsyncIterator[tuple[WorkflowsModule, str]]:
    """The product's modules on a store of their own; the workflows module and the mode."""
    ports = Ports.of_the_machine()
    async with open_store(store_options(settings), ports.clock, ports.chance) as store:
        modules = build(settings, store, ports)
        module = next(one for one in modules if isinstance(one, WorkflowsModule))
        async with run_modules(modules):
            yield module, store.durability.effective


async def execute(
    module: WorkflowsModule, workflow: str, executions: int, concurrency: int
) -> list[float]:
    """Execute it so often, so many at once; the seconds each took."""
    took: list[float] = []
    left = iter(range(executions))

    async def caller() -> None:
        for _ in left:
            began = time.perf_counter()
            started = await module.starter.start(
                DEFAULT_TENANT, workflow, Start(), actor="bench", watch=True
            )
            ended = await module.executions.wait(DEFAULT_TENANT, started.execution, WAIT_S)
            assert ended["status"] == "completed", ended
            took.append(time.perf_counter() - began)

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, executions)):
            group.start_soon(caller)
    return took


if __name__ == "__main__":
    main()
