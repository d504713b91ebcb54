"""Conversations with models: repair, tools, schemas in words, refusals, deadlines, money."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from agent_replicas import a_task
from llm_agents import CHEAP, Scripted, a_call, an_agent, said

from orchestra.agents import Capability, Task, TaskError, TaskResult
from orchestra.agents.credentials import NoCredentials
from orchestra.agents.llm import ToolCall
from orchestra.agents.llm.costs import Costs
from orchestra.agents.llm.prices import Prices
from orchestra.agents.llm.provider import LlmProvider
from orchestra.agents.llm.tools import Toolbox
from orchestra.agents.pools.budgets import Budgets
from orchestra.agents.providers import Answer, Call, Failure, Frame, Usage
from orchestra.agents.records import Agent, Auth, Budget, Registration
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

CITY: dict[str, object] = {"type": "object", "required": ["city"]}
ECHO = Agent("agt_echo", DEFAULT_TENANT, 1, 0,
             Registration("echo", "echo", "python", (Capability("say"),)))  # fmt: skip
Asked = Callable[..., Awaitable[Any]]


async def echo(task: Task) -> TaskResult:
    return TaskResult(output=task.input_data, agent_name="echo")


class Desk:
    """A provider whose models say what the test wrote down."""

    def __init__(self, store: Store, *answers: Any) -> None:
        clock = SystemClock()
        self.wire = Scripted(*answers)
        costs = Costs(Prices(clock), Budgets(store, clock, Ids(clock, system_random())))
        box = Toolbox(lambda _, name: ECHO if name == "echo" else None, echo)
        self.provider = LlmProvider({"chat": self.wire}, NoCredentials(), costs, box, clock)

    async def call(
        self, call: Call | None = None, schema: Any = None, **about: Any
    ) -> Answer | Failure:
        task = a_task("writer", input_data="Where?", output_schema=schema)
        return await self.provider.call(an_agent(**about), call or a_call(task))


@pytest.fixture
def desk(store: Store) -> Callable[..., Desk]:
    return lambda *answers: Desk(store, *answers)


def error_of(reply: Answer | Failure) -> TaskError:
    assert isinstance(reply, Failure), reply
    return reply.error


async def test_an_answer_has_its_cost_and_facts(desk: Callable[..., Desk]) -> None:
    used = Usage(1_000, 100, cached_tokens=400, reasoning_tokens=60)

    reply = await desk(said("Lima", usage=used, ttft_ms=7, request_id="req_1", gate_ms=9)).call()

    assert isinstance(reply, Answer)
    assert reply.output == "Lima"
    assert reply.usage is not None
    assert reply.usage.cost_source.startswith("table@")
    assert reply.usage.cost_micro_usd == round(600 * 0.25 + 400 * 0.025 + 100 * 2)
    assert reply.facts == {
        "requests": 1, "model": "gpt-5-mini-2025-08-07", "finish_reason": "stop",
        "response_id": "rsp_1", "request_id": "req_1", "ttft_ms": 7,
    }  # fmt: skip
    assert (reply.incomplete, reply.gate_ms) == (False, 9)


async def test_an_answer_that_was_cut_is_incomplete_or_fits_no_schema(
    desk: Callable[..., Desk],
) -> None:
    text = await desk(said("Li", "length")).call()
    json = desk(said('{"city": "Li', "filtered"))
    under_schema = await json.call(schema=CITY)

    assert isinstance(text, Answer)
    assert (text.output, text.incomplete) == ("Li", True)
    assert error_of(under_schema).code == "output.invalid"
    assert len(json.wire.asked) == 1


async def test_one_repair_is_asked_for_with_what_is_wrong(desk: Callable[..., Desk]) -> None:
    made = desk(said('{"town": 1}'), said('{"city": "Lima"}'))

    reply = await made.call(schema=CITY)

    first, second = made.wire.asked
    assert isinstance(reply, Answer)
    assert reply.output == {"city": "Lima"}
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.facts["requests"]) == (200, 2)
    assert first.schema == second.schema == CITY
    assert [one.role for one in second.messages] == ["user", "assistant", "user"]
    assert "city" in second.messages[-1].text


@pytest.mark.parametrize("second", [said("[]"), said("{}", "length"), said("", "refused")])
async def test_a_second_misfit_is_the_last(desk: Callable[..., Desk], second: Any) -> None:
    made = desk(said("no"), second, said('{"city": "late"}'))

    reply = await made.call(schema=CITY)

    error = error_of(reply)
    assert (error.code, error.definite) == ("output.invalid", True)
    assert isinstance(reply, Failure)
    assert reply.usage is not None
    assert reply.usage.input_tokens == 200
    assert len(made.wire.asked) == 2


async def test_a_refusal_is_final(desk: Callable[..., Desk]) -> None:
    reply = await desk(said("", "refused", refusal="I will not.")).call()

    assert isinstance(reply, Failure)
    assert (reply.error.code, reply.elsewhere, reply.fallback) == (
        "agent.bad_request",
        False,
        False,
    )
    assert "I will not." in reply.error.message
    assert reply.usage is not None


async def test_an_api_that_takes_no_schemas_is_told_in_words_from_then_on(
    desk: Callable[..., Desk],
) -> None:
    refused = Failure(TaskError("agent.bad_request", "response_format is not supported"))
    made = desk(refused, said('{"city": "Lima"}'))

    first = await made.call(schema=CITY)
    second = await made.call(schema=CITY)

    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    native, told, again = made.wire.asked
    assert (native.schema, told.schema, again.schema) == (CITY, None, None)
    assert '"required":["city"]' in told.system


@pytest.mark.parametrize(
    "failure",
    [
        Failure(TaskError("agent.bad_request", "no such model")),
        Failure(TaskError("agent.bad_request", "the schema is too long"), fallback=True),
        Failure(TaskError("agent.error", "schema"), outcome="fail", elsewhere=True),
    ],
)
async def test_other_failures_are_passed_on_untouched(
    desk: Callable[..., Desk], failure: Failure
) -> None:
    made = desk(failure)

    reply = await made.call(schema=CITY)

    assert isinstance(reply, Failure)
    assert (reply.error, reply.outcome, reply.fallback) == (
        failure.error, failure.outcome, failure.fallback,
    )  # fmt: skip
    assert len(made.wire.asked) == 1


async def test_tools_run_until_the_model_has_enough(desk: Callable[..., Desk]) -> None:
    calls = tuple(ToolCall(f"c{i}", "echo__say", f'{{"n": {i}}}') for i in range(3))
    made = desk(said("", "tools", tool_calls=calls, kept={"k": 1}), said("Done."))

    reply = await made.call(tools=("agent:echo",))

    assert isinstance(reply, Answer), reply
    second = made.wire.asked[1].messages
    assert [one.role for one in second] == ["user", "assistant", "tool", "tool", "tool"]
    assert (second[1].tool_calls, second[1].kept) == (calls, {"k": 1})
    assert [(one.tool_call_id, one.text) for one in second[2:]] == [
        (f"c{i}", f'{{"n":{i}}}') for i in range(3)
    ]
    assert len(made.wire.asked[1].tools) == 1


async def test_every_call_of_a_tool_gets_an_answer_and_only_some_are_run(
    desk: Callable[..., Desk],
) -> None:
    calls = tuple(ToolCall(f"c{i}", "echo__say", "{}") for i in range(40))
    made = desk(said("", "tools", tool_calls=calls), said("Done."))

    await made.call(tools=("agent:echo",))

    answers = [one.text for one in made.wire.asked[1].messages if one.role == "tool"]
    assert len(answers) == 40
    assert answers.count("{}") == 16


async def test_a_tool_that_nobody_offers_is_told_with_the_attempt(
    desk: Callable[..., Desk],
) -> None:
    reply = await desk(said("x")).call(tools=("agent:echo", "agent:gone"))

    assert reply.facts["tools_absent"] == ["agent:gone"]


async def test_what_a_server_says_of_itself_is_kept_short(desk: Callable[..., Desk]) -> None:
    reply = await desk(said("x", request_id="r" * 100_000)).call()

    assert len(str(reply.facts["request_id"])) == 256


@pytest.mark.parametrize(("about", "asked"), [({"tools": ("agent:echo",)}, 3), ({}, 1)])
async def test_rounds_of_tools_are_bounded(
    desk: Callable[..., Desk], about: dict[str, Any], asked: int
) -> None:
    made = desk(said("", "tools", tool_calls=(ToolCall("c", "echo__say", "{}"),)))

    error = error_of(await made.call(max_tool_rounds=2, **about))

    assert (error.code, error.retryable) == ("agent.invalid_response", False)
    assert len(made.wire.asked) == asked


async def test_the_deadline_is_of_all_requests_together(desk: Callable[..., Desk]) -> None:
    made = desk(said("no"), said("never"))

    async def hold() -> None:
        if len(made.wire.asked) > 1:
            await anyio.sleep_forever()

    made.wire.hold = hold
    task = a_task("writer", input_data="x", output_schema=CITY)
    reply = await made.call(a_call(task, timeout_ms=100))

    error = error_of(reply)
    assert (error.code, error.definite) == ("timeout.attempt", False)
    assert isinstance(reply, Failure)
    assert reply.usage is not None
    assert reply.usage.input_tokens == 100


async def test_a_secret_that_cannot_be_used_makes_the_agent_misconfigured(
    desk: Callable[..., Desk],
) -> None:
    made = desk(said("x"))

    reply = await made.call(auth=Auth("bearer", "${secret:none}"))

    assert isinstance(reply, Failure)
    assert (reply.error.code, reply.outcome) == ("agent.auth", "deny")
    assert made.wire.asked == []


async def test_what_is_said_on_the_way_is_told(desk: Callable[..., Desk]) -> None:
    frames: list[Frame] = []
    call = ToolCall("c", "echo__say", "{}")
    made = desk(said("Let me see.", "tools", tool_calls=(call,)), said("Done."))

    await made.call(a_call(a_task("writer"), emit=frames.append), tools=("agent:echo",))

    assert [one["event"] for one in frames] == ["delta", "progress", "delta"]


async def test_money_is_held_for_each_request_and_nothing_is_sent_without_it(
    desk: Callable[..., Desk],
) -> None:
    # One request may cost at most 100 tokens said (200) and about 120 in (30).
    made = desk(said("no", usage=Usage(50, 100)), said('{"city": "Lima"}'))
    about: dict[str, Any] = {"price": CHEAP, "params": {"max_tokens": 100}}

    reply = await made.call(schema=CITY, budget=Budget(task_micro_usd=300), **about)

    assert error_of(reply).code == "budget.exceeded"
    assert isinstance(reply, Failure)
    assert reply.elsewhere
    assert reply.usage is not None
    assert reply.usage.cost_micro_usd == 213
    assert len(made.wire.asked) == 1
    assert made.wire.asked[0].max_output_tokens == 100


async def test_a_budget_needs_a_price(desk: Callable[..., Desk]) -> None:
    made = desk(said("x"))

    error = error_of(await made.call(model="mine", budget=Budget(day_micro_usd=10**9)))

    assert (error.code, error.problem) == ("budget.exceeded", "budget-exhausted")
    assert made.wire.asked == []


LOST = Failure(TaskError("agent.lost", "cut off", definite=False), "fail", elsewhere=True)
DOWN = Failure(TaskError("agent.error", "503"), "fail", elsewhere=True)


@pytest.mark.parametrize(("failure", "again"), [(LOST, False), (DOWN, True)])
async def test_only_an_unknown_outcome_keeps_what_was_held(
    desk: Callable[..., Desk], failure: Failure, again: bool
) -> None:
    # The budget has money for one request at a time.
    made = desk(failure, said("Lima", usage=Usage(1, 1)))
    about: dict[str, Any] = {
        "price": CHEAP, "params": {"max_tokens": 100}, "budget": Budget(day_micro_usd=300),
    }  # fmt: skip

    await made.call(**about)
    reply = await made.call(**about)

    assert isinstance(reply, Answer) == again
    assert len(made.wire.asked) == 1 + again


async def test_a_call_that_was_cancelled_keeps_what_was_held(desk: Callable[..., Desk]) -> None:
    made = desk(said("x"))
    about: dict[str, Any] = {
        "price": CHEAP, "params": {"max_tokens": 100}, "budget": Budget(day_micro_usd=300),
    }  # fmt: skip
    async with anyio.create_task_group() as group:

        async def hold() -> None:
            group.cancel_scope.cancel()
            await anyio.sleep_forever()

        made.wire.hold = hold
        group.start_soon(lambda: made.call(**about))

    reply = await made.call(**about)

    assert error_of(reply).code == "budget.exceeded"
