"""What metrics must say, computed from the histories of executions and from nothing else."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio
from products import Product

ENDS = {f"workflow.{name}": name for name in ("completed", "failed", "cancelled", "rolled_back")}
STEPS = {
    "step.completed": "completed",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.retry_scheduled": "retried",
    "step.compensated": "compensated",
}


@dataclass
class Truth:
    """Counts by what they are counted by."""

    executions: Counter[str] = field(default_factory=Counter[str])
    steps: Counter[str] = field(default_factory=Counter[str])
    events: Counter[str] = field(default_factory=Counter[str])
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    started: int = 0


async def truth_of(product: Product, executions: Iterable[Mapping[str, Any]]) -> Truth:
    """From `/history` of each."""
    truth = Truth()
    for one in executions:
        path = f"/api/executions/{one['execution_id']}/history?limit=1000"
        items = (await product.http.get(path)).json()["items"]
        began = datetime.fromisoformat(items[0]["at"])
        for item in items:
            kind, of = item["type"], item["path"] or ""
            if of[:1] == ":" or kind in ("workflow.noted", "step.expanded"):
                continue
            truth.events[kind] += 1
            truth.started += kind == "workflow.accepted"
            if kind in ENDS:
                truth.executions[ENDS[kind]] += 1
                spent = (datetime.fromisoformat(item["at"]) - began).total_seconds()
                truth.seconds[one["workflow_name"]].append(spent)
            if kind in STEPS:
                undo_failed = kind == "step.failed" and of[:1] == "~"
                truth.steps["undo_failed" if undo_failed else STEPS[kind]] += 1
    return truth


async def total(product: Product, metric: str, by: str, agg: str = "increase") -> Counter[str]:
    """What a metric amounts to in the last hour, by the values of a label."""
    query = f"metric={metric}&agg={agg}&by={by}&step=1h&from=-1h"
    answer = await product.http.get(f"/api/metrics/query?{query}")
    assert answer.status_code == 200, answer.text
    found: Counter[str] = Counter()
    for one in answer.json()["series"]:
        found[one["labels"].get(by, "")] = sum(value or 0 for value in one["values"])
    return found


async def agrees(product: Product, truth: Truth, within_s: float = 60.0) -> None:
    """Wait until as many events are counted as there are, then everything must be as it is."""
    with anyio.fail_after(within_s):
        while (await counted_events(product)).total() < truth.events.total():  # noqa: ASYNC110  -- the store's
            await anyio.sleep(0.1)
    assert await counted_events(product) == truth.events
    assert await total(product, "orchestra_executions_total", "outcome") == truth.executions
    assert await total(product, "orchestra_steps_total", "outcome") == truth.steps
    started = await total(product, "orchestra_executions_started_total", "workflow")
    assert started.total() == truth.started
    ended = await total(product, "orchestra_execution_seconds", "workflow", "count")
    assert ended == {name: len(spent) for name, spent in truth.seconds.items()}
    sums = await total(product, "orchestra_execution_seconds", "workflow", "sum")
    for name, spent in truth.seconds.items():
        assert abs(sums[name] - sum(spent)) < 1e-6, (name, sums[name], sum(spent))


async def counted_events(product: Product) -> Counter[str]:
    """Events by type, as counted so far."""
    answer = await product.http.get("/api/metrics/orchestra_events_total")
    if answer.status_code == 404:
        return Counter()
    return await total(product, "orchestra_events_total", "type")
