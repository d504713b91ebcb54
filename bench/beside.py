"""W1 beside something else: what that costs the engine.

Machines are never twice the same. So servers that differ in one thing stand side by side and run
W1 by turns: what counts is the ratio within a turn, and its spread. The order moves on by one each
turn: one that always ran twice in a row would have all of it in the processor's caches.
Nor are two starts of one server the same: where a few percent count, they are started often.
"""

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bench.load import drive, request
from bench.machine import cpu_ms
from bench.scenarios import SCENARIOS
from bench.serving import Served, served


class Turn(NamedTuple):
    """Steps a second; ms of each processor's time an execution."""

    steps_per_s: float
    server_cpu_ms: float
    store_cpu_ms: float


class Steps:
    """W1 on a server."""

    def __init__(self, server: Served) -> None:
        self._server, self._scenario = server, SCENARIOS["W1"]
        workflow = server.call("POST", "/api/workflows/", self._scenario.definition)["id"]
        path, host = f"/api/workflows/{workflow}/execute", f"127.0.0.1:{server.port}"
        self._one = request("POST", host, path, b'{"input_data":{}}', "Prefer: wait=30")

    def run(self, executions: int) -> Turn:
        """So many, 50 at once."""
        pids = self._server.pid, self._server.store_pid
        before = [cpu_ms(pid) for pid in pids]
        run = drive(self._server.port, [self._one] * executions, self._scenario.concurrency)
        wrong = [sample for sample in run.samples if sample.status != 200]
        assert not wrong, wrong[0]
        used = [(cpu_ms(pid) - had) / executions for pid, had in zip(pids, before, strict=True)]
        return Turn(executions * len(self._scenario.steps) / run.seconds, *used)


def by_turns(
    place: Path,
    durability: str,
    modes: Mapping[str, Sequence[str]],
    turns: int,
    executions: int,
    starts: int = 1,
) -> dict[str, Any]:
    """Servers of their own, by what they are called; options of each. So many turns a start."""
    found: list[Mapping[str, list[Turn]]] = []
    for _ in range(starts):
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(served(place, durability, options=options))
                for name, options in modes.items()
            }
            found.append(taken(servers, turns, executions))
    every = {name: [turn for one in found for turn in one[name]] for name in modes}
    said = {**summed(every), "turns": turns, "executions": executions, "starts": starts}
    if starts > 1:
        first, *others = modes
        said["of_each_start"] = {
            name: [_ratios(one[name], one[first])["steps_per_s"][1] for one in found]
            for name in others
        }
    return said


def taken(servers: Mapping[str, Served], turns: int, executions: int) -> dict[str, list[Turn]]:
    """So many turns of each, one by one."""
    running = {name: Steps(server) for name, server in servers.items()}
    for one in running.values():
        one.run(max(1, executions // 2))
    found: dict[str, list[Turn]] = {name: [] for name in running}
    names = list(running)
    for turn in range(turns):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(running[name].run(executions))
    return found


def summed(found: Mapping[str, Sequence[Turn]]) -> dict[str, Any]:
    """Medians of each, and of the ratios to the first one, turn by turn, with both quartiles."""
    first, *others = found
    return {
        **{
            field: {
                name: round(statistics.median(one[i] for one in runs), 3)
                for name, runs in found.items()
            }
            for i, field in enumerate(Turn._fields)
        },
        f"over_{first}": {name: _ratios(found[name], found[first]) for name in others},
    }


def _ratios(runs: Sequence[Turn], others: Sequence[Turn]) -> dict[str, list[float]]:
    """First quartile, median, third quartile."""
    ratios: dict[str, list[float]] = {}
    for i, field in enumerate(Turn._fields):
        each = [a[i] / b[i] for a, b in zip(runs, others, strict=True) if b[i]]
        quarters = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
        ratios[field] = [round(one, 3) for one in quarters]
    return ratios
