"""Traces at a collector: one whole trace for each execution, whatever happens on its way."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from agent_replicas import an_agent, can
from http_peer import Asked, Peer, a_peer
from otlp_receiver import Receiver, a_receiver, whole
from traced_products import (
    CALLER,
    SPAN,
    TRACE,
    Product,
    a_product,
    drawn,
    settings_of,
    step,
    trace_of,
)

from orchestra import tracing
from orchestra.agents import Task

pytestmark = pytest.mark.anyio

EXECUTE = "POST /api/workflows/{workflow}/execute"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
async def product(store_url: str, collector: Receiver) -> AsyncIterator[Product]:
    agents = [an_agent("near", can("work", look))]
    async with a_product(settings_of(store_url, collector.url), agents) as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def look(task: Task) -> object:
    """A Python agent tells which trace it is in."""
    return {"here": tracing.header(), "task": task.trace}


async def test_a_sequence_in_the_trace_of_who_asked(
    product: Product, peer: Peer, collector: Receiver
) -> None:
    await product.register("far", peer.url)
    peer.says({"status": "completed", "output": {"SECRETIVE": 1}, "usage": {"input_tokens": 7}})
    steps = step("a", input_data={"CONFIDED": 1}), step("b", depends_on=["a"])

    execution = await product.run(*steps, **CALLER)
    trace = await trace_of(collector, execution)

    whole(trace, (SPAN,))
    name = next(one.name for one in trace if one.name.startswith("invoke_workflow"))
    called = ["    step {}", "      invoke_agent far", "        POST"]
    lines = drawn([one for one in trace if not one.name.endswith("/api/workflows")])
    both = [line.format(path) for path in "ab" for line in called]
    assert lines == [EXECUTE, f"  {name}", *both]
    assert {one.trace_id for one in trace} == {TRACE}
    assert {one.state for one in trace} == {"vendor=1"}
    root, of_step, agent = (
        next(one for one in trace if one.name.startswith(begins))
        for begins in ("invoke_workflow", "step a", "invoke_agent")
    )
    assert root.attributes["orchestra.execution.status"] == "completed"
    assert root.attributes["gen_ai.workflow.name"] == name.removeprefix("invoke_workflow ")
    assert of_step.attributes["orchestra.step"] == "a"
    assert of_step.attributes["gen_ai.agent.name"] == "far"
    assert of_step.attributes["gen_ai.usage.input_tokens"] == 7
    assert agent.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert agent.attributes["orchestra.execution.id"] == execution
    assert agent.attributes["gen_ai.usage.input_tokens"] == 7
    wire = [one for one in trace if one.kind == "client" and one.name == "POST"]
    assert {one.attributes["server.port"] for one in wire} == {peer.port}
    assert {one.attributes["http.response.status_code"] for one in wire} == {200}
    # Each agent is told the span of the request that reached it.
    told = [asked.headers["traceparent"].split("-")[2] for asked in peer.asked]
    assert sorted(told) == sorted(one.span_id for one in wire)
    assert not any(b"SECRETIVE" in raw or b"CONFIDED" in raw for raw in collector.raw)


async def test_steps_beside_each_other_and_an_agent_in_the_process(
    product: Product, collector: Receiver
) -> None:
    steps = [step("a", "near"), step("b", "near"), step("c", "near", depends_on=["a", "b"])]

    execution = await product.run(*steps)
    trace = await trace_of(collector, execution)

    by_id = whole(trace)
    answer = await product.http.get(f"/api/executions/{execution}/steps")
    for item in answer.json()["items"]:
        here = tracing.parse(item["output"]["here"]["traceparent"])
        above = tracing.read(item["output"]["task"])
        assert here is not None
        assert above is not None
        called, claimed = by_id[here.span_id], by_id[above.span_id]
        assert (called.name, called.kind) == ("invoke_agent near", "internal")
        assert claimed.name == f"step {item['id']}"
        assert called.parent == claimed.span_id


async def test_what_is_tried_again_has_a_span_for_each_attempt(
    product: Product, peer: Peer, collector: Receiver
) -> None:
    answers = iter([500, 500, 500, 200])
    peer.replies = lambda _: (next(answers), b'{"status": "completed", "output": 1}', {})
    await product.register("far", peer.url)
    retry = {"max_attempts": 3, "initial": "10ms"}

    execution = await product.run(step("a", retry=retry))
    trace = await trace_of(collector, execution)

    whole(trace)
    attempts = [one for one in trace if one.name.startswith("attempt ")]
    [of_step] = [one for one in trace if one.name == "step a"]
    assert [(one.name, one.failed) for one in sorted(attempts, key=lambda one: one.start_ns)] == [
        ("attempt 1", True), ("attempt 2", False),
    ]  # fmt: skip
    assert {one.parent for one in attempts} == {of_step.span_id}
    assert not of_step.failed
    assert of_step.attributes["orchestra.attempts"] == 2
    first = min(attempts, key=lambda one: one.start_ns)
    assert first.attributes["error.type"] == "agent.error"
    calls = [one for one in trace if one.name == "invoke_agent far"]
    assert sorted(one.attributes["orchestra.call"] for one in calls) == [1, 1, 2, 3]
    assert sum(one.parent == first.span_id for one in calls) == 3


async def test_an_agent_that_fails_and_the_one_that_takes_over_are_both_there(
    product: Product, peer: Peer, collector: Receiver
) -> None:
    async with a_peer() as good:
        peer.says({}, 500)
        good.says({"status": "completed", "output": 1})
        await product.register("bad", peer.url, agent_type="pool", priority=1)
        await product.register("good", good.url, agent_type="pool", priority=2)

        execution = await product.run(step("a", "pool"))
    trace = await trace_of(collector, execution)

    whole(trace)
    calls = sorted(
        (one for one in trace if one.name.startswith("invoke_agent")), key=lambda one: one.start_ns
    )
    assert [(one.name, one.failed, one.attributes["orchestra.call"]) for one in calls] == [
        ("invoke_agent bad", True, 1), ("invoke_agent good", False, 2),
    ]  # fmt: skip
    assert calls[0].attributes["error.type"] == "agent.error"
    assert len({one.parent for one in calls}) == 1


async def test_what_is_rolled_back_shows_what_was_undone(
    product: Product, peer: Peer, collector: Receiver
) -> None:
    async with a_peer() as bad:
        peer.says({"status": "completed", "output": 1})
        bad.says({}, 400)
        await product.register("far", peer.url)
        await product.register("bad", bad.url)
        undo: dict[str, Any] = {
            "compensate": {"agent_type": "far", "task_type": "undo", "input_data": {}}
        }

        rolled: dict[str, Any] = {"on_error": [{"match": ["*"], "do": "rollback"}]}

        execution = await product.run(
            step("a", **undo), step("b", "bad", depends_on=["a"], **rolled)
        )
    trace = await trace_of(collector, execution)

    by_id = whole(trace)
    [root] = [one for one in trace if one.name.startswith("invoke_workflow")]
    below = {one.name: one for one in trace if one.parent == root.span_id}
    assert set(below) == {"step a", "step b", "undo a"}
    assert root.failed
    assert root.attributes["orchestra.execution.status"] == "rolled_back"
    assert below["step b"].attributes["error.type"] == "agent.bad_request"
    assert not below["undo a"].failed
    undoing = [one for one in trace if one.parent == below["undo a"].span_id]
    assert [by_id[one.span_id].name for one in undoing] == ["invoke_agent far"]


async def test_what_is_cancelled_ends_when_it_was(product: Product, collector: Receiver) -> None:
    wait = {"id": "a", "type": "wait", "signal": "never", "timeout": "1h"}
    execution = await product.run(wait, prefer="wait=0")
    with anyio.fail_after(60):  # one that has not begun has no span
        history = f"/api/executions/{execution}/history"
        while b"step.started" not in (await product.http.get(history)).content:
            await anyio.lowlevel.checkpoint()

    await product.post(f"/api/executions/{execution}/cancel", {})
    trace = await trace_of(collector, execution)

    whole(trace)
    [root] = [one for one in trace if one.name.startswith("invoke_workflow")]
    [of_step] = [one for one in trace if one.name == "step a"]
    assert (root.failed, root.attributes["orchestra.execution.status"]) == (True, "cancelled")
    assert (of_step.failed, of_step.attributes["orchestra.step.status"]) == (True, "cancelled")
    assert of_step.end_ns == root.end_ns


async def test_what_goes_on_after_its_end_is_linked_to_what_was_before(
    product: Product, peer: Peer, collector: Receiver
) -> None:
    peer.says({}, 400)
    await product.register("far", peer.url)
    execution = await product.run(step("a"))
    peer.says({"status": "completed", "output": 1})

    await product.post(f"/api/executions/{execution}/retry", {})
    path = f"/api/executions/{execution}"
    await product.http.get(path, headers={"prefer": "wait=60"})
    trace = await trace_of(collector, execution, lambda spans: ends(spans) == 2)

    whole(trace)
    first, second = sorted(
        (one for one in trace if one.name.startswith("invoke_workflow")),
        key=lambda one: one.start_ns,
    )
    assert (first.failed, second.failed) == (True, False)
    assert first.span_id in second.links


def ends(spans: list[Any]) -> int:
    return sum(one.name.startswith("invoke_workflow") for one in spans)


async def test_a_model_with_tools(product: Product, peer: Peer, collector: Receiver) -> None:
    asked_for = {"id": "call_1", "type": "function"}
    asked_for |= {"function": {"name": "near__work", "arguments": "{}"}}
    answers = iter(
        [
            {
                "finish_reason": "tool_calls",
                "message": {"content": None, "tool_calls": [asked_for]},
            },
            {"finish_reason": "stop", "message": {"content": "WORDS OF THE MODEL"}},
        ]
    )

    def reply(_: Asked) -> tuple[int, bytes, dict[str, str]]:
        usage = {"prompt_tokens": 11, "completion_tokens": 5}
        said = {"id": "rsp_1", "model": "gpt-x-1", "usage": usage, "choices": [next(answers)]}
        return 200, json.dumps(said).encode(), {}

    peer.replies = reply
    model = {
        "name": "gpt", "agent_type": "writer", "provider": "openai", "model": "gpt-x",
        "base_url": f"http://127.0.0.1:{peer.port}/v1", "tools": ["agent:near"],
        "capabilities": [{"name": "work"}],
    }  # fmt: skip
    await product.post("/api/agents/register", model)

    execution = await product.run(step("a", "writer", input_data={"prompt": "PROMPTED"}))
    trace = await trace_of(collector, execution)

    whole(trace)
    at = {one.span_id: one for one in trace}
    [agent] = [one for one in trace if one.name == "invoke_agent gpt"]
    below = [
        one.name
        for one in sorted(trace, key=lambda one: one.start_ns)
        if one.parent == agent.span_id
    ]
    assert below == ["chat gpt-x", "execute_tool near__work", "chat gpt-x"]
    [tool] = [one for one in trace if one.name == "execute_tool near__work"]
    assert tool.attributes["gen_ai.tool.call.id"] == "call_1"
    assert [one.name for one in trace if one.parent == tool.span_id] == ["invoke_agent near"]
    chats = sorted((one for one in trace if one.name == "chat gpt-x"), key=lambda one: one.start_ns)
    assert [one.attributes["gen_ai.response.finish_reasons"] for one in chats] == [
        ["tools"],
        ["stop"],
    ]
    for one in chats:
        assert one.attributes["gen_ai.provider.name"] == "openai"
        assert one.attributes["gen_ai.response.model"] == "gpt-x-1"
        assert one.attributes["gen_ai.usage.input_tokens"] == 11
        assert one.attributes["gen_ai.usage.output_tokens"] == 5
    assert agent.attributes["gen_ai.usage.input_tokens"] == 22
    # Every request to the API carries the span of its own.
    told = {asked.headers["traceparent"].split("-")[2] for asked in peer.asked}
    assert {at[at[span].parent].name for span in told} == {"chat gpt-x"}
    for content in (b"PROMPTED", b"WORDS OF THE MODEL"):
        assert not any(content in raw for raw in collector.raw)


async def test_what_nobody_can_follow_is_ignored_and_the_trace_is_a_new_one(
    product: Product, collector: Receiver
) -> None:
    ran: list[str] = []
    for sent in (
        "x" * 9_000,
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-zz",
        "",
        "' OR 1=1 -- \" <script>",
        None,
    ):
        parent = {} if sent is None else {"traceparent": sent}
        ran.append(await product.run(step("a", "near"), tracestate="a=1", **parent))

    for execution in ran:
        trace = await trace_of(collector, execution)
        whole(trace)
        assert trace[0].trace_id != TRACE
        assert {one.state for one in trace} == {""}


async def test_a_hostile_state_costs_the_state_and_not_the_trace(
    product: Product, collector: Receiver
) -> None:
    ran: list[str] = []
    for state in ("a=1,a=2", "x" * 5_000, "=,=,=", ",".join(f"k{n}=1" for n in range(40))):
        sent = {"traceparent": CALLER["traceparent"], "tracestate": state}
        ran.append(await product.run(step("a", "near"), **sent))

    for execution in ran:
        trace = await trace_of(collector, execution)
        assert {one.state for one in trace if one.trace_id == TRACE} == {""}


async def test_a_trace_that_its_caller_does_not_record_is_not_recorded_here(
    product: Product, collector: Receiver, peer: Peer
) -> None:
    peer.says({"status": "completed", "output": 1})
    await product.register("far", peer.url)
    unrecorded = {"traceparent": f"00-{TRACE}-{SPAN}-00"}

    await product.run(step("a"), **unrecorded)
    after = await product.run(step("a", "near"))
    await trace_of(collector, after)

    assert TRACE not in {one.trace_id for one in collector.spans}
    assert peer.asked[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert peer.asked[0].headers["traceparent"].endswith("-00")
