"""Language models through the whole product: registered, executed, and used in workflows."""

import functools
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import httpx
import msgspec
import pytest
from edge import a_client
from llmock import LlMock
from protocol_peers import Served

from orchestra.app import Ports, build_modules, prepare, running
from orchestra.connectors.builtin import BUILT_IN
from orchestra.settings import Settings

pytestmark = pytest.mark.anyio

SENTIMENT = {"name": "sentiment_analysis", "input_types": ["text"], "output_types": ["json"]}


@pytest.fixture
async def http(store_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The product on a real store, allowed to call this machine."""
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0,
        network_allow=("127.0.0.1",),
    )  # fmt: skip
    stage = prepare(settings, [("127.0.0.1", 1)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    build = functools.partial(build_modules, python_agents=BUILT_IN)
    async with running(settings, stage, build), a_client(stage) as client:
        yield client


def a_writer(llm_mock: LlMock, **fields: Any) -> dict[str, Any]:
    return {
        "name": "writer-1", "agent_type": "writer", "provider": "openai", "capabilities": [],
        "base_url": llm_mock.openai, "model": "gpt-5-mini",
    } | fields  # fmt: skip


async def execute(http: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await http.post("/api/agents/execute", json={"agent_type": "writer"} | body)


async def test_a_model_is_registered_and_executed_over_http(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    made = await http.post("/api/agents/register", json=a_writer(llm_mock))
    llm_mock.behaves({"type": "reply", "text": "Bonjour."})

    answer = await execute(http, input_data={"text": "Hello."})

    assert made.status_code == 201, made.text
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert done["output"] == "Bonjour."
    assert done["usage"]["cost_source"].startswith("table@")
    assert done["usage"]["cost_usd"] > 0
    [call] = done["attempts"]
    assert {"model", "response_id", "finish_reason"} <= call.keys()


async def test_a_model_does_the_steps_of_a_workflow(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    model = a_writer(llm_mock, agent_type="text_processor", capabilities=[SENTIMENT])
    assert (await http.post("/api/agents/register", json=model)).status_code == 201
    step = {
        "id": "mood", "agent_type": "text_processor", "task_type": "sentiment_analysis",
        "input_data": {"text": "${input.text}"},
    }  # fmt: skip
    made = await http.post("/api/workflows/", json={"name": "w", "steps": [step]})

    ran = await http.post(
        f"/api/workflows/{made.json()['id']}/execute",
        json={"input_data": {"text": "I love it"}}, headers={"prefer": "wait=60"},
    )  # fmt: skip

    execution = ran.json()
    assert execution["status"] == "completed", ran.text
    state = (await http.get(f"/api/executions/{execution['id']}")).json()
    [mood] = state["steps"] if isinstance(state["steps"], list) else state["steps"].values()
    assert mood["output"]["method"] == "model"
    assert mood["usage"]["input_tokens"] > 0


async def test_a_budget_that_is_not_enough_is_402_and_nothing_is_sent(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    await http.post("/api/agents/register", json=a_writer(llm_mock))

    answer = await execute(http, input_data={"text": "Hello."}, budget_usd="0.000001")

    assert (answer.status_code, answer.json()["code"]) == (402, "budget_exhausted")
    assert llm_mock.requests() == []


async def test_bad_templates_and_schemas_are_findings_of_the_registration(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    prompts = {
        "a/b": {"user": "{{ input.x.__class__ }} {% set y = 1 %}"},
        "*": {"system": "{{ input.x", "output_schema": {"type": "no"}},
    }

    answer = await http.post("/api/agents/register", json=a_writer(llm_mock, prompts=prompts))

    assert answer.status_code == 422
    found = {(one["pointer"], one["code"]) for one in answer.json()["errors"]}
    assert {
        ("/prompts/a~1b/user", "bad_template"),
        ("/prompts/*/system", "bad_template"),
        ("/prompts/*/output_schema", "bad_schema"),
    } <= found


async def test_input_and_output_are_held_against_the_schemas_of_a_capability(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    greet = {
        "name": "greet",
        "input_schema": {
            "type": "object", "required": ["name"], "additionalProperties": False,
            "properties": {"name": {"type": "string"}},
        },
        "output_schema": {"type": "object", "required": ["hello"]},
    }  # fmt: skip
    await http.post("/api/agents/register", json=a_writer(llm_mock, capabilities=[greet]))
    llm_mock.behaves({"type": "reply", "text": '{"hello": "Ann"}'})

    wrong = await execute(http, input_data={"task_type": "greet", "name": 1, "x": 2})
    right = await execute(http, input_data={"task_type": "greet", "name": "Ann"})
    llm_mock.behaves({"type": "reply", "text": "[]", "times": 2})
    unfit = await execute(http, input_data={"task_type": "greet", "name": "Ann"})

    assert (wrong.status_code, wrong.json()["code"]) == (422, "input_invalid")
    pointers = {one["pointer"] for one in wrong.json()["errors"]}
    assert pointers == {"/name", ""}
    assert right.json()["output"] == {"hello": "Ann"}
    assert (unfit.status_code, unfit.json()["code"]) == (422, "output_invalid")
    assert len(llm_mock.requests()) == 3


async def test_a_schema_of_the_request_that_cannot_be_used_is_a_finding(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    await http.post("/api/agents/register", json=a_writer(llm_mock))

    answer = await execute(
        http, input_data={"text": "x"}, output_schema={"$ref": "https://elsewhere.example/s"}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/output_schema"
    assert llm_mock.requests() == []


async def test_tools_of_an_mcp_server_and_another_model_work_together(
    http: httpx.AsyncClient, llm_mock: LlMock, mcp: Served
) -> None:
    sums = {"name": "sums", "agent_type": "tools", "provider": "mcp", "url": mcp.mcp}
    clerk = a_writer(llm_mock, name="clerk", agent_type="clerk", tools=["mcp:sums"],
                     capabilities=[{"name": "work_out"}])  # fmt: skip
    boss = a_writer(llm_mock, tools=["agent:clerk", "mcp:clerk"])
    for body in (sums, clerk, boss):
        made = await http.post("/api/agents/register", json=body)
        assert made.status_code == 201, made.text
    llm_mock.behaves(
        {"type": "reply", "tool_calls": [
            {"name": "clerk__work_out", "arguments": {"text": "2 and 3?"}}]},
        {"type": "reply", "tool_calls": [{"name": "sums__add", "arguments": {"a": 2, "b": 3}}]},
        {"type": "reply", "text": "It is 5."},
        {"type": "reply", "text": "Five."},
    )  # fmt: skip

    answer = await execute(http, input_data={"text": "How much?"})

    done = answer.json()
    assert done["output"] == "Five.", answer.text
    [used] = done["attempts"][0]["tools"]
    assert (used["agent"], used["outcome"]) == ("clerk", "ok")
    bodies = [str(one["body"]) for one in llm_mock.requests()]
    assert '"total":5' in bodies[2].replace(" ", "").replace("\\", "")
    assert "It is 5." in bodies[3]
    assert "sums__add" not in bodies[0]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_a_caller_who_looks_on_sees_the_words_as_they_come(
    http: httpx.AsyncClient, llm_mock: LlMock, api: str
) -> None:
    await http.post("/api/agents/register", json=a_writer(llm_mock, api=api))
    llm_mock.behaves({"type": "reply", "text": "one two three four"})

    answer = await http.post(
        "/api/agents/execute",
        json={"agent_type": "writer", "input_data": {"text": "Count."}},
        headers={"accept": "text/event-stream"},
    )

    events = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    said = [msgspec.json.decode(one[2][6:])["text"] for one in events if "event: delta" in one]
    assert len(said) > 1, answer.text
    assert "".join(said) == "one two three four"
    assert llm_mock.requests()[0]["body"]["stream"] is True
    assert "event: result" in events[-1]


async def test_the_demo_runs_the_same_with_models(
    http: httpx.AsyncClient, llm_mock: LlMock
) -> None:
    folder = files("orchestra").joinpath("demo")
    definition = json.loads(folder.joinpath("customer-support.json").read_text("utf-8"))
    message = json.loads(folder.joinpath("customer_messages.json").read_text("utf-8"))[0]
    given = {name: message[name] for name in ("text", "customer_id", "customer_history")}
    workflow = (await http.post("/api/workflows/", json=definition)).json()["id"]

    async def run() -> dict[str, Any]:
        answer = await http.post(
            f"/api/workflows/{workflow}/execute",
            json={"input_data": given}, headers={"prefer": "wait=60"},
        )  # fmt: skip
        assert answer.json()["status"] == "completed", answer.text
        return answer.json()["output"]

    without = await run()
    for agent_type, names in (
        ("text_processor", ["sentiment_analysis", "text_analysis"]),
        ("data_analyzer", ["data_summary"]),
        ("writer", ["reply_writing"]),
    ):
        body = a_writer(llm_mock, name=f"model-{agent_type}", agent_type=agent_type,
                        capabilities=names)  # fmt: skip
        assert (await http.post("/api/agents/register", json=body)).status_code == 201
    llm_mock.behaves(
        {"type": "reply", "text": '{"sentiment": "negative", "confidence": 0.9}'},
    )
    with_models = await run()

    assert with_models.keys() == without.keys()
    assert with_models["sentiment"] == without["sentiment"] == "negative"
    assert with_models["escalated"] is without["escalated"] is True
    assert with_models["reply"] != without["reply"]
    assert len(llm_mock.requests()) == 5
