"""Inputs and answers of any agent, held against the schemas somebody wrote."""

from typing import Any

import pytest
from agent_replicas import a_task

from orchestra.agents import Capability, PythonAgent, PythonCapability
from orchestra.agents.providers import Answer, Call, Failure, Usage
from orchestra.agents.records import Agent, Registration
from orchestra.agents.routing.contracts import Contracts
from orchestra.connectors.builtin import BUILT_IN
from orchestra.errors import Problem
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

NAMED: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string"}},
}
BIG = [{"n": i, "t": "x" * 50} for i in range(5_000)]


class Says:
    """A provider that answers with what it was told to, and keeps what it was asked."""

    def __init__(self, output: object) -> None:
        self.output, self.asked = output, list[Call]()

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        self.asked.append(call)
        return Answer(self.output, Usage(3, 4), {"model": "m"}, gate_ms=7)


def an_agent(
    provider: Any = "http", given: Any = None, told: Any = None, revision: int = 1
) -> Agent:
    capability = Capability("greet", input_schema=given, output_schema=told)
    spec = Registration("a", "t", provider, (capability,))
    return Agent("agt_a", DEFAULT_TENANT, revision, 0, spec)


async def called(
    agent: Agent, output: object, contracts: Contracts | None = None, **given: Any
) -> tuple[Answer | Failure, list[Call]]:
    task, provider = a_task("t", **({"capability": "greet"} | given)), Says(output)
    contract = (contracts or Contracts()).of(agent, "greet", task)
    call = Call(task, "greet", 1_000, 1)
    if contract is None:
        return await provider.call(agent, call), provider.asked
    return await contract.kept(provider, agent, call), provider.asked


def test_without_schemas_there_is_nothing_to_keep() -> None:
    contracts = Contracts()

    assert contracts.of(an_agent(), "greet", a_task("t")) is None
    assert contracts.of(an_agent(given=NAMED), "other", a_task("t")) is None
    assert contracts.of(an_agent(given=NAMED), None, a_task("t")) is None


async def test_an_input_that_does_not_fit_is_found_before_anybody_is_asked() -> None:
    reply, asked = await called(an_agent(given=NAMED), 1, input_data={"name": 1, "age": 2})

    assert isinstance(reply, Failure)
    assert (reply.error.code, reply.error.problem) == ("agent.bad_request", "input-invalid")
    found = {one.pointer for one in reply.error.findings if isinstance(one, Problem)}
    assert found == {"/name", ""}
    assert (reply.outcome, reply.elsewhere, asked) == ("none", False, [])


@pytest.mark.parametrize("schema", [NAMED, NAMED | {"properties": {"task_type": {}, "name": {}}}])
async def test_the_task_type_beside_the_input_is_no_part_of_it(schema: dict[str, Any]) -> None:
    given = {"task_type": "greet", "name": "Ann"}

    reply, asked = await called(an_agent(given=schema), "hi", input_data=given)

    assert isinstance(reply, Answer)
    assert asked[0].task.input_data == given


async def test_an_answer_that_does_not_fit_may_be_better_from_another() -> None:
    reply, _ = await called(an_agent(told=NAMED), {"name": [1]})

    assert isinstance(reply, Failure)
    assert (reply.error.code, reply.error.definite) == ("output.invalid", True)
    assert (reply.outcome, reply.elsewhere, reply.gate_ms) == ("none", True, 7)
    assert (reply.usage, reply.facts) == (Usage(3, 4), {"model": "m"})
    assert "/name" in reply.error.message


async def test_the_tasks_own_schema_wins_over_the_capabilitys() -> None:
    wish: dict[str, Any] = {"type": "string"}

    fits, _ = await called(an_agent(told=NAMED), "text", output_schema=wish)
    fails, _ = await called(an_agent(told=NAMED), {"name": "x"}, output_schema=wish)

    assert isinstance(fits, Answer)
    assert isinstance(fails, Failure)


async def test_models_hold_their_answers_against_the_schema_themselves() -> None:
    reply, _ = await called(an_agent("openai", told=NAMED), 1, output_schema=NAMED)

    assert isinstance(reply, Answer)


async def test_large_values_are_looked_at_too() -> None:
    told = {"type": "array", "items": {"required": ["t"], "properties": {"n": {"maximum": 4_998}}}}

    reply, _ = await called(an_agent(told=told), BIG)

    assert isinstance(reply, Failure)
    assert "/4999/n" in reply.error.message


@pytest.mark.parametrize(("checked", "output"), [(True, Answer), (False, Failure)])
async def test_code_that_checks_itself_is_not_checked_again(checked: bool, output: Any) -> None:
    async def run(task: Any) -> object:
        return task

    code = PythonAgent("a", "t", (PythonCapability(Capability("greet", output_schema=NAMED), run,
                                                   checked=checked),))  # fmt: skip
    contracts = Contracts({"t": code}.get)

    same, _ = await called(an_agent("python", told=NAMED), 1, contracts)
    changed = an_agent("python", told=NAMED | {"title": "mine"}, revision=2)
    own, _ = await called(changed, 1, contracts)

    assert isinstance(same, output)
    assert isinstance(own, Failure)


def test_the_built_in_agents_are_on_the_quick_way() -> None:
    contracts = Contracts({one.agent_type: one for one in BUILT_IN}.get)

    for code in BUILT_IN:
        specs = tuple(one.spec for one in code.capabilities)
        agent = Agent("i", DEFAULT_TENANT, 1, 0,
                      Registration(code.name, code.agent_type, "python", specs))  # fmt: skip
        assert all(contracts.of(agent, one.name, a_task("t")) is None for one in specs)
