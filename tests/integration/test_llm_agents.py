"""Language models as agents, behind a server that answers as the vendors do."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from agent_replicas import a_task, an_agent, can, replica
from llm_agents import CHEAP, a_model
from llmock import LlMock

from orchestra.agents import Capability, Task, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import Budget, Prompt, Registration
from orchestra.connectors.builtin import BUILT_IN
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

APIS = ("chat", "responses", "messages")
CITY: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def told(result: TaskResult) -> tuple[Any, list[Any]]:
    """Usage and calls, as JSON."""
    return result.usage, list(result.calls)


async def shout(task: Task) -> object:
    assert isinstance(task.input_data, dict)
    return {"loud": str(task.input_data["text"]).upper()}


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    loud = an_agent("megaphone", can("shout", shout))
    async with replica(store_url, agents=(*BUILT_IN, loud)) as module:
        yield module


def at(server: LlMock, api: str = "chat", **given: Any) -> Registration:
    base_url = server.anthropic if api == "messages" else server.openai
    return a_model(base_url=base_url, api=api, **given)


async def register(agents: AgentsModule, *specs: Registration) -> None:
    for spec in specs:
        await agents.registry.register(DEFAULT_TENANT, spec)


@pytest.mark.parametrize("api", APIS)
async def test_a_model_answers_with_its_tokens_cost_and_facts(
    agents: AgentsModule, llm_mock: LlMock, api: str
) -> None:
    llm_mock.behaves({"type": "reply", "text": "Hello."})
    await register(agents, at(llm_mock, api, price=CHEAP, description="You are brief."))

    result = await agents.execute(a_task("writer", input_data={"prompt": "Greet me."}))

    assert result.output == "Hello.", result
    usage, [call] = told(result)
    assert usage["cost_source"] == "agent"
    cost = usage["input_tokens"] * 0.25 + usage["output_tokens"] * 2
    assert usage["cost_usd"] == pytest.approx(cost / 1_000_000, abs=1e-6)
    assert call["finish_reason"] == "stop"
    assert call["response_id"]
    [asked] = llm_mock.requests()
    assert "You are brief." in str(asked["body"])
    assert "Greet me." in str(asked["body"])


SHAPES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "probabilities": ("text_processor", "sentiment_analysis", {"text": "I love it"}),
    "intent": ("text_processor", "text_analysis", {"text": "x", "analysis_type": "intent"}),
    "entities": ("text_processor", "text_analysis", {"text": "x", "analysis_type": "entities"}),
    "summary": ("text_processor", "text_analysis", {"text": "refund me"}),
    "insights": ("data_analyzer", "data_summary", {"data": [{"a": 1}, {"a": 2}]}),
}


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("promised", SHAPES)
async def test_a_model_answers_in_the_shapes_of_the_built_in_agents(
    agents: AgentsModule, llm_mock: LlMock, api: str, promised: str
) -> None:
    agent_type, capability, given = SHAPES[promised]
    built_in: Any = (await agents.execute(a_task(agent_type, capability=capability,
                                                 input_data=given))).output  # fmt: skip
    await register(
        agents,
        at(llm_mock, api, agent_type=agent_type, capabilities=(Capability(capability),)),
    )

    result = await agents.execute(a_task(agent_type, input_data={"task_type": capability, **given}))

    output: Any = result.output
    assert result.agent_name == "gpt", result
    assert promised in output
    assert not output.keys() - built_in.keys()
    assert (output["method"], result.degraded) == ("model", False)
    assert result.calls[0]["prompt_version"] == "orchestra-1"


async def test_the_built_in_agent_stands_in_for_a_model_that_is_down(
    agents: AgentsModule, llm_mock: LlMock
) -> None:
    llm_mock.behaves({"type": "fail", "status": 503, "times": 5})
    await register(
        agents,
        at(llm_mock, agent_type="text_processor", capabilities=(Capability("sentiment_analysis"),)),
    )

    result = await agents.execute(
        a_task("text_processor", capability="sentiment_analysis", input_data={"text": "I hate it"})
    )

    output: Any = result.output
    assert (output["method"], result.degraded) == ("lexicon", True)
    assert [call["outcome"] for call in result.calls][-2:] == ["failed", "ok"]


@pytest.mark.parametrize("api", APIS)
async def test_an_answer_that_does_not_fit_is_repaired_once(
    agents: AgentsModule, llm_mock: LlMock, api: str
) -> None:
    llm_mock.behaves({"type": "reply", "text": '{"town": 1}'},
                     {"type": "reply", "text": '```json\n{"city": "Lima"}\n```'})  # fmt: skip
    await register(agents, at(llm_mock, api))

    result = await agents.execute(a_task("writer", input_data="Where?", output_schema=CITY))

    assert result.output == {"city": "Lima"}, result
    assert result.calls[0]["repaired"] is True
    first, second = llm_mock.requests()
    assert "town" in str(second["body"])
    assert len(str(second["body"])) > len(str(first["body"]))


async def test_an_answer_that_never_fits_is_output_invalid_and_both_are_paid(
    agents: AgentsModule, llm_mock: LlMock
) -> None:
    llm_mock.behaves({"type": "reply", "text": "no idea", "times": 2})
    await register(agents, at(llm_mock))

    result = await agents.execute(a_task("writer", input_data="Where?", output_schema=CITY))

    assert result.error is not None
    assert result.error.code == "output.invalid"
    assert len(llm_mock.requests()) == 2
    assert told(result)[0]["input_tokens"] > 0


@pytest.mark.parametrize("api", APIS)
async def test_a_model_uses_the_tools_its_definition_names(
    agents: AgentsModule, llm_mock: LlMock, api: str
) -> None:
    call = {"name": "megaphone__shout", "arguments": {"text": "fire"}}
    llm_mock.behaves({"type": "reply", "tool_calls": [call]}, {"type": "reply", "text": "Done."})
    await register(agents, at(llm_mock, api, tools=("agent:megaphone",)))

    result = await agents.execute(a_task("writer", input_data="Warn them."))

    assert result.output == "Done.", result
    [used] = told(result)[1][0]["tools"]
    assert (used["agent"], used["outcome"]) == ("megaphone", "ok")
    assert "FIRE" in str(llm_mock.requests()[1]["body"])
    assert llm_mock.verdict()["errors"] == 0


async def test_fifty_tasks_at_once_never_overspend_a_budget(
    agents: AgentsModule, llm_mock: LlMock
) -> None:
    day = 100_000  # 0.10 USD
    await register(
        agents,
        at(llm_mock, price=CHEAP, params={"max_tokens": 2_000}, budget=Budget(day_micro_usd=day),
           max_concurrency=50),
    )  # fmt: skip
    results: list[Any] = []

    async def one() -> None:
        results.append(await agents.execute(a_task("writer", input_data="x" * 16_000)))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(one)

    refused = [one for one in results if one.error is not None]
    spent = sum(one.usage["cost_usd"] for one in results if one.usage)
    assert 0 < spent <= 0.10
    assert 0 < len(refused) < 50
    assert {one.error.code for one in refused} == {"budget.exceeded"}
    assert len(llm_mock.requests()) == 50 - len(refused)


async def test_a_task_may_cost_no_more_than_its_caller_allows(
    agents: AgentsModule, llm_mock: LlMock
) -> None:
    await register(agents, at(llm_mock, price=CHEAP))

    poor = await agents.execute(a_task("writer", input_data="Hi.", budget_micro_usd=1_000))
    rich = await agents.execute(a_task("writer", input_data="Hi.", budget_micro_usd=100_000))

    assert poor.error is not None
    assert (poor.error.code, poor.error.problem) == ("budget.exceeded", "budget-exhausted")
    assert rich.error is None
    assert len(llm_mock.requests()) == 1


async def test_a_prompt_without_its_value_is_the_callers_mistake(
    agents: AgentsModule, llm_mock: LlMock
) -> None:
    prompts = {"greet": Prompt(user="Greet {{ input.name }}", version="7")}
    await register(agents, at(llm_mock, prompts=prompts, capabilities=(Capability("greet"),)))

    wrong = await agents.execute(a_task("writer", capability="greet", input_data={}))
    right = await agents.execute(a_task("writer", capability="greet", input_data={"name": "{{1}}"}))

    assert wrong.error is not None
    assert wrong.error.problem == "input-invalid"
    assert right.calls[0]["prompt_version"] == "7"
    [asked] = llm_mock.requests()
    assert "Greet {{1}}" in str(asked["body"])


async def test_the_cheapest_model_is_found_in_the_table(
    agents: AgentsModule, llm_mock: LlMock
) -> None:
    await register(
        agents,
        at(llm_mock, name="dear", model="gpt-5.2-pro"),
        at(llm_mock, name="cheap", model="gpt-5-nano"),
        at(llm_mock, name="middling", model="gpt-5"),
    )

    results = [
        await agents.execute(a_task("writer", input_data="Hi.", strategy="cheapest"))
        for _ in range(3)
    ]

    assert [one.agent_name for one in results] == ["cheap"] * 3


@pytest.mark.parametrize("api", APIS)
async def test_another_model_does_what_a_quota_forbids_the_first(
    agents: AgentsModule, llm_mock: LlMock, api: str
) -> None:
    llm_mock.behaves({"type": "fail", "status": 429, "retry_after": 30})
    await register(agents, at(llm_mock, api, name="first", priority=1), at(llm_mock, name="second"))

    result = await agents.execute(a_task("writer", input_data="Hi."))

    assert (result.agent_name, result.degraded) == ("second", True)
    assert [one["outcome"] for one in result.calls] == ["failed", "ok"]
