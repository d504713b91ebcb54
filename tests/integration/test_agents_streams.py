"""Answers in parts: frames on the way, one terminal frame, and no answer without it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import anyio.abc
import msgspec
import pytest
from agent_replicas import a_task
from http_peer import Peer, a_peer
from steady import undisturbed

from orchestra.agents import Task
from orchestra.agents.credentials import NoCredentials
from orchestra.agents.providers import Answer, Call, Failure, Usage
from orchestra.agents.providers.http import HttpProvider, Patience
from orchestra.agents.records import Agent, HttpReach, Registration
from orchestra.clock import SystemClock
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

IDLE_S = 0.3

RESULT: dict[str, Any] = {
    "event": "result",
    "output": {"n": 1},
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
FRAMES: list[dict[str, Any]] = [
    {"event": "delta", "text": "he"},
    {"event": "delta", "text": "llo"},
    {"event": "progress", "progress": 0.5},
    {"event": "artifact", "name": "a.txt", "text": "x"},
    {"event": "log", "message": "hm"},
    {"event": "usage", "input_tokens": 9},
    {"event": "of_a_later_version"},
]


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    outbound = Outbound(policy(["127.0.0.0/8"]))
    yield a_provider(outbound, idle_s=60)
    await outbound.aclose()


@pytest.fixture
async def impatient() -> AsyncIterator[HttpProvider]:
    """The same, but silence ends its streams soon."""
    outbound = Outbound(policy(["127.0.0.0/8"]))
    yield a_provider(outbound, IDLE_S)
    await outbound.aclose()


def a_provider(outbound: Outbound, idle_s: float) -> HttpProvider:
    return HttpProvider(outbound, SystemClock(), NoCredentials(), None, Patience(idle_s=idle_s))


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


def an_agent(url: str, **reach: Any) -> Agent:
    spec = Registration("far", "remote", "http", reach=HttpReach(url, **reach))
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


def ndjson(frames: Sequence[object]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in frames)


def sse(frames: Sequence[dict[str, Any]]) -> bytes:
    """The name of each frame is that of its event."""
    return b"".join(
        b"event: %s\ndata: %s\n\n"
        % (
            one["event"].encode(),
            msgspec.json.encode({key: value for key, value in one.items() if key != "event"}),
        )
        for one in frames
    )


def streams(peer: Peer, body: bytes, kind: str = "application/x-ndjson") -> None:
    peer.body, peer.headers = body, {"content-type": kind}


async def ask(
    provider: HttpProvider, agent: Agent, task: Task | None = None, timeout_ms: int = 60_000
) -> tuple[Answer | Failure, list[Any]]:
    frames: list[Any] = []
    call = Call(task or a_task("remote"), "echo", timeout_ms, 7, 1, frames.append)
    return await provider.call(agent, call), frames


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-ndjson", ndjson([*FRAMES, RESULT])),
        ("application/jsonl; charset=utf-8", b"\n:still here\n" + ndjson([*FRAMES, RESULT])[:-1]),
        ("text/event-stream", b": hello\n\n" + sse([*FRAMES, RESULT])),
        ("Text/Event-Stream", ndjson([]) + sse([*FRAMES, RESULT])),
    ],
)
async def test_frames_are_passed_on_and_the_last_one_is_the_answer(
    provider: HttpProvider, peer: Peer, kind: str, body: bytes
) -> None:
    streams(peer, body, kind)

    answer, frames = await ask(provider, an_agent(peer.url))

    assert isinstance(answer, Answer)
    assert (answer.output, answer.usage) == ({"n": 1}, Usage(3, 2))
    assert frames == FRAMES[:-1]
    assert isinstance(answer.facts["ttft_ms"], int)
    assert peer.asked[0].json["stream"] is True


async def test_usage_on_the_way_counts_when_the_result_says_none(
    provider: HttpProvider, peer: Peer
) -> None:
    streams(peer, ndjson([FRAMES[5], {"event": "result", "output": None, "artifacts": ["a"]}]))

    answer, _ = await ask(provider, an_agent(peer.url))

    assert isinstance(answer, Answer)
    assert (answer.output, answer.usage) == (None, Usage(9))
    assert answer.facts["artifacts"] == ["a"]


async def test_nobody_needs_to_look_on_and_the_path_holds_for_results_too(
    provider: HttpProvider, peer: Peer
) -> None:
    streams(peer, ndjson([*FRAMES, RESULT]))
    call = Call(a_task("remote"), "echo", 60_000, 7)

    answer = await provider.call(an_agent(peer.url, response_path="n"), call)

    assert isinstance(answer, Answer)
    assert answer.output == 1
    assert peer.asked[0].json["stream"] is False


async def test_an_error_frame_is_the_agents_failure(provider: HttpProvider, peer: Peer) -> None:
    error = {"code": "stock.gone", "message": "none left", "retryable": False}
    streams(peer, ndjson([FRAMES[5], {"event": "error", "error": error}]))

    failure, _ = await ask(provider, an_agent(peer.url))

    assert isinstance(failure, Failure)
    assert (failure.error.code, failure.error.definite) == ("stock.gone", True)
    assert failure.usage == Usage(9)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "agent.lost"),
        (ndjson(FRAMES), "agent.lost"),
        (ndjson([*FRAMES, RESULT])[:-20], "agent.lost"),
        (ndjson(FRAMES) + b"nonsense\n", "agent.lost"),
        (ndjson(["text"]), "agent.lost"),
        (b'{"event": "delta", "text": "\xff"}\n', "agent.lost"),
        (b'{"event":"delta","text":"' + b"x" * (1 << 20) + b'"}\n', "agent.too_large"),
        (ndjson([{"event": "delta", "text": "x" * 1_000_000}] * 9), "agent.too_large"),
    ],
)
async def test_a_stream_without_its_terminal_frame_has_failed(
    provider: HttpProvider, peer: Peer, body: bytes, code: str
) -> None:
    streams(peer, body)

    failure, _ = await ask(provider, an_agent(peer.url))

    assert isinstance(failure, Failure)
    assert failure.error.code == code
    assert (failure.error.definite, failure.elsewhere) == (
        (True, False) if code == "agent.too_large" else (False, True)
    )


@pytest.mark.parametrize("keeps_saying", [False, True])
async def test_silence_ends_a_stream_and_a_sign_of_life_does_not(
    impatient: HttpProvider, keeps_saying: bool
) -> None:
    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n"
            await stream.send(head + ndjson(FRAMES[:1]))
            for _ in range(8 if keeps_saying else 0):
                await anyio.sleep(IDLE_S / 3)  # a sign of life is due before it is over
                await stream.send(b"\n")
            if keeps_saying:
                await stream.send(ndjson([RESULT]))
            else:
                await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        port = int(listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port))
        agent = an_agent(f"http://127.0.0.1:{port}/")
        reply, frames = await undisturbed(lambda: ask(impatient, agent), IDLE_S / 3)
        group.cancel_scope.cancel()

        assert frames == FRAMES[:1]
        if keeps_saying:
            assert isinstance(reply, Answer)
        else:
            assert isinstance(reply, Failure)
            assert (reply.error.code, reply.error.definite) == ("agent.lost", False)
            assert reply.facts == {"failure": "stream_truncated"}
            assert "silent" in reply.error.message
