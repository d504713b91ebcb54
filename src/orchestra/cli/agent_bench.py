"""`orchestra agent bench`: tasks a second and latency, as any caller of the server has them."""

import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orchestra.cli.client import Client, KeptClient
from orchestra.cli.options import json_object_of, remote
from orchestra.cli.printing import console, print_document, table
from orchestra.cli.problems import Failed, Refused, Unreachable
from orchestra.cli.shapes import TaskAnswer, members

TEXT = "I'm disappointed with my recent order, but the support was kind."


class Measured(msgspec.Struct, frozen=True):
    """What was found. Latency as callers see it: their own time is in it."""

    tasks: int
    failed: int
    seconds: float
    tasks_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    agents: dict[str, int]
    errors: dict[str, int]


class Bench:
    """Many threads, each with a connection of its own, until all tasks were asked for."""

    def __init__(self, client: Client, body: dict[str, Any], tasks: int) -> None:
        self._client, self._body, self._left = client, body, tasks
        self._lock = threading.Lock()
        self.took_s: list[float] = []
        self.agents: dict[str, int] = {}
        self.errors: dict[str, int] = {}

    @property
    def done(self) -> int:
        """Tasks that ended, either way."""
        return len(self.took_s) + sum(self.errors.values())

    def work(self) -> None:
        """One thread's part."""
        client = self._client.kept()
        try:
            while self._take():
                self._one(client)
        finally:
            client.close()

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def _one(self, client: KeptClient) -> None:
        began = time.perf_counter()
        try:
            answer = client.post("/api/agents/execute", self._body)
        except Refused as refused:
            self._count(self.errors, refused.problem.code or str(refused.problem.status))
        except Unreachable:
            self._count(self.errors, "unreachable")
        else:
            took_s = time.perf_counter() - began
            agent = members(answer.read(TaskAnswer).agent)
            with self._lock:
                self.took_s.append(took_s)
            self._count(self.agents, str(agent.get("name", "?")))

    def _count(self, where: dict[str, int], name: str) -> None:
        with self._lock:
            where[name] = where.get(name, 0) + 1


@click.command("bench")
@click.argument("agent_type", metavar="TYPE")
@click.argument("capability", metavar="[CAPABILITY]", required=False)
@click.option("--tasks", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True)
@click.option("--callers", type=click.IntRange(1, 256), default=8, show_default=True)
@click.option("--data", metavar="JSON|@FILE", help="The input; else a sentence as `text`.")
@remote
def bench(
    client: Client, agent_type: str, capability: str | None, as_json: bool, **how: Any
) -> None:
    """Measure tasks a second and latency of the agents of a type, through the server.

    Every task is a real one: where agents cost money, so does this. The exit code is 1 when a
    task failed.

    \b
    Examples:
      orchestra agent bench text_processor sentiment_analysis
      orchestra agent bench text_processor sentiment_analysis --tasks 5000 --callers 32
    """
    given = json_object_of(how["data"], "--data") or {"text": TEXT}
    if capability is not None:
        given["task_type"] = capability
    body = {"agent_type": agent_type, "input_data": given}
    client.post("/api/agents/execute", body)  # told at once what is wrong with all of them
    measured = run(Bench(client, body, how["tasks"]), how["tasks"], how["callers"])
    if as_json:
        print_document(measured)
    else:
        tell(measured)
    if measured.failed:
        raise SystemExit(1)


def run(work: Bench, tasks: int, callers: int) -> Measured:
    """All of it, with a bar where somebody looks on."""
    began = time.perf_counter()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar, ThreadPoolExecutor(callers) as pool:
        line = bar.add_task("Tasks", total=tasks)
        threads = [pool.submit(work.work) for _ in range(callers)]
        for thread in threads:
            while not thread.done():
                time.sleep(0.05)
                bar.update(line, completed=work.done)
            thread.result()
        bar.update(line, completed=tasks)
    seconds = time.perf_counter() - began
    if not work.took_s:
        raise Failed(f"no task succeeded: {', '.join(work.errors)}")
    return measured_of(work, seconds)


def measured_of(work: Bench, seconds: float) -> Measured:
    """The figures."""
    ordered = sorted(one * 1_000 for one in work.took_s)
    cuts = statistics.quantiles(ordered, n=100) if len(ordered) > 1 else ordered * 99
    return Measured(
        tasks=work.done,
        failed=sum(work.errors.values()),
        seconds=round(seconds, 3),
        tasks_per_second=round(len(ordered) / seconds, 1),
        p50_ms=round(cuts[49], 2),
        p95_ms=round(cuts[94], 2),
        p99_ms=round(cuts[98], 2),
        max_ms=round(ordered[-1], 2),
        agents=dict(sorted(work.agents.items())),
        errors=dict(sorted(work.errors.items())),
    )


def tell(measured: Measured) -> None:
    """For people."""
    rows = table("tasks a second", f"{measured.tasks_per_second:.0f}")
    rows.add_row("tasks", f"{measured.tasks} in {measured.seconds:.2f} s")
    rows.add_row("half within", f"{measured.p50_ms:.1f} ms")
    rows.add_row("95 of 100 within", f"{measured.p95_ms:.1f} ms")
    rows.add_row("99 of 100 within", f"{measured.p99_ms:.1f} ms")
    rows.add_row("slowest", f"{measured.max_ms:.1f} ms")
    for name, count in measured.agents.items():
        rows.add_row(f"by {name}", str(count))
    for code, count in measured.errors.items():
        rows.add_row(f"failed: {code}", str(count))
    console().print(rows)
