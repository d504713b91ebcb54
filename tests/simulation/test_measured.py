"""The product in virtual time: every figure is the one that the histories of executions give.

Twenty minutes; `make chaos-metrics` plays ten hours, of ten seeds.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from orchestra.monitoring.metrics.asking import question
from orchestra.store.scripts import load_scripts
from simulation.figures import Expected, differences, expected, near
from simulation.history import TENANT
from simulation.measured import Found, MeasuredReplica, Played, an_hour
from simulation.ports import Wire
from simulation.runs import quiet, server

pytestmark = [pytest.mark.chaos, pytest.mark.hasty]

LONG = os.environ.get("ORCHESTRA_TEST_CHAOS") == "long"
SEEDS = tuple(range(1, 11)) if LONG else (1,)
SECONDS, EXECUTIONS = (3_600.0, 400) if LONG else (1_200.0, 80)
LABELS = {
    "orchestra_executions_started_total": ("workflow",),
    "orchestra_executions_total": ("outcome", "workflow"),
    "orchestra_steps_total": ("outcome", "workflow"),
    "orchestra_events_total": ("type",),
    "orchestra_workflow_tokens_total": ("agent", "kind", "workflow"),
    "orchestra_workflow_cost_usd_total": ("agent", "workflow"),
    "orchestra_execution_seconds": ("workflow",),
    "orchestra_step_seconds": ("step", "workflow"),
    "orchestra_step_wait_seconds": ("step", "workflow"),
}
FAULT_SEEDS = 20
SHARES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with server() as opened:
        yield opened


@pytest.mark.parametrize("seed", SEEDS)
def test_every_figure_of_an_hour_is_that_of_the_histories(seed: int, wire: Wire) -> None:
    wrong = list[str]()

    async def asked(found: Found) -> None:
        assert found.replica is not None
        judge = Judge(found.replica, found, expected(found.stories, found.spent))
        wrong.extend(await judge.judged())

    with quiet() as bugs:
        found = an_hour(Played(seed, SECONDS, EXECUTIONS), wire, asked)

    told = {"executions": len(found.stories), "calls": len(found.spent), "kills": found.kills}
    print(json.dumps({"what": "an hour of metrics", "seed": seed, **told}))
    assert not bugs
    assert not wrong, "\n".join(wrong[:20])
    assert found.leaders_killed > 3


PLANTED = {
    "counted again": ("journal_apply", "if not new then return old and 2 or 0 end", "", 400),
    "sealed away": ("chunk_seal", "call('SET', sealed, ARGV[6], 'EX', ARGV[7])", "", 1_100),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_of_counting_is_seen(fault: str, wire: Wire) -> None:
    script, old, new, seconds = PLANTED[fault]
    right = load_scripts("orchestra.monitoring")[script]
    source = right.source.replace(old, new)
    assert source != right.source
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    changed = {script: replace(right, source=source, sha=sha)}
    wrong = list[str]()

    async def asked(found: Found) -> None:
        assert found.replica is not None
        judge = Judge(found.replica, found, expected(found.stories, found.spent))
        wrong.extend(await judge.judged())

    with quiet():
        for seed in range(1, FAULT_SEEDS):
            an_hour(Played(seed, seconds, 40, changed), wire, asked)
            if wrong:
                break

    assert wrong, f"{fault}: nothing was seen in {FAULT_SEEDS} histories"


class Judge:
    """Asks for figures, and says which are not as they must be."""

    def __init__(self, replica: MeasuredReplica, found: Found, truth: Expected) -> None:
        self._part, self._clock, self._truth = replica.part, replica.around.clock, truth
        # A multiple of 10 s, so that two questions of an hour meet without a slot in both.
        self._now_s = found.now_s // 10 * 10 + 10
        self._seen: dict[tuple[str, str], Counter[Any]] = defaultdict(Counter[Any])

    async def judged(self) -> list[str]:
        """What is wrong, a line each."""
        found = [f"overview {one}" for one in await self._overview()]
        for metric, wanted in self._truth.counts.items():
            for span in (("-2h", "now", "60s"), ("-2h", "-1h", "10s"), ("-1h", "now", "10s")):
                self._seen[metric, span[2]] += await self._counter(metric, span)
            for step in ("10s", "60s"):
                wrong = differences(self._seen[metric, step], +wanted)
                found += [f"{metric} by {step} {one}" for one in wrong]
        for metric, groups in self._truth.spreads.items():
            found += [f"{metric} {one}" for one in await self._spread(metric, groups)]
        return found

    async def _values(
        self, metric: str, agg: str, span: tuple[str, str, str]
    ) -> dict[Any, list[float]]:
        """By labels the values of all bins that have one."""
        given = {"metric": [metric], "agg": [agg], "by": [",".join(LABELS[metric])]}
        names = ("from", "to", "step")
        given |= {name: [value] for name, value in zip(names, span, strict=True)}
        asked = question(given | {"limit": ["100"]}, self._now_s)
        answer = await self._part.answers.answer([TENANT], asked)
        assert "others" not in answer
        return {
            tuple(row["labels"][name] for name in LABELS[metric]): [
                value for value in row["values"] if value is not None
            ]
            for row in answer["series"]
        }

    async def _counter(self, metric: str, span: tuple[str, str, str]) -> Counter[Any]:
        found = Counter[Any]()
        unit = 1_000_000 if metric.endswith("_usd_total") else 1
        for labels, values in (await self._values(metric, "increase", span)).items():
            found[labels] = round(sum(values) * unit)
        return +found

    async def _spread(self, metric: str, groups: dict[Any, list[float]]) -> list[str]:
        wrong, all_of_it, one_bin = list[str](), ("-2h", "now", "60s"), ("-2h", "now", "1d")
        counts = {k: sum(v) for k, v in (await self._values(metric, "count", all_of_it)).items()}
        wrong += differences(Counter(counts), Counter({k: len(v) for k, v in groups.items()}))
        for labels, sums in (await self._values(metric, "sum", all_of_it)).items():
            if abs(sum(sums) - sum(groups[labels])) > 1e-6:
                wrong.append(f"{labels}: sum {sum(sums)} instead of {sum(groups[labels])}")
        for agg, share in SHARES.items():
            for labels, values in (await self._values(metric, agg, one_bin)).items():
                if len(values) != 1 or not near(values[0], groups[labels], share):
                    wrong.append(f"{labels}: {agg} {values} of {sorted(groups[labels])}")
        return wrong

    async def _overview(self) -> list[str]:
        began_ms = self._clock.now_ms()
        shown = await self._part.overview.make(TENANT, "2h")
        truth, counts = self._truth, self._truth.counts
        ends, failed = Counter[str](), Counter[str]()
        for (outcome, workflow), n in counts["orchestra_executions_total"].items():
            ends[outcome] += n
            failed[workflow] += n if outcome in ("failed", "rolled_back") else 0
        judged = ends.total() - ends["cancelled"]
        wanted: dict[str, Any] = {
            **{name: ends[name] for name in ("completed", "failed", "cancelled", "rolled_back")},
            **dict.fromkeys(("pending", "running", "paused"), 0),
            "success_rate": round(ends["completed"] / judged, 6),
        }
        executions = shown["executions"]
        wrong = [
            f"{name}: {executions[name]} instead of {value}"
            for name, value in wanted.items()
            if executions[name] != value
        ]
        spread = truth.spreads["orchestra_execution_seconds"]
        every = [1_000 * value for values in spread.values() for value in values]
        wrong += [
            f"{name}: {executions[name]} of {sorted(every)}"
            for name in ("p50_ms", "p95_ms")
            if not near(executions[name], every, SHARES[name[:3]])
        ]
        micro = counts["orchestra_workflow_cost_usd_total"].total()
        minutes = self._per_minute(began_ms), self._per_minute(self._clock.now_ms())
        pairs = (
            (executions["per_minute"] in minutes, True),
            (shown["events"]["count"], counts["orchestra_events_total"].total()),
            (shown["usage"]["tokens"], counts["orchestra_workflow_tokens_total"].total()),
            (shown["usage"]["cost_usd"], f"{micro / 1e6:.6f}"),
            (shown["workflows"]["active"], len(counts["orchestra_executions_started_total"])),
            ({row["workflow"]: row["failed"] for row in shown["failing"]}, dict(+failed)),
        )
        return wrong + [f"{found} instead of {one}" for found, one in pairs if found != one]

    def _per_minute(self, now_ms: int) -> list[int]:
        first = (now_ms // 60_000 - 59) * 60_000
        edges = [first + 60_000 * n for n in range(61)]
        return [
            sum(begin <= at < end for at in self._truth.ends_at_ms)
            for begin, end in pairwise(edges)
        ]
