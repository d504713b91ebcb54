"""Agents of the SDK in this process: what they take along, and what their exceptions become."""

from typing import Any

import msgspec
import pytest
from agent_replicas import a_task

from orchestra import sdk
from orchestra.agents import PythonAgent, Reject, Retry, Task
from orchestra.agents.discovery.adopting import adopted

pytestmark = pytest.mark.anyio


def made(**more: Any) -> sdk.Agent:
    agent = sdk.Agent("far", agent_type="far", **more)

    @agent.capability("tell", input_schema={"type": "object"})
    def tell(task: sdk.Task) -> object:
        return [task.id, task.capability, task.input, task.attempt, task.fence, task.timeout_s]

    @agent.capability("refuse")
    async def refuse(_: sdk.Task) -> object:
        raise sdk.Reject("not this")

    @agent.capability("again")
    async def again(_: sdk.Task) -> object:
        raise sdk.Retry("later", 2.5)

    @agent.capability("break")
    async def fail(_: sdk.Task) -> object:
        raise LookupError("mine")

    return agent


async def run(agent: PythonAgent, capability: str, task: Task | None = None) -> Any:
    [one] = [one for one in agent.capabilities if one.spec.name == capability]
    said: Any = one.run(task or a_task("far", capability=capability))
    return await said


def test_it_takes_along_what_counts_here_and_no_more() -> None:
    agent = adopted(
        made(version="1.2.0", priority=3, description="d", max_concurrency=2,
             labels={"a": "b"}, provider="http", url="http://elsewhere")
    )  # fmt: skip

    assert (agent.name, agent.agent_type, agent.version) == ("far", "far", "1.2.0")
    assert (agent.priority, agent.max_concurrency, agent.description) == (3, 2, "d")
    assert [one.spec.name for one in agent.capabilities] == ["tell", "refuse", "again", "break"]
    assert agent.capabilities[0].spec.input_schema == {"type": "object"}


async def test_a_task_is_told_as_the_sdk_has_it() -> None:
    task = a_task("far", capability="tell", input_data={"n": 1}, timeout_ms=1_500, attempt=3,
                  fence=7)  # fmt: skip

    assert await run(adopted(made()), "tell", task) == [task.id, "tell", {"n": 1}, 3, 7, 1.5]


async def test_its_refusals_are_ours_and_its_faults_its_own() -> None:
    agent = adopted(made())
    with pytest.raises(Reject, match="not this"):
        await run(agent, "refuse")
    with pytest.raises(Retry, match="later") as again:
        await run(agent, "again")
    with pytest.raises(LookupError):
        await run(agent, "break")
    with pytest.raises(Reject, match="does not have"):
        await run(agent, "tell", a_task("far", capability="other"))

    assert again.value.after_s == 2.5


@pytest.mark.parametrize(
    "spec", [{"inputs": "text"}, {"input_schema": "none"}, {"timeout_ms": "x"}]
)
def test_a_capability_that_is_none_is_refused(spec: dict[str, Any]) -> None:
    agent = sdk.Agent("far", agent_type="far")
    agent.capability("odd", **spec)(print)

    with pytest.raises(msgspec.ValidationError):
        adopted(agent)
