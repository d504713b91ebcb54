"""Traces over several processes: one for each execution, also when one is killed in the middle."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from http_peer import Asked, Peer, a_peer
from otlp_receiver import Got, Receiver, a_receiver, whole
from traced_products import CALLER, SPAN, TRACE, drawn, trace_of
from valkey_servers import Valkey

from e2e.served import Server, a_store, serving

pytestmark = pytest.mark.anyio

EXECUTE = "POST /api/workflows/{workflow}/execute"
DONE = b'{"status": "completed", "output": 1}'


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Valkey]:
    with a_store(tmp_path) as made:
        yield made


def options(store: Valkey, collector: Receiver) -> list[str]:
    """Those of every process."""
    url = f"redis://127.0.0.1:{store.port}/0"
    words = ["--store-url", url, "--network-allow", "127.0.0.1", "--otel-endpoint", collector.url]
    return [*words, "--allow-weaker-durability"]


def of(one: Got) -> object:
    """The step that a span is about."""
    return one.attributes["orchestra.step"]


async def post(server: Server, path: str, body: object) -> dict[str, object]:
    """One request in the caller's trace."""
    answer = await server.client.post(path, json=body, headers=CALLER)
    assert answer.status_code in (200, 201, 202), answer.text
    return dict(answer.json())


async def test_a_replica_is_killed_in_the_middle_and_its_trace_is_whole(
    tmp_path: Path, store: Valkey, collector: Receiver, peer: Peer
) -> None:
    reached = anyio.Event()

    async def hold() -> None:
        if (
            "b" in [asked.headers["orchestra-step"] for asked in peer.asked]
            and not reached.is_set()
        ):
            reached.set()
            await anyio.sleep_forever()

    peer.body, peer.hold = DONE, hold
    steps = [
        {"id": name, "agent_type": "far", "task_type": "ask", "input_data": {}, "depends_on": after}
        for name, after in (("a", []), ("b", ["a"]), ("c", ["b"]))
    ]
    async with serving(tmp_path, *options(store, collector)) as first:
        await first.register("far", peer.url)
        workflow = await first.make("w", *steps)
        execution = str((await post(first, f"/api/workflows/{workflow}/execute", {}))["id"])
        with anyio.fail_after(60):
            await reached.wait()
        # What the first has told until now; the call that waits is in its memory alone.
        at = {EXECUTE, "invoke_agent far"}
        told = lambda: at <= {one.name for one in collector.spans if one.trace_id == TRACE}  # noqa: E731
        await anyio.to_thread.run_sync(collector.wait, told)
        async with serving(tmp_path, *options(store, collector)) as second:
            first.process.kill()
            ended = await second.ended(execution)
            trace = await trace_of(collector, execution)

    assert ended["status"] == "completed"
    assert {one.trace_id for one in trace} == {TRACE}
    whole(trace, (SPAN,))
    names = [one.name for one in trace]
    for path in "abc":
        assert names.count(f"step {path}") == 1
    *lost, done = sorted(
        (one for one in trace if one.name.startswith("attempt") and of(one) == "b"),
        key=lambda one: one.start_ns,
    )
    assert {(one.failed, one.attributes["error.type"]) for one in lost} == {(True, "replica.lost")}
    assert not done.failed
    # The call that was killed with its replica is not told of; the attempt that it was is.
    asked_b = [asked for asked in peer.asked if asked.headers["orchestra-step"] == "b"]
    assert len(asked_b) == len(lost) + 1
    # The agent was told the same trace each time, by both replicas.
    assert {asked.headers["traceparent"].split("-")[1] for asked in peer.asked} == {TRACE}


async def test_modules_apart_tell_one_trace(
    tmp_path: Path, store: Valkey, collector: Receiver, peer: Peer
) -> None:
    def reply(_: Asked) -> tuple[int, bytes, dict[str, str]]:
        return 200, DONE, {}

    peer.replies = reply
    known = options(store, collector)
    async with (
        serving(tmp_path, *known, "--modules", "agents", "--otel-service-name", "agents"),
        serving(tmp_path, *known, "--modules", "workflows,bus") as front,
    ):
        await front.register("far", peer.url)
        step = {"id": "a", "agent_type": "far", "task_type": "ask", "input_data": {}}
        workflow = await front.make("w", step)
        execution = str((await post(front, f"/api/workflows/{workflow}/execute", {}))["id"])
        await front.ended(execution)
        call = {"agent_type": "far", "input_data": {}}
        await post(front, "/api/agents/execute", call)

        def there(spans: list[Got]) -> bool:
            return len(spans) == 9

        trace = await trace_of(collector, execution, there)

    whole(trace, (SPAN,), tops=2)
    assert drawn(trace) == [
        EXECUTE,
        "  invoke_workflow w",
        "    step a",
        "      invoke_agent far",
        "        POST",
        "POST /api/agents/execute",
        "  POST /api/agents/execute",
        "    invoke_agent far",
        "      POST",
    ]
    assert {one["service.name"] for one in collector.resources} == {"agents", "orchestra"}
