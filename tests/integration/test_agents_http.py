"""Agents behind HTTP: what is sent, what each answer means, what a hostile one can do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import anyio.abc
import pytest
from agent_replicas import a_task, replica
from http_peer import Peer, a_peer
from steady import undisturbed

from orchestra.agents import Capability
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import HttpReach, Limits, Registration
from orchestra.clock import SystemClock
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url) as module:
        yield module


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


def at(url: str, name: str = "far", **given: Any) -> Registration:
    fields: dict[str, Any] = {
        "agent_type": "remote",
        "max_concurrency": 2,
        "capabilities": (Capability("echo"),),
    }
    of_reach = ("format", "request_template", "response_path", "later", "cancel_url")
    reach = HttpReach(url, **{field: given.pop(field) for field in of_reach if field in given})
    return Registration(name=name, provider="http", reach=reach, **(fields | given))


async def register(agents: AgentsModule, *specs: Registration) -> None:
    for spec in specs:
        await agents.registry.register(DEFAULT_TENANT, spec)


async def test_the_envelope_has_what_the_contract_names(agents: AgentsModule, peer: Peer) -> None:
    await register(agents, at(peer.url))
    peer.says({"status": "completed", "output": {"n": 1}, "usage": {"input_tokens": 3}})

    result = await agents.execute(
        a_task("remote", capability="echo", input_data={"text": "hi"}, key="orc-abc", attempt=2,
               fence=4711, execution="exe_1", step="classify", workflow="wfl_1", timeout_ms=60_000)
    )  # fmt: skip

    assert result.output == {"n": 1}
    assert result.usage == {
        "input_tokens": 3,
        "output_tokens": 0,
        "cost_usd": None,
        "cost_source": "unknown",
    }
    [asked] = peer.asked
    assert asked.json["spec"] == "orchestra.task/1"
    assert asked.json["input"] == {"text": "hi"}
    assert asked.json["agent"]["name"] == "far"
    assert asked.json["context"] == {
        "workflow_id": "wfl_1", "execution_id": "exe_1", "step_id": "classify", "session_id": None,
        "traceparent": asked.headers["traceparent"],
    }  # fmt: skip
    expected = {
        "idempotency-key": "orc-abc", "orchestra-task": "tsk_1", "orchestra-attempt": "2",
        "orchestra-fence": "4711", "orchestra-execution": "exe_1", "orchestra-step": "classify",
        "orchestra-hop": "1", "content-type": "application/json",
    }  # fmt: skip
    assert expected.items() <= asked.headers.items()
    assert 0 < int(asked.headers["orchestra-timeout-ms"]) <= 60_000
    assert asked.headers["orchestra-deadline"].endswith("Z")


async def test_formats_shape_the_request_and_response_path_the_answer(
    agents: AgentsModule, peer: Peer
) -> None:
    template = {"q": "{{input.text}}", "note": "for {{capability}}: {{input.n}}", "k": [1]}
    await register(
        agents,
        at(peer.url, "bare", agent_type="bare", format="input", response_path="data.0.text"),
        at(peer.url, "shaped", agent_type="shaped", format="template", request_template=template),
    )
    given = {"capability": "echo", "input_data": {"text": "{{input.n}}", "n": 7}}

    peer.says({"data": [{"text": "found"}]})
    bare = await agents.execute(a_task("bare", **given))
    shaped = await agents.execute(a_task("shaped", **given))

    assert bare.output == "found"
    assert peer.asked[0].json == given["input_data"]
    # What was filled in is data: it is not filled again.
    assert peer.asked[1].json == {"q": "{{input.n}}", "note": "for echo: 7", "k": [1]}
    assert shaped.output == {"data": [{"text": "found"}]}


async def test_no_content_is_null(agents: AgentsModule, peer: Peer) -> None:
    await register(agents, at(peer.url))
    peer.status = 204

    result = await agents.execute(a_task("remote"))

    assert (result.output, result.error) == (None, None)


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (500, {}, "agent.error", None),
        (529, {}, "agent.error", None),
        (408, {}, "agent.error", None),
        (400, {}, "agent.bad_request", None),
        (422, {"detail": "no"}, "agent.bad_request", None),
        (401, {}, "agent.auth", None),
        (429, {}, "agent.rate_limited", None),
        (402, {"error": {"code": "payment.declined"}}, "payment.declined", None),
        (500, {"error": {"code": "stock.gone", "retryable": True}}, "stock.gone", True),
        (400, {"error": {"code": "timeout.attempt"}}, "agent.bad_request", None),
        (202, {}, "agent.invalid_response", None),
        (302, {}, "agent.invalid_response", None),
    ],
)
async def test_each_error_answer_has_its_code(
    agents: AgentsModule, peer: Peer, status: int, body: object, code: str,
    retryable: bool | None,
) -> None:  # fmt: skip
    await register(agents, at(peer.url))
    later = {"retry_after": "3600"} if status == 429 else {}
    peer.says(body, status, location="http://127.0.0.1:1/", **later)

    error = (await agents.execute(a_task("remote"))).error

    assert error is not None
    assert (error.code, error.retryable, error.definite) == (code, retryable, True)
    # Without another agent the same one is asked again, where that may help.
    assert len(peer.asked) == (3 if code in ("agent.error", "agent.invalid_response") else 1)


async def test_retry_after_keeps_everybody_away_until_then(
    agents: AgentsModule, peer: Peer
) -> None:
    await register(agents, at(peer.url))
    came: list[int] = []  # by the clock that the store goes by

    async def hold() -> None:
        came.append(SystemClock().now_ms())
        if len(came) > 1:
            peer.says("back")

    peer.hold = hold
    peer.says({}, 429, retry_after="2")

    patient = await agents.execute(a_task("remote"))

    assert patient.output == "back"
    assert came[1] - came[0] >= 2_000


async def test_who_has_less_time_than_retry_after_is_told_how_long_it_is(
    agents: AgentsModule, peer: Peer
) -> None:
    await register(agents, at(peer.url))
    peer.says({}, 429, retry_after="240")
    first = await agents.execute(a_task("remote"))

    short = await agents.execute(a_task("remote"))

    assert first.error is not None
    assert first.error.retry_after_ms == 240_000
    assert short.error is not None
    assert (short.error.code, short.error.problem) == ("agent.unavailable", "no-agent-available")
    assert 120_000 <= (short.error.retry_after_ms or 0) <= 240_000
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", "agent.invalid_response"),
        (b"\xff\xfe", "agent.invalid_response"),
        (b"[" * 500 + b"]" * 500, "agent.invalid_response"),
        (b"[" * 200_000, "agent.invalid_response"),
        (b'"' + b"x" * (8 * 1024 * 1024) + b'"', "agent.too_large"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_a_definite_failure(
    agents: AgentsModule, peer: Peer, body: bytes, code: str
) -> None:
    await register(agents, at(peer.url))
    peer.body = body

    error = (await agents.execute(a_task("remote"))).error

    assert error is not None
    assert (error.code, error.definite) == (code, True)


async def test_a_slow_agent_is_left_at_the_timeout_and_may_have_done_it(
    agents: AgentsModule, peer: Peer
) -> None:
    await register(agents, at(peer.url))
    peer.hold = anyio.sleep_forever

    result = await undisturbed(lambda: agents.execute(a_task("remote", timeout_ms=200)), 0.1)

    assert result.error is not None
    assert (result.error.code, result.error.definite) == ("timeout.attempt", False)
    assert result.duration_ms >= 190


async def test_the_agents_own_limit_is_kept(agents: AgentsModule, peer: Peer) -> None:
    await register(
        agents, at(peer.url, capabilities=(Capability("echo", timeout_ms=150),), timeout_ms=60_000)
    )
    peer.hold = anyio.sleep_forever

    task = a_task("remote", capability="echo")
    result = await undisturbed(lambda: agents.execute(task), 0.07)

    assert result.error is not None
    assert result.error.code == "timeout.attempt"
    assert result.duration_ms < 60_000


async def hangs_up(stream: anyio.abc.SocketStream) -> None:
    async with stream:
        await stream.receive()


async def test_when_one_agent_is_down_another_does_it_within_the_attempt(
    agents: AgentsModule, peer: Peer
) -> None:
    peer.says("done")
    with_nobody = "http://127.0.0.1:1/run"
    await register(agents, at(with_nobody, "down", priority=1), at(peer.url, "up", priority=2))

    results = [await agents.execute(a_task("remote")) for _ in range(3)]

    assert [result.output for result in results] == ["done"] * 3
    assert [result.agent_name for result in results] == ["up"] * 3
    assert [call["outcome"] for call in results[0].calls] == ["failed", "ok"]
    assert results[0].degraded


async def test_at_most_once_asks_nobody_else_after_an_unknown_outcome(
    agents: AgentsModule, peer: Peer
) -> None:
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(
            await anyio.create_tcp_listener(local_host="127.0.0.1")
        )
        group = await stack.enter_async_context(anyio.create_task_group())
        group.start_soon(listener.serve, hangs_up)
        port: int = listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port)
        url = f"http://127.0.0.1:{port}/"
        await register(agents, at(url, "lossy", priority=1), at(peer.url, "up", priority=2))

        once = await agents.execute(a_task("remote", once=True))
        again = await agents.execute(a_task("remote"))
        group.cancel_scope.cancel()

    assert once.error is not None
    assert (once.error.code, once.error.definite) == ("agent.lost", False)
    assert len(once.calls) == 1
    assert again.agent_name == "up"
    assert [call["outcome"] for call in again.calls] == ["unknown", "ok"]


async def test_a_refused_connection_may_go_elsewhere_even_at_most_once(
    agents: AgentsModule, peer: Peer
) -> None:
    await register(
        agents, at("http://127.0.0.1:1/", "down", priority=1), at(peer.url, "up", priority=2)
    )

    result = await agents.execute(a_task("remote", once=True))

    assert result.agent_name == "up"


async def test_three_calls_are_the_most_and_the_last_failure_is_told(
    agents: AgentsModule,
) -> None:
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(a_peer(status=503)) for _ in range(5)]
        await register(agents, *(at(one.url, f"a{i}") for i, one in enumerate(peers)))

        result = await agents.execute(a_task("remote"))

        assert result.error is not None
        assert (result.error.code, result.error.definite) == ("agent.error", True)
        assert len(result.calls) == sum(len(one.asked) for one in peers) == 3


async def test_a_cancelled_call_gives_its_slot_back(agents: AgentsModule, peer: Peer) -> None:
    await register(agents, at(peer.url, max_concurrency=1, limits=Limits()))
    reached = anyio.Event()

    async def hold() -> None:
        reached.set()
        await anyio.sleep_forever()

    peer.hold = hold
    async with anyio.create_task_group() as group:
        group.start_soon(agents.execute, a_task("remote"))
        await reached.wait()
        group.cancel_scope.cancel()
    peer.hold = None
    peer.says("next")

    result = await agents.execute(a_task("remote"))

    assert result.output == "next"


async def test_idempotency_keys_are_stable_for_a_try_and_differ_between_tries(
    agents: AgentsModule, peer: Peer
) -> None:
    await register(agents, at(peer.url))
    for task in (a_task("remote"), a_task("remote"), a_task("remote", attempt=2)):
        await agents.execute(task)

    keys = [asked.headers["idempotency-key"] for asked in peer.asked]

    assert keys[0] == keys[1] != keys[2]
    assert all(key.startswith("orc-") and len(key) == 30 for key in keys)


async def test_a_definite_failure_makes_a_new_key_and_an_unknown_outcome_keeps_it(
    agents: AgentsModule, peer: Peer
) -> None:
    await register(agents, at(peer.url))
    answers = [409, 409, 200]
    peer.replies = lambda _: (answers.pop(0), b"{}", {})
    definite = await agents.execute(a_task("remote", key="orc-abc"))
    keys = [asked.headers["idempotency-key"] for asked in peer.asked]
    peer.asked.clear()

    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(
            await anyio.create_tcp_listener(local_host="127.0.0.1")
        )
        group = await stack.enter_async_context(anyio.create_task_group())
        heard: list[bytes] = []

        async def hangs_up_twice(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                heard.append(await stream.receive())

        group.start_soon(listener.serve, hangs_up_twice)
        port: int = listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port)
        await register(agents, at(f"http://127.0.0.1:{port}/", "lossy", agent_type="lossy"))
        unknown = await agents.execute(a_task("lossy", key="orc-abc"))
        group.cancel_scope.cancel()

    assert definite.error is None
    assert (keys[0], len(set(keys))) == ("orc-abc", 3)
    assert unknown.error is not None
    assert len(heard) > 1
    assert all(b"idempotency-key: orc-abc\r\n" in one.lower() for one in heard)
