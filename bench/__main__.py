"""`python -m bench [W1 W2 …]`: one JSON line a scenario. README.md says how to read it."""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench import (
    agents,
    alerts,
    analytics,
    events,
    graphs,
    lists,
    logs,
    metrics,
    overview,
    pages,
    queues,
    split,
    streams,
    tracing,
    webhooks,
)
from bench.ceiling import measure
from bench.load import Run, drive, request
from bench.machine import cpu_ms, fsync_ms, peak_rss_mb
from bench.scenarios import SCENARIOS, Scenario
from bench.serving import Served, served

MODES = {"everysec": "process", "always": "fsync"}
OTHERS = {
    agents.NAME: agents.measure,
    events.NAME: events.measure,
    streams.NAME: streams.measure,
    queues.NAME: queues.measure,
    webhooks.NAME: webhooks.measure,
    logs.NAME: logs.measure,
    alerts.NAME: alerts.measure,
    metrics.NAME: metrics.measure,
    analytics.NAME: analytics.measure,
    overview.NAME: overview.measure,
    pages.NAME: pages.measure,
    graphs.NAME: graphs.measure,
    lists.NAME: lists.measure,
    split.NAME: split.measure,
    tracing.NAME: tracing.measure,
}


def main() -> None:
    """Run the scenarios that were asked for."""
    asked = arguments()
    modes = asked.durability or list(MODES)
    with tempfile.TemporaryDirectory(prefix="orchestra-bench-", dir=asked.directory) as place:
        for mode in modes:
            for name in asked.scenarios or (*SCENARIOS, *OTHERS):
                if name in OTHERS:
                    line = OTHERS[name](mode, MODES[mode], Path(place), quick=asked.quick)
                    print(json.dumps(line), flush=True)
                    continue
                scenario = SCENARIOS[name].quick() if asked.quick else SCENARIOS[name]
                line = bench(scenario, mode, Path(place), asked.profile)
                print(json.dumps(line), flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", choices=[*SCENARIOS, *OTHERS, []], metavar="W1 W1a W2 …"
    )
    parser.add_argument("--durability", action="append", choices=list(MODES))
    parser.add_argument("--quick", action="store_true", help="a tenth of it, not to be quoted")
    parser.add_argument("--directory", type=Path, help="file system to work on; default: temporary")
    parser.add_argument("--profile", type=Path, help="write cProfile's figures of the server here")
    return parser.parse_args()


def bench(scenario: Scenario, mode: str, place: Path, profile: Path | None) -> dict[str, Any]:
    """Everything about one scenario in one mode."""
    disk_ms = fsync_ms(place)
    with served(place, MODES[mode], profile=profile) as server:
        workflow = server.call("POST", "/api/workflows/", scenario.definition)["id"]
        execute(server, workflow, scenario, scenario.warm_up)
        pids = {"server": server.pid, "store": server.store_pid, "client": os.getpid()}
        before = {name: cpu_ms(pid) for name, pid in pids.items()}
        run = execute(server, workflow, scenario, scenario.executions)
        used = {name: cpu_ms(pid) - before[name] for name, pid in pids.items()}
        peak = {name: peak_rss_mb(pids[name]) for name in ("server", "store")}
        durability, cold_start_s = server.durability(), server.cold_start_s
    ceiling = measure(scenario.shape, scenario.ceiling_executions, mode, place)
    steps = scenario.executions * len(scenario.steps)
    rate = steps / run.seconds
    return {
        "scenario": scenario.name,
        "what": scenario.what,
        "durability": {"appendfsync": mode, **durability},
        "executions": scenario.executions,
        "concurrency": scenario.concurrency,
        "steps": steps,
        "seconds": round(run.seconds, 3),
        "steps_per_s": round(rate, 1),
        "p50_ms": round(run.quantile(0.5), 2),
        "p99_ms": round(run.quantile(0.99), 2),
        "cpu_ms_per_execution": {
            name: round(ms / scenario.executions, 3) for name, ms in used.items()
        },
        "peak_rss_mb": peak,
        "fsync_ms": disk_ms,
        "ceiling_steps_per_s": ceiling.steps_per_s,
        "ceiling_store_cpu_ms_per_execution": ceiling.store_cpu_ms_per_execution,
        "ratio_to_ceiling": round(rate / ceiling.steps_per_s, 3),
        "cold_start_s": cold_start_s,
    }


def execute(server: Served, workflow: str, scenario: Scenario, executions: int) -> Run:
    """Execute the workflow so often, and see that every execution completed."""
    one = request(
        "POST",
        f"127.0.0.1:{server.port}",
        f"/api/workflows/{workflow}/execute",
        b'{"input_data":{}}',
        "Prefer: wait=30",
    )
    run = drive(server.port, [one] * executions, scenario.concurrency)
    wrong = [s for s in run.samples if s.status != 200 or b'"status":"completed"' not in s.body]
    if wrong:
        raise SystemExit(f"{len(wrong)} of {executions} did not complete: {wrong[0]}")
    return run


if __name__ == "__main__":
    main()
