"""The three LLM wires against a server that fails as told and judges its clients."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import peers
import pytest
from llmock import LlMock

from orchestra.agents.llm import Ask, Message, Said, ToolSpec, Wire
from orchestra.agents.llm.chat import ChatWire
from orchestra.agents.llm.messages import MessagesWire
from orchestra.agents.llm.responses import ResponsesWire
from orchestra.agents.llm.sending import Sending
from orchestra.agents.providers import Failure, Frame
from orchestra.agents.records import LlmReach
from orchestra.clock import SystemClock
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound

pytestmark = pytest.mark.anyio

WIRES: dict[str, Any] = {"chat": ChatWire, "responses": ResponsesWire, "messages": MessagesWire}
TRIES_MAX = 4
CREDENTIALS = {"Authorization": "Bearer sk-test-1234", "X-Api-Key": "sk-test-1234"}
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FAULTS: dict[str, dict[str, Any]] = {
    "429 with Retry-After": {"type": "fail", "status": 429, "retry_after": 0.2},
    "500": {"type": "fail", "status": 500},
    "529": {"type": "fail", "status": 529, "retry_after": 0.1},
    "truncated": {"type": "stream_fault", "kind": "truncate", "after_chunks": 3},
    "disconnected": {"type": "stream_fault", "kind": "disconnect", "after_chunks": 3},
    "malformed": {"type": "stream_fault", "kind": "malformed", "after_chunks": 3},
    "stalled": {"type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": 20},
}


class Client:
    """A wire and where it goes. It retries as the platform does: what may be, and not too early."""

    def __init__(self, api: str, server: LlMock, outbound: Outbound) -> None:
        self.sending = Sending(outbound, SystemClock(), idle_s=60.0)
        self.wire: Wire = WIRES[api](self.sending)
        base_url = server.anthropic if api == "messages" else server.openai
        self.reach = LlmReach(base_url, api, "mock-1")  # pyright: ignore[reportArgumentType] -- a parameter of the test
        self.server = server
        self.failures: list[Failure] = []
        self.frames: list[Frame] = []

    async def ask(self, *, streamed: bool, **given: Any) -> Said | Failure:
        """Once."""
        hello = Message("user", "Say hello to the world, and to all who live in it.")
        fields: dict[str, Any] = {"messages": (hello,)} | given
        ask = Ask("mock-1", "Be brief.", **fields)
        emit = self.frames.append if streamed else None
        return await self.wire.ask(self.reach, CREDENTIALS, ask, 60.0, emit)

    async def insist(self, *, streamed: bool) -> Said:
        """Until there is an answer."""
        for _ in range(TRIES_MAX):
            self.frames.clear()
            said = await self.ask(streamed=streamed)
            if isinstance(said, Said):
                return said
            assert said.elsewhere, said
            self.failures.append(said)
            self.sending._idle_s = 60.0
            self.server.requests()  # the server, too, has seen the end of this one
            await anyio.sleep((said.error.retry_after_ms or 0) / 1_000)
        raise AssertionError(self.failures)


@pytest.fixture
async def outbound(llm_mock: LlMock) -> AsyncIterator[Outbound]:
    sender = Outbound(policy([f"127.0.0.1/32:{llm_mock.port}"]))
    yield sender
    await sender.aclose()


@pytest.fixture(params=WIRES)
def client(request: pytest.FixtureRequest, llm_mock: LlMock, outbound: Outbound) -> Client:
    return Client(request.param, llm_mock, outbound)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_an_answer_has_its_text_its_usage_and_its_names(
    client: Client, llm_mock: LlMock, streamed: bool
) -> None:
    llm_mock.behaves({"type": "reply", "text": "Hello, world: it is “you” 🌍."})

    said = await client.ask(streamed=streamed)

    assert isinstance(said, Said), said
    assert said.text == "Hello, world: it is “you” 🌍."
    assert said.finish == "stop"
    assert said.usage.input_tokens > 5
    assert said.usage.output_tokens > 1
    assert (said.model, bool(said.response_id)) == ("mock-1", True)
    assert (said.ttft_ms is not None) is streamed
    heard = "".join(str(frame["text"]) for frame in client.frames)
    assert heard == (said.text if streamed else "")


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_of_a_stream_is_a_failure_and_the_next_try_an_answer(
    client: Client, llm_mock: LlMock, fault: str
) -> None:
    # Long enough that the server has not said all of it before it sees that nobody listens.
    llm_mock.behaves(FAULTS[fault], {"type": "reply", "text": "word " * 3_000})

    if fault == "stalled":
        client.sending._idle_s = 0.5  # the first time, which only silence ends

    said = await client.insist(streamed=True)

    verdict = llm_mock.verdict()
    assert said.text
    assert (verdict["errors"], verdict["warnings"]) == (0, 0), verdict
    assert (verdict["calls"], verdict["attempts"], verdict["faults_injected"]) == (1, 2, 1)
    error = client.failures[0].error
    if FAULTS[fault]["type"] == "stream_fault":
        assert (error.code, error.definite) == ("agent.lost", False)
        assert client.failures[0].facts["failure"] == "stream_truncated"
        assert client.failures[0].outcome == "fail"
    else:
        assert error.definite


@pytest.mark.slow
async def test_the_vendors_own_clients_take_a_cut_stream_for_an_answer(llm_mock: LlMock) -> None:
    llm_mock.behaves(
        {"type": "reply", "text": "one two three four five six seven", "times": 3},
        {"type": "stream_fault", "kind": "truncate", "after_chunks": 5, "times": 3},
    )
    script = peers.ROOT / "tests" / "peers" / "vendor_clients.py"

    said = await anyio.run_process(
        [str(peers.python("vendors")), str(script), llm_mock.openai, llm_mock.anthropic]
    )

    answers = [line.split() for line in said.stdout.decode().splitlines()]
    assert [words[0] for words in answers] == ["chat", "responses", "messages"]
    assert all("seven" not in words for words in answers)
    verdict = llm_mock.verdict()
    codes = [finding["code"] for finding in verdict["findings"]]
    assert codes == ["truncated_stream_accepted"] * 3, "why there is no SDK of a vendor in here"


@pytest.mark.parametrize("fault", ["429 with Retry-After", "500", "529"])
async def test_a_fault_without_a_stream_is_one_too(
    client: Client, llm_mock: LlMock, fault: str
) -> None:
    llm_mock.behaves(FAULTS[fault])

    await client.insist(streamed=False)

    assert llm_mock.verdict()["errors"] == 0
    rate = fault.startswith("429")
    assert client.failures[0].outcome == ("rate" if rate else "fail")
    assert client.failures[0].gate_ms == (200 if rate else 0)


@pytest.mark.parametrize("after", range(12))
async def test_no_cut_stream_is_ever_an_answer(
    client: Client, llm_mock: LlMock, after: int
) -> None:
    llm_mock.behaves({"type": "reply", "text": "one two three four five six seven", "times": 1})
    llm_mock.behaves({"type": "stream_fault", "kind": "truncate", "after_chunks": after})

    said = await client.ask(streamed=True)

    faults = [request["fault"] for request in llm_mock.requests()]
    assert isinstance(said, Failure) == (faults != [None]), (said, faults)


@pytest.mark.parametrize(
    ("status", "code", "gate_ms"),
    [(401, "agent.auth", 300_000), (403, "agent.auth", 300_000), (400, "agent.bad_request", 0),
     (404, "agent.bad_request", 0), (402, "agent.rate_limited", 600_000)],
)  # fmt: skip
async def test_what_no_retry_repairs_is_not_retried(
    client: Client, llm_mock: LlMock, status: int, code: str, gate_ms: int
) -> None:
    llm_mock.behaves({"type": "fail", "status": status, "message": "key sk-test-1234 is bad"})

    said = await client.ask(streamed=True)

    assert isinstance(said, Failure)
    assert (said.error.code, said.gate_ms) == (code, gate_ms)
    assert "sk-test" not in said.error.message
    assert len(llm_mock.requests()) == 1


async def test_a_context_that_is_too_long_is_for_a_fallback(
    client: Client, llm_mock: LlMock
) -> None:
    message = "This model's maximum context length is 10 tokens. prompt is too long"
    llm_mock.behaves({"type": "fail", "status": 400, "message": message})

    said = await client.ask(streamed=False)

    assert isinstance(said, Failure)
    assert (said.fallback, said.elsewhere) == (True, False)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_model_calls_a_tool_and_gets_its_answer(
    client: Client, llm_mock: LlMock, streamed: bool
) -> None:
    tools = (ToolSpec("weather", "The weather in a city", SCHEMA),)
    call = {"name": "weather", "arguments": {"city": "Málaga"}}
    llm_mock.behaves({"type": "reply", "text": "Let me look.", "tool_calls": [call]})
    question = Message("user", "How is the weather?")

    said = await client.ask(streamed=streamed, tools=tools, messages=(question,))

    assert isinstance(said, Said), said
    assert (said.finish, said.text) == ("tools", "Let me look.")
    (asked,) = said.tool_calls
    assert (asked.name, msgspec.json.decode(asked.arguments)) == ("weather", {"city": "Málaga"})
    turns = (
        question,
        Message("assistant", said.text, said.tool_calls, kept=said.kept),
        Message("tool", "sunny", tool_call_id=asked.id),
    )
    llm_mock.behaves({"type": "reply", "text": "It is sunny."})
    answer = await client.ask(streamed=streamed, tools=tools, messages=turns)
    assert isinstance(answer, Said), answer
    assert (answer.finish, answer.text) == ("stop", "It is sunny.")


async def test_a_schema_goes_where_each_api_wants_it(client: Client, llm_mock: LlMock) -> None:
    await client.ask(streamed=False, schema=SCHEMA, max_output_tokens=77)

    body = llm_mock.requests()[0]["body"]
    match client.reach.api:
        case "chat":
            assert body["response_format"]["json_schema"]["strict"]
            assert body["max_tokens"] == 77
        case "responses":
            assert body["text"]["format"]["schema"] == SCHEMA
            assert (body["max_output_tokens"], body["store"]) == (77, False)
        case "messages":
            assert body["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
            assert body["max_tokens"] == 77


async def test_an_answer_that_was_cut_at_its_limit_says_so(
    client: Client, llm_mock: LlMock
) -> None:
    llm_mock.behaves({"type": "reply", "text": "and then", "finish_reason": "length", "times": 2})

    for streamed in (False, True):
        said = await client.ask(streamed=streamed)
        assert isinstance(said, Said), said
        assert said.finish == "length"


async def test_a_check_asks_for_the_models_and_nothing_else(
    client: Client, llm_mock: LlMock
) -> None:
    assert await client.wire.check(client.reach, CREDENTIALS, 60.0) is None

    asked = llm_mock.requests()
    llm_mock.behaves({"type": "fail", "status": 401}, {"type": "fail", "status": 503})
    refused = await client.wire.check(client.reach, CREDENTIALS, 60.0)
    down = await client.wire.check(client.reach, CREDENTIALS, 60.0)
    assert [(one["method"], one["path"].endswith("/v1/models")) for one in asked] == [("GET", True)]
    assert refused is not None
    assert refused.code == "agent.auth"
    assert down is not None
    assert down.code == "agent.unavailable"


async def test_a_connection_is_used_again_after_a_stream(
    client: Client, outbound: Outbound
) -> None:
    for _ in range(5):
        await client.insist(streamed=True)

    (pool,) = outbound._pools.values()
    assert len(pool.connections) == 1
