"""OpenTelemetry: what a collector gets beside traces of executions, and what none costs."""

import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest
import structlog
from agent_replicas import an_agent, can
from http_peer import Peer, a_peer
from otlp_receiver import Receiver, a_receiver, valued, whole
from traced_products import CALLER, SPAN, TRACE, Product, a_product, settings_of, step, trace_of

from orchestra import tracing
from orchestra.agents import Task
from orchestra.bus import Job
from orchestra.bus.module import BusModule
from orchestra.instruments import INSTRUMENTS, Tally
from orchestra.log import COVERED, configure
from orchestra.otel.module import OtelModule
from orchestra.otel.shipping import BATCH
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.workflows.module import WorkflowsModule

pytestmark = pytest.mark.anyio


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
async def product(store_url: str, collector: Receiver, tmp_path: Path) -> AsyncIterator[Product]:
    (tmp_path / "master.key").write_text("k" * 48)
    settings = settings_of(
        store_url,
        collector.url,
        master_key_file=str(tmp_path / "master.key"),
        otel_headers="x-scope=a%20b,authorization=Bearer%20of-the-collector",
    )
    async with a_product(settings, [an_agent("near", can("work", work))]) as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def work(task: Task) -> object:
    """What the agent of the test does."""
    structlog.get_logger("x").info("hands.worked", told=task.input_data)
    return {}


def the(kind: type[Any], product: Product) -> Any:
    """The module of this kind."""
    return next(one for one in product.modules if isinstance(one, kind))


async def heard(collector: Receiver, until: Callable[[], object]) -> None:
    await anyio.to_thread.run_sync(collector.wait, until)


async def test_a_webhook_is_part_of_the_trace_that_it_tells_of(
    product: Product, peer: Peer, collector: Receiver
) -> None:
    hook = {
        "name": "hook",
        "url": peer.url,
        "event_filter": {"event_types": ["workflow.completed"]},
    }
    await product.post("/api/webhooks/", hook)

    execution = await product.run(step("a", "near"), **CALLER)
    trace = await trace_of(
        collector, execution, lambda spans: any(one.kind == "producer" for one in spans)
    )

    whole(trace, (SPAN,))
    [delivery] = [one for one in trace if one.kind == "producer"]
    [root] = [one for one in trace if one.name.startswith("invoke_workflow")]
    [wire] = [one for one in trace if one.parent == delivery.span_id]
    assert delivery.parent == root.span_id
    assert delivery.links == (root.span_id,)
    assert delivery.attributes["orchestra.event.type"] == "workflow.completed"
    assert wire.attributes["http.response.status_code"] == 200
    [asked] = peer.asked
    assert asked.headers["traceparent"] == f"00-{TRACE}-{wire.span_id}-01"
    assert asked.headers["tracestate"] == "vendor=1"
    # Whose execution it is not learns nothing of its trace.
    workflows = the(WorkflowsModule, product)
    assert await workflows.trace_of(Tenant("other"), execution) == ""
    assert (await workflows.trace_of(DEFAULT_TENANT, execution)).startswith(f"00-{TRACE}-")


async def test_a_job_is_part_of_the_trace_in_which_it_was_put_in_line(
    product: Product, collector: Receiver
) -> None:
    class Errand(msgspec.Struct):
        n: int

    done: list[tuple[Errand, tracing.Trace | None]] = []
    ended = anyio.Event()

    async def do(job: Job) -> None:
        done.append((msgspec.json.decode(job.body, type=Errand), tracing.current()))
        if len(done) == 2:
            ended.set()

    bus = the(BusModule, product)
    bus.worker(DEFAULT_TENANT, "~errands", do)
    with tracing.span("errand") as span:
        await bus.enqueue(DEFAULT_TENANT, "~errands", Errand(1))
    await bus.enqueue(DEFAULT_TENANT, "~errands", Errand(2))
    with anyio.fail_after(60):
        await ended.wait()
    await heard(collector, lambda: any(one.kind == "consumer" for one in collector.spans))

    assert span is not None
    [job] = [one for one in collector.spans if one.kind == "consumer"]
    assert (job.trace_id, job.parent) == (span.trace.trace_id, span.trace.span_id)
    assert job.links == (span.trace.span_id,)
    traces = {errand.n: trace for errand, trace in done}
    assert traces[1] is not None
    assert traces[1].span_id == job.span_id
    assert traces[2] is None


async def test_without_a_collector_a_webhook_is_told_its_callers_trace(
    store_url: str, peer: Peer, tmp_path: Path
) -> None:
    (tmp_path / "master.key").write_text("k" * 48)
    settings = settings_of(store_url, None, master_key_file=str(tmp_path / "master.key"))
    hook = {"name": "h", "url": peer.url, "event_filter": {"event_types": ["workflow.completed"]}}
    told = anyio.Event()

    async def tell() -> None:
        told.set()

    peer.hold = tell
    async with a_product(settings, [an_agent("near", can("work", work))]) as product:
        await product.post("/api/webhooks/", hook)
        await product.run(step("a", "near"), **CALLER)
        with anyio.fail_after(60):
            await told.wait()

    [asked] = peer.asked
    assert asked.headers["traceparent"].split("-")[1] == TRACE
    assert asked.headers["tracestate"] == "vendor=1"


async def test_a_worker_that_polls_is_told_the_trace(product: Product) -> None:
    agent = {"name": "puller", "agent_type": "puller", "provider": "pull", "capabilities": []}
    made = await product.post("/api/agents/register", agent)
    tasks: list[Any] = []

    async with anyio.create_task_group() as group:
        group.start_soon(product.run, step("a", "puller"))
        with anyio.fail_after(60):
            while not tasks:
                polled = await product.post(f"/api/agents/{made['id']}/poll", {"wait_s": 1})
                tasks = polled["tasks"]
        group.cancel_scope.cancel()

    assert tracing.parse(tasks[0]["context"]["traceparent"]) is not None


async def test_instruments_come_as_they_are_counted(product: Product, collector: Receiver) -> None:
    await product.run(step("a", "near"))
    module = the(OtelModule, product)

    route = "/api/workflows/{workflow}/execute"
    instruments = {one.name: one for one in INSTRUMENTS}
    ours = instruments["orchestra_http_seconds"].totals()
    tally = ours[(route,)]
    assert isinstance(tally, Tally)
    module.gather()
    await heard(collector, lambda: count_of(collector, route) == tally.count)

    counted = collector.metrics["orchestra_http_requests_total"].sum
    assert counted.is_monotonic
    assert counted.aggregation_temporality == 2  # cumulative
    point = spread_of(collector)[route]
    assert (point.scale, point.count, point.sum) == (3, tally.count, tally.sum)
    assert (point.min, point.max) == (tally.low, tally.high)
    found = {
        point.positive.offset + i + 1: n for i, n in enumerate(point.positive.bucket_counts) if n
    }
    assert found == tally.buckets
    gauges = [one for one in collector.metrics.values() if one.WhichOneof("data") == "gauge"]
    assert gauges
    resource = collector.resources[0] if collector.resources else {"service.name": "of-the-test"}
    assert resource["service.name"] == "of-the-test"
    assert collector.headers[0]["x-scope"] == "a b"


def spread_of(collector: Receiver) -> dict[str, Any]:
    """The points of a histogram, by route."""
    metric = collector.metrics.get("orchestra_http_seconds")
    points = metric.exponential_histogram.data_points if metric else ()
    return {valued(point.attributes)["route"]: point for point in points}


def count_of(collector: Receiver, route: str) -> int:
    """How many requests it was told of."""
    point = spread_of(collector).get(route)
    return point.count if point else 0


async def test_lines_of_the_log_name_the_span_that_they_belong_to(
    product: Product, collector: Receiver
) -> None:
    configure(Settings(log_format="json"), io.StringIO())
    try:
        execution = await product.run(step("a", "near"))
        trace = await trace_of(collector, execution)
        await heard(collector, lambda: worked(collector))
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()

    [line] = worked(collector)
    [agent] = [one for one in trace if one.name == "invoke_agent near"]
    assert (line.trace_id.hex(), line.span_id.hex()) == (agent.trace_id, agent.span_id)
    assert (line.severity_text, valued(line.attributes)["execution_id"]) == ("INFO", execution)
    logged = await product.http.get(f"/api/executions/{execution}/logs")
    assert {item["trace_id"] for item in logged.json()["logs"]} == {agent.trace_id}


def worked(collector: Receiver) -> list[Any]:
    return [one for one in collector.lines if one.body.string_value == "hands.worked"]


async def test_no_secret_is_in_what_is_sent(product: Product, collector: Receiver) -> None:
    COVERED.add("hunter2-hunter2")
    key = "orc_live_abcdefgh_secretsecretsecret"

    for path in ("/api/agents/hunter2-hunter2", f"/api/agents/{key}", "/api/agents/x?a=hunter2"):
        await product.http.get(path)
    await heard(collector, lambda: len(collector.spans) >= 3)

    paths = {one.attributes["url.path"] for one in collector.spans}
    assert {"/api/agents/***", "/api/agents/x"} <= paths
    for secret in (b"hunter2", key.encode(), b"of-the-collector"):
        assert not any(secret in raw for raw in collector.raw)
    assert "of-the-collector" not in repr(Settings(otel_headers="authorization=of-the-collector"))


async def test_a_collector_that_answers_nothing_costs_a_bounded_queue(
    product: Product, collector: Receiver
) -> None:
    module = the(OtelModule, product)
    most = module.spans.bound = 40
    collector.held = threading.Event()

    before = module.shipping["spans"].sent
    await product.run(step("a", "near"))
    await heard(collector, lambda: collector.requests)
    for _ in range(40):
        await product.run(step("a", "near"))
        assert len(module.spans) <= most

    made = module.spans.over + len(module.spans)
    assert made > most
    module.count()
    dropped = {one.name: one for one in INSTRUMENTS}["orchestra_dropped_total"].totals()
    assert dropped[("spans",)] >= module.spans.over > 0
    assert module.shipping["spans"].sent == before
    assert most < BATCH
    # The end of the product waits for the collector for two seconds, and it answers much later.


async def test_a_collector_that_refuses_is_not_asked_to_take_it_again(
    product: Product, collector: Receiver
) -> None:
    module = the(OtelModule, product)
    collector.answers = 400
    await product.run(step("a", "near"))
    await heard(collector, lambda: module.shipping["spans"].failed >= 3)
    collector.answers = 200

    execution = await product.run(step("a", "near"))
    await trace_of(collector, execution)

    await heard(collector, lambda: module.shipping["spans"].well)


async def test_a_collector_that_is_not_there_is_nobodys_trouble(store_url: str) -> None:
    settings = settings_of(store_url, "http://127.0.0.1:9")
    async with a_product(settings, [an_agent("near", can("work", work))]) as product:
        for _ in range(5):
            await product.run(step("a", "near"))
        answer = await product.http.get("/readyz")

    assert answer.status_code == 200
    assert not tracing.collected()
