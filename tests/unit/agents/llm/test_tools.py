"""Tools of models: what they may reach, what they are told, how it runs."""

from typing import Any

import pytest
from agent_replicas import a_task
from llm_agents import a_call, an_agent

from orchestra.agents import Capability, Task, TaskError, TaskResult
from orchestra.agents.llm import ToolCall
from orchestra.agents.llm.tools import ANSWER_MAX_CHARS, Toolbox
from orchestra.agents.records import Agent, McpReach, Registration
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

CITY: dict[str, object] = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string"}},
}


def offers(name: str, *capabilities: Capability, provider: Any = "http", **about: Any) -> Agent:
    reach = McpReach("http://127.0.0.1:1/") if provider == "mcp" else None
    spec = Registration(name, "t", provider, capabilities, reach=reach, **about)
    return Agent(f"agt_{name}", DEFAULT_TENANT, 1, 0, spec)


class World:
    """Agents by name, and what became of the tasks they got."""

    def __init__(self, *agents: Agent) -> None:
        self.agents = {one.spec.name: one for one in agents}
        self.result = TaskResult(output={"sky": "blue"}, agent_name="meteo", duration_ms=3)
        self.tasks: list[Task] = []
        self.box = Toolbox(self.find, self.run)

    def find(self, tenant: Tenant, name: str) -> Agent | None:
        assert tenant == DEFAULT_TENANT
        return self.agents.get(name)

    async def run(self, task: Task) -> TaskResult:
        self.tasks.append(task)
        return self.result


def a_world() -> World:
    return World(
        offers("meteo", Capability("weather", description="Of a city", input_schema=CITY),
               Capability("weather.history")),
        offers("calc", Capability("add"), provider="mcp"),
        offers("bank", Capability("pay")),
    )  # fmt: skip


def asking(*tools: str) -> Agent:
    return an_agent(tools=tools)


def test_only_what_the_definition_names_becomes_a_tool() -> None:
    world, task = a_world(), a_task("writer")

    tools = world.box.tools(asking("agent:meteo", "mcp:calc", "mcp:bank", "agent:nobody"), task)

    assert sorted(tools) == ["calc__add", "meteo__weather", "meteo__weather_history"]
    weather = tools["meteo__weather"].spec
    assert (weather.description, weather.input_schema) == ("Of a city", CITY)
    assert tools["calc__add"].spec.input_schema == {"type": "object"}


def test_names_are_what_every_api_takes_and_never_the_same() -> None:
    long = "x" * 63
    world = World(
        offers("a b.c", Capability("d e"), Capability("d.e")), offers(long, Capability("y" * 60))
    )

    tools = world.box.tools(asking("agent:a b.c", f"agent:{long}"), a_task("writer"))

    assert len(tools) == 3
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() for name in tools)


def test_an_agent_is_no_tool_of_its_own_and_models_do_not_ask_each_other_for_ever() -> None:
    world = a_world()
    myself = asking("agent:gpt", "agent:meteo")
    world.agents["gpt"] = myself

    assert "gpt" not in str(sorted(world.box.tools(myself, a_task("writer"))))
    assert world.box.tools(myself, a_task("writer", depth=2))
    assert not world.box.tools(myself, a_task("writer", depth=3))


async def test_a_tool_runs_as_a_task_of_its_own_for_the_same_tenant() -> None:
    world = a_world()
    parent = a_task("writer", key="orc-p", execution="exe_1", step="s", once=True, depth=1)
    tools = world.box.tools(asking("agent:meteo"), parent)
    asked = ToolCall("c1", "meteo__weather", '{"city": "Lima"}')

    done = await world.box.run(tools, asked, a_call(parent), 700)
    again = await world.box.run(tools, asked, a_call(parent), 600)

    first, second = world.tasks
    assert (done.text, done.fact["outcome"]) == ('{"sky":"blue"}', "ok")
    assert (first.agent, first.capability, first.input_data) == ("meteo", "weather",
                                                                 {"city": "Lima"})  # fmt: skip
    assert (first.tenant, first.execution, first.once, first.depth) == (
        DEFAULT_TENANT, "exe_1", True, 2,
    )  # fmt: skip
    assert (first.timeout_ms, first.key) == (700, second.key)
    assert first.key not in ("", "orc-p")
    assert again.text == done.text


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("bank__pay", "{}", "unknown_tool"),
        ("meteo__weather", "{", "not_json"),
        ("meteo__weather", "[]", "not_an_object"),
        ("meteo__weather", "{}", "invalid_arguments"),
        ("meteo__weather", "", "invalid_arguments"),
        ("meteo__weather", '{"city": 1}', "invalid_arguments"),
    ],
)
async def test_what_is_wrong_with_a_call_goes_back_to_the_model(
    name: str, arguments: str, code: str
) -> None:
    world, task = a_world(), a_task("writer")
    tools = world.box.tools(asking("agent:meteo"), task)

    done = await world.box.run(tools, ToolCall("c", name, arguments), a_call(task), 100)

    assert code in done.text
    assert done.fact["outcome"] == code
    assert world.tasks == []


async def test_a_tool_that_fails_says_so_and_one_that_talks_too_much_is_cut() -> None:
    world, task = a_world(), a_task("writer")
    tools = world.box.tools(asking("agent:meteo"), task)
    asked = ToolCall("c", "meteo__weather", '{"city": "x"}')

    world.result = TaskResult(error=TaskError("agent.error", "it rains"))
    failed = await world.box.run(tools, asked, a_call(task), 100)
    world.result = TaskResult(output="x" * (ANSWER_MAX_CHARS + 1))
    long = await world.box.run(tools, asked, a_call(task), 100)

    for output in ({"x": object()}, "\ud800", {"x": "\ud800"}):
        world.result = TaskResult(output=output)
        odd = await world.box.run(tools, asked, a_call(task), 100)
        assert "not_json" in odd.text

    assert failed.text == '{"error":{"code":"agent.error","message":"it rains"}}'
    assert len(long.text) < ANSWER_MAX_CHARS + 100
