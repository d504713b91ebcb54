"""The LLM wires against a server that answers as no vendor should, and some do."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest
from http_peer import Peer, a_peer
from steady import undisturbed

from orchestra.agents.llm import Ask, Message, Said, Wire
from orchestra.agents.llm.chat import ChatWire
from orchestra.agents.llm.messages import MessagesWire
from orchestra.agents.llm.responses import ResponsesWire
from orchestra.agents.llm.sending import Sending
from orchestra.agents.providers import Failure, Frame, Usage
from orchestra.agents.records import LlmReach
from orchestra.clock import SystemClock
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound

pytestmark = pytest.mark.anyio

WIRES: dict[str, Any] = {"chat": ChatWire, "responses": ResponsesWire, "messages": MessagesWire}
CHAT = {"id": "c", "model": "m", "choices": [{"message": {"content": "hi"}}]}
WHOLE: dict[str, dict[str, Any]] = {
    "chat": CHAT,
    "responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}],
    },
    "messages": {"type": "message", "content": [{"type": "text", "text": "hi"}], "id": "m"},
}
STREAMS = {
    "chat": [{"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}, "[DONE]"],
    "responses": [{"type": "response.completed", "response": WHOLE["responses"]}],
    "messages": [
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_start", "content_block": {"type": "text", "text": "hi"}},
        {"type": "message_stop"},
    ],
}


class Client:
    """A wire, where it goes, and what it heard."""

    def __init__(self, api: str, peer: Peer, outbound: Outbound) -> None:
        self.api, self.peer = api, peer
        self.wire: Wire = WIRES[api](Sending(outbound, SystemClock(), idle_s=5.0))
        url = f"http://127.0.0.1:{peer.port}/proxy?key=1"
        self.reach = LlmReach(url, api, "m")  # pyright: ignore[reportArgumentType] -- a parameter of the test
        self.frames: list[Frame] = []

    async def ask(self, *, streamed: bool = False, timeout_s: float = 60.0) -> Said | Failure:
        """Once."""
        emit = self.frames.append if streamed else None
        ask = Ask("m", "", (Message("user", "hello"),))
        key = {"Authorization": "Bearer sk-1234"}
        return await self.wire.ask(self.reach, key, ask, timeout_s, emit)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


@pytest.fixture
async def outbound(peer: Peer) -> AsyncIterator[Outbound]:
    sender = Outbound(policy([f"127.0.0.1/32:{peer.port}"]))
    yield sender
    await sender.aclose()


@pytest.fixture(params=WIRES)
def client(request: pytest.FixtureRequest, peer: Peer, outbound: Outbound) -> Client:
    return Client(request.param, peer, outbound)


@pytest.fixture
def chat(peer: Peer, outbound: Outbound) -> Client:
    return Client("chat", peer, outbound)


def events(*documents: object) -> bytes:
    said = (one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in documents)
    return "".join(f"data: {one}\r\n\r\n" for one in said).encode()


async def test_the_shortest_answer_of_each_api_is_enough(client: Client, peer: Peer) -> None:
    peer.says(WHOLE[client.api], X_Request_ID="req_1")

    said = await client.ask()

    assert isinstance(said, Said), said
    assert (said.text, said.finish, said.usage) == ("hi", "stop", Usage())
    assert (said.request_id, said.ttft_ms, said.gate_ms) == ("req_1", None, 0)


async def test_the_shortest_stream_of_each_api_is_enough(client: Client, peer: Peer) -> None:
    peer.body = events(*STREAMS[client.api])
    peer.headers = {"content-type": "Text/Event-Stream; charset=utf-8"}

    said = await client.ask(streamed=True)

    assert isinstance(said, Said), said
    assert (said.text, said.finish) == ("hi", "stop")


async def test_a_server_that_does_not_stream_is_heard_all_the_same(
    client: Client, peer: Peer
) -> None:
    peer.says(WHOLE[client.api])

    said = await client.ask(streamed=True)

    assert isinstance(said, Said), said
    assert client.frames == [{"event": "delta", "text": "hi"}]


async def test_a_server_that_always_streams_is_read(client: Client, peer: Peer) -> None:
    peer.body = events(*STREAMS[client.api])
    peer.headers = {"content-type": "text/event-stream"}

    said = await client.ask()

    assert isinstance(said, Said), said
    assert (said.text, client.frames) == ("hi", [])


async def test_the_request_goes_where_the_api_is_with_its_headers(
    client: Client, peer: Peer
) -> None:
    peer.says(WHOLE[client.api])

    await client.ask()

    (asked,) = peer.asked
    assert asked.headers["authorization"] == "Bearer sk-1234"
    assert ("anthropic-version" in asked.headers) is (client.api == "messages")
    assert asked.json["model"] == "m"


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b""), (200, b"[]"), (200, b"{}"), (200, b"\xff"), (201, b"{}"),
     (204, b""), (302, b"{}"), (200, b"[" * 100_000)],
)  # fmt: skip
async def test_what_is_no_answer_is_a_failure_of_the_agent(
    client: Client, peer: Peer, status: int, body: bytes
) -> None:
    peer.status, peer.body = status, body

    said = await client.ask()

    assert isinstance(said, Failure), said
    assert said.error.code == "agent.invalid_response"
    assert (said.outcome, said.elsewhere, said.error.definite) == ("fail", True, True)


@pytest.mark.parametrize(
    "body",
    [b"", b": only a comment\n\n", b"data: {}\n\n", b"data: 1\n\n", b"data: {\n\n",
     b"data: \xff\n\n", b"data: [DONE]", b"data: \n\n", b"<html>"],
)  # fmt: skip
async def test_a_stream_without_its_end_is_cut(client: Client, peer: Peer, body: bytes) -> None:
    peer.body, peer.headers = body, {"content-type": "text/event-stream", "request-id": "req_2"}

    said = await client.ask(streamed=True)

    assert isinstance(said, Failure), said
    assert (said.error.code, said.error.definite) == ("agent.lost", False)
    assert said.facts == {"failure": "stream_truncated", "request_id": "req_2"}


async def test_an_error_that_comes_as_an_answer_is_one(chat: Client, peer: Peer) -> None:
    peer.says({"error": {"message": "no provider", "code": 503}})

    said = await chat.ask()

    assert isinstance(said, Failure)
    assert (said.error.code, said.outcome) == ("agent.error", "fail")


async def test_headers_are_read_in_any_casing(client: Client, peer: Peer) -> None:
    peer.says({"error": {"message": "slow down"}}, 429)
    peer.headers = {"ReTrY-aFtEr-Ms": "1500", "X-Request-Id": "req_3"}

    said = await client.ask()

    assert isinstance(said, Failure)
    assert (said.error.code, said.gate_ms) == ("agent.rate_limited", 1_500)
    assert said.facts["request_id"] == "req_3"


async def test_an_answer_that_used_up_its_quota_closes_the_gate(client: Client, peer: Peer) -> None:
    peer.says(WHOLE[client.api])
    peer.headers = {"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "2s"}

    said = await client.ask()

    assert isinstance(said, Said), said
    assert said.gate_ms == 2_000


async def test_an_answer_that_does_not_come_is_late(client: Client, peer: Peer) -> None:
    never = anyio.Event()
    peer.hold = never.wait

    said = await undisturbed(lambda: client.ask(timeout_s=0.2), 0.1)

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.definite) == ("timeout.attempt", False)
    assert (said.outcome, said.elsewhere) == ("fail", True)


async def test_a_destination_that_is_not_allowed_was_never_asked(
    client: Client, peer: Peer
) -> None:
    client.reach = LlmReach("http://127.0.0.1:1/v1", client.reach.api, "m")

    said = await client.ask()

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.definite) == ("agent.unavailable", True)
    assert peer.asked == []


async def test_an_answer_that_is_compressed_is_not_unpacked(client: Client, peer: Peer) -> None:
    peer.says(WHOLE[client.api])
    peer.headers = {"content-encoding": "gzip"}

    said = await client.ask()

    assert isinstance(said, Failure)


async def test_a_paused_turn_goes_on_until_it_ends(peer: Peer, outbound: Outbound) -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    parts = [
        ([search, {"type": "text", "text": "I looked. "}], "pause_turn"),
        ([{"type": "text", "text": "Still."}], "pause_turn"),
        ([{"type": "text", "text": " Done."}], "end_turn"),
    ]

    async def next_part() -> None:
        content, reason = parts[len(peer.asked) - 1]
        usage = {"input_tokens": 10, "output_tokens": 1}
        peer.says({"id": "m", "content": content, "stop_reason": reason, "usage": usage})

    peer.hold = next_part
    said = await Client("messages", peer, outbound).ask()

    assert isinstance(said, Said), said
    assert (said.text, said.finish) == ("I looked. Still. Done.", "stop")
    assert said.usage == Usage(30, 3)
    assert said.kept == [*parts[0][0], *parts[1][0], *parts[2][0]]
    turns = peer.asked[2].json["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "assistant"]
    assert turns[1]["content"] == parts[0][0]
    assert [asked.json["max_tokens"] for asked in peer.asked] == [4_096, 4_095, 4_094]


async def test_a_turn_that_is_paused_for_ever_ends_as_cut(peer: Peer, outbound: Outbound) -> None:
    peer.says({"content": [{"type": "text", "text": "x"}], "id": "m", "stop_reason": "pause_turn"})

    said = await Client("messages", peer, outbound).ask()

    assert isinstance(said, Said), said
    assert (said.text, said.finish, len(peer.asked)) == ("x" * 8, "length", 8)


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, None), (404, None), (405, None), (429, None), (401, "agent.auth"),
     (403, "agent.auth"), (500, "agent.unavailable"), (302, "agent.unavailable")],
)  # fmt: skip
async def test_a_check_says_whether_the_api_knows_us(
    client: Client, peer: Peer, status: int, code: str | None
) -> None:
    peer.says({"data": []}, status)

    error = await client.wire.check(client.reach, {"X-Api-Key": "k"}, 60.0)

    assert (error and error.code) == code
    assert peer.asked[0].body == b""
