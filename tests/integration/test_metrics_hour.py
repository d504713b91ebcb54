"""An hour of mixed load in simulated time: every figure equals that computed from the journal."""

import math
import random
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest

from orchestra.clock import ManualClock
from orchestra.instruments import Tally
from orchestra.monitoring import Views
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import question
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.counting import Counting, Elsewhere
from orchestra.monitoring.metrics.functions import ERROR_MAX, Bins, quantile
from orchestra.monitoring.metrics.gathering import Gatherer
from orchestra.monitoring.metrics.leading import Leading
from orchestra.monitoring.metrics.sealing import Sealer
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.monitoring.overview import Overview, Sources
from orchestra.monitoring.services import Services
from orchestra.monitoring.totals import Totals
from orchestra.monitoring.windows import Windows
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, journal
from orchestra.workflows.history.figures import JournalFigures

pytestmark = pytest.mark.anyio

BEGIN_MS = 1_795_003_200_000
MINUTES = 60
WORKFLOWS = ("triage", "billing", "reports")
ENDS = {"D": "completed", "F": "failed", "C": "cancelled"}
Entry = tuple[int, int, dict[str, str]]


class Names:
    """A catalogue that knows names only."""

    def cached(self, _: str) -> None:
        """Nothing is compiled."""
        return

    async def document(self, digest: str) -> dict[str, Any]:
        """The digest is the name, here."""
        return {"name": digest}


class Truth:
    """The same figures, computed from what was written, as simply as can be."""

    def __init__(self) -> None:
        self.ends: Counter[tuple[str, str]] = Counter()
        self.steps: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.step_seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.tokens: Counter[tuple[str, str, str]] = Counter()
        self.micro: Counter[tuple[str, str]] = Counter()
        self.events = self.started = 0


def an_hour(seed: int, tags: tuple[int, ...]) -> tuple[list[Entry], Truth]:
    """Everything that executions write in an hour, by time; and what it amounts to."""
    chance, truth, entries = random.Random(seed), Truth(), list[Entry]()
    for n in range(300):
        tag, workflow = chance.choice(tags), chance.choice(WORKFLOWS)
        eid = f"exe_{n:08d}-0000-7000-8000-0000000000{tag:02x}"
        at = began = BEGIN_MS + chance.randrange(MINUTES * 60_000 - 240_000)

        def write(kind: str, path: str, data: str, *, of: Any = None) -> None:
            at, tag, eid = of
            fields = {"k": kind, "x": eid, "s": path, "a": "1.0.0.0.s", "d": data, "t": "default"}
            entries.append((at, tag, fields))
            truth.events += 1

        write("N", "", workflow, of=(at, tag, eid))
        truth.started += 1
        write("B", "", "", of=(at, tag, eid))
        outcome = "D"
        for step in range(chance.randrange(1, 5)):
            path, agent = f"s{step}", chance.choice(("gpt", "claude"))
            while True:
                write("R", path, "session", of=(at, tag, eid))
                ran = int(chance.lognormvariate(5, 1.5))
                at += ran
                tokens, micro = chance.randrange(2_000), chance.randrange(9_000)
                truth.tokens[workflow, agent, "input"] += tokens
                truth.tokens[workflow, agent, "output"] += 7
                truth.micro[workflow, agent] += micro
                if chance.random() < 0.15:
                    spent = {"input_tokens": tokens, "output_tokens": 7, "cost_usd": micro / 1e6}
                    record = {"error": {"code": "agent.error"}, "agent": agent, "usage": spent}
                    write("Y", path, msgspec.json.encode(record).decode(), of=(at, tag, eid))
                    truth.steps[workflow, "retried"] += 1
                    at += 1_000
                    continue
                kind = "F" if chance.random() < 0.06 else "C"
                told = f"{agent}\t{chance.randrange(90)}\t{ran}\t{tokens}\t7\t{micro}"
                write(kind, path, told, of=(at, tag, eid))
                truth.steps[workflow, "failed" if kind == "F" else "completed"] += 1
                truth.step_seconds[workflow, path].append(ran / 1_000)
                outcome = "F" if kind == "F" else outcome
                break
            if outcome == "F":
                break
        if outcome == "D" and chance.random() < 0.05:
            outcome = "C"
        write("E", "", outcome, of=(at, tag, eid))
        truth.ends[workflow, ENDS[outcome]] += 1
        truth.seconds[workflow].append((at - began) / 1_000)
    return sorted(entries, key=lambda one: one[0]), truth


def near(found: float | None, values: list[float], share: float) -> bool:
    """Whether a percentile is within the error it states."""
    true = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    return found is not None and abs(found - true) <= true * ERROR_MAX + 1e-9


def tally_of(bins: Bins) -> Tally:
    """A histogram in one bin."""
    [cell] = bins.values()
    assert isinstance(cell, Tally)
    return cell


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_of_an_hour_is_that_of_its_journal(store: Store, seed: int) -> None:
    entries, truth = an_hour(seed, store.partitions)
    chance, clock = random.Random(seed), ManualClock(BEGIN_MS)
    admission = Admission(store, clock)
    names: Any = Names()

    def a_reader() -> Counting:
        gatherer = Gatherer(admission, Buffer(store, "s"), clock)
        figures = JournalFigures(store, names)
        return Counting(store, clock, [figures], gatherer, Leading(store, clock, "s"))

    reader, sealer = a_reader(), Sealer(store, admission, clock)
    await reader.begin()
    at = 0
    for minute in range(MINUTES + 1):
        clock.advance(60_000)
        while at < len(entries) and entries[at][0] < clock.now_ms():
            ms, tag, fields = entries[at]
            key = journal(prefix := store.prefix(tag))
            flat = [part for pair in fields.items() for part in pair]
            await store.call(prefix, "XADD", key, f"{ms}-*", *flat)
            if fields["k"] == "N":  # where a reader that is new finds out
                state = f"{prefix}x:{fields['x']}"
                await store.call(prefix, "HSET", state, "@d", fields["d"], "@c", ms)
            at += 1
        if chance.random() < 0.2:
            reader = a_reader()
            await reader.begin()
        try:
            while await reader.turn():
                pass
        except Elsewhere:
            await reader.begin()
        if minute % 20 == 19:
            await sealer.look()
    while await reader.turn():
        pass

    answers = Answers(admission, Shelf(store), clock)
    totals = Totals(answers, clock)
    await the_counters_agree(totals, truth)
    await the_queries_agree(answers, clock, truth)
    await the_overview_agrees(store, clock, answers, truth)


async def the_counters_agree(totals: Totals, truth: Truth) -> None:
    """Counters by their labels."""
    window = 2 * 3_600
    ends = await totals.sums(
        DEFAULT_TENANT, "orchestra_executions_total", window, "workflow", "outcome"
    )
    steps = await totals.sums(
        DEFAULT_TENANT, "orchestra_steps_total", window, "workflow", "outcome"
    )
    tokens = await totals.sums(
        DEFAULT_TENANT, "orchestra_workflow_tokens_total", window, "workflow", "agent", "kind"
    )
    cost = await totals.sums(
        DEFAULT_TENANT, "orchestra_workflow_cost_usd_total", window, "workflow", "agent"
    )
    assert ends == truth.ends
    assert steps == truth.steps
    assert tokens == truth.tokens
    assert {key: round(usd * 1e6) for key, usd in cost.items()} == truth.micro
    spread = await totals.groups(
        DEFAULT_TENANT, "orchestra_step_seconds", window, ("workflow", "step")
    )
    found = {(labels["workflow"], labels["step"]): tally_of(bins) for labels, bins in spread}
    assert found.keys() == truth.step_seconds.keys()
    for key, values in truth.step_seconds.items():
        assert found[key].count == len(values)
        assert math.isclose(found[key].sum, sum(values), rel_tol=1e-9)
        for share in (0.5, 0.95, 0.99):
            assert near(quantile(found[key], share), values, share)


async def the_queries_agree(answers: Answers, clock: ManualClock, truth: Truth) -> None:
    """What `/api/metrics/query` says."""
    now_s = clock.now_ms() // 1_000
    given = {"metric": ["orchestra_execution_seconds"], "agg": ["p95"], "by": ["workflow"]}
    asked = question(given | {"from": ["-2h"], "step": ["6h"]}, now_s)
    answer = await answers.answer([DEFAULT_TENANT], asked)
    for series in answer["series"]:
        there = [value for value in series["values"] if value is not None]
        if len(there) == 1:
            assert near(there[0], truth.seconds[series["labels"]["workflow"]], 0.95)
    fine = question(
        {"metric": ["orchestra_executions_total"], "agg": ["increase"], "from": ["-2h"]}
        | {"step": ["60s"], "by": ["outcome"]},
        now_s,
    )
    answer = await answers.answer([DEFAULT_TENANT], fine)
    sums = {
        row["labels"]["outcome"]: sum(v or 0 for v in row["values"]) for row in answer["series"]
    }
    by_outcome: Counter[str] = Counter()
    for (_, outcome), n in truth.ends.items():
        by_outcome[outcome] += n
    assert sums == by_outcome


async def the_overview_agrees(
    store: Store, clock: ManualClock, answers: Answers, truth: Truth
) -> None:
    """The overview of the last two hours."""

    async def nothing(*_: Any) -> Any:
        return {"items": []}

    async def nobody(_: Any) -> Any:
        return [], 0, 0

    async def no_webhooks(_: Any) -> Any:
        return 0, 0

    async def live(_: Any) -> Any:
        return Counter[str]()

    async def no_events(_: Any, __: Any) -> Any:
        return []

    views = Views(nothing, nothing, live, nobody, no_webhooks, no_events, {})
    services = Services(store, clock, "s", "0", {})
    overview = Overview(Sources(store, clock, Windows(store, answers, clock), views, services))
    shown = await overview.make(DEFAULT_TENANT, "2h")

    executions = shown["executions"]
    for outcome in ENDS.values():
        whole = sum(n for (_, one), n in truth.ends.items() if one == outcome)
        assert executions[outcome] == whole
    every = [one * 1_000 for values in truth.seconds.values() for one in values]
    assert near(executions["p50_ms"], every, 0.5)
    assert near(executions["p95_ms"], every, 0.95)
    assert shown["events"]["count"] == truth.events
    assert shown["usage"]["tokens"] == truth.tokens.total()
    assert shown["usage"]["cost_usd"] == f"{truth.micro.total() / 1e6:.6f}"
    assert shown["workflows"]["active"] == len(WORKFLOWS)
