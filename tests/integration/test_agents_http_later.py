"""Answers that come later, cancelled tasks, checks: what an HTTP agent hears beside its task."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import msgspec
import pytest
from agent_replicas import a_task
from http_peer import Asked, Peer, a_peer
from steady import undisturbed

from orchestra.agents import Task
from orchestra.agents.credentials import NoCredentials
from orchestra.agents.providers import Answer, Call, Emit, Failure
from orchestra.agents.providers.http import HttpProvider, Patience
from orchestra.agents.records import Agent, HealthCheck, HttpReach, Registration
from orchestra.clock import SystemClock
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

Said = tuple[int, bytes, dict[str, str]]


class Proofs(NoCredentials):
    """Gives the same proof to whoever it is asked for."""

    async def headers(self, agent: Agent, url: str, body: bytes, message_id: str) -> dict[str, str]:
        return {"authorization": f"Bearer for {message_id}"}


class Awaited:
    """An `Expected` that hears what the test says."""

    callback_url, token = "https://orchestra.example/callback", "tok"

    def __init__(self) -> None:
        self.heard = anyio.Event()
        self.said: Answer | Failure = Answer("called back")
        self.closed = False

    async def wait(
        self, timeout_s: float, heartbeat_s: float, emit: Emit | None = None
    ) -> Answer | Failure:
        await self.heard.wait()
        return self.said

    async def close(self) -> None:
        self.closed = True


class OneLater:
    """A `Later` with one answer to come."""

    def __init__(self) -> None:
        self.expected = Awaited()

    async def expect(self, task: Task, agent: Agent, fence: int, ttl_ms: int) -> Awaited:
        return self.expected


@pytest.fixture
def later() -> OneLater:
    return OneLater()


@pytest.fixture
async def provider(later: OneLater) -> AsyncIterator[HttpProvider]:
    outbound = Outbound(policy(["127.0.0.0/8"]))
    patience = Patience(look_min_s=0.01, look_max_s=0.05)
    made = HttpProvider(outbound, SystemClock(), Proofs(), later, patience)
    async with anyio.create_task_group() as group:
        group.start_soon(made.serve)
        yield made
        group.cancel_scope.cancel()
    await outbound.aclose()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer(checks=True) as made:
        yield made


def an_agent(url: str, **given: Any) -> Agent:
    health = given.pop("health", HealthCheck())
    spec = Registration("far", "remote", "http", reach=HttpReach(url, **given), health=health)
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


def says(status: int, body: object = None, **headers: str) -> Said:
    return status, msgspec.json.encode(body), headers


def looks(*answers: Said, url: str = "/looks/1") -> Callable[[Asked], Said]:
    """202 to the task, then these to each look at it; the last one for ever."""
    left = list(answers)

    def reply(asked: Asked) -> Said:
        if asked.method == "POST":
            return says(202, {"ref": "r", "poll_url": url, "retry_after_s": 0})
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


async def ask(
    provider: HttpProvider, agent: Agent, timeout_ms: int = 60_000, emit: Emit | None = None
) -> Answer | Failure:
    return await provider.call(agent, Call(a_task("remote"), "echo", timeout_ms, 7, 1, emit))


async def test_a_task_is_looked_at_until_it_has_ended(provider: HttpProvider, peer: Peer) -> None:
    frames: list[Any] = []
    peer.replies = looks(
        says(202),
        says(200, {"status": "running", "progress": 0.5}),
        says(503),
        says(200, {"status": "completed", "output": 7, "usage": {"input_tokens": 1}}),
    )

    answer = await ask(provider, an_agent(peer.url), emit=frames.append)

    assert isinstance(answer, Answer)
    assert (answer.output, frames) == (7, [{"event": "progress", "progress": 0.5}])
    assert [one.path for one in peer.asked] == ["/run", *["/looks/1"] * 4]
    assert peer.asked[-1].headers["authorization"] == "Bearer for poll-tsk_1"
    assert "callback" not in peer.asked[0].json


async def test_another_host_that_is_named_gets_no_proof(provider: HttpProvider, peer: Peer) -> None:
    peer.replies = looks(says(200, "done"), url=f"http://localhost:{peer.port}/elsewhere")
    provider._outbound.adopt(policy(["127.0.0.0/8", "[::1]"]))

    answer = await ask(provider, an_agent(peer.url))

    assert isinstance(answer, Answer)
    assert "authorization" in peer.asked[0].headers
    assert "authorization" not in peer.asked[1].headers


@pytest.mark.parametrize(
    ("look", "code", "definite"),
    [
        (says(200, {"status": "failed", "error": {"code": "stock.gone"}}), "stock.gone", True),
        (says(200, {"status": "cancelled"}), "agent.error", True),
        (says(404), "agent.lost", False),
        (says(500), "agent.lost", False),
        (says(401), "agent.lost", False),
        (says(302, location="/"), "agent.invalid_response", True),
    ],
)
async def test_a_look_may_show_a_failure(
    provider: HttpProvider, peer: Peer, look: Said, code: str, definite: bool
) -> None:
    peer.replies = looks(look)

    failure = await ask(provider, an_agent(peer.url))

    assert isinstance(failure, Failure)
    assert (failure.error.code, failure.error.definite) == (code, definite)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"poll_url": "file:///etc/passwd"}, {"poll_url": 7}, [], {"poll_url": "http://["},
        {"poll_url": "http://h:99999999/"}, {"poll_url": "http://h\u2100/"},
    ],
)  # fmt: skip
async def test_a_202_without_a_way_to_the_answer_is_none(
    provider: HttpProvider, peer: Peer, body: object
) -> None:
    peer.says(body, 202)

    failure = await ask(provider, an_agent(peer.url))

    assert isinstance(failure, Failure)
    assert failure.error.code == "agent.invalid_response"


async def test_a_wait_without_end_is_as_long_as_the_longest(
    provider: HttpProvider, peer: Peer
) -> None:
    later = (202, b'{"poll_url": "/looks/1", "retry_after_s": ' + b"9" * 400 + b"}", {})
    peer.replies = lambda asked: later if asked.method == "POST" else says(200, {"output": 1})

    assert isinstance(await ask(provider, an_agent(peer.url)), Answer)


async def test_a_poll_url_is_judged_like_any_other(provider: HttpProvider, peer: Peer) -> None:
    peer.says({"poll_url": "http://169.254.169.254/latest/", "retry_after_s": 0}, 202)

    failure = await ask(provider, an_agent(peer.url))

    assert isinstance(failure, Failure)
    assert (failure.error.code, failure.error.definite) == ("agent.lost", False)


async def test_an_agent_that_calls_back_is_waited_for(
    provider: HttpProvider, peer: Peer, later: OneLater
) -> None:
    async def accept() -> None:
        later.expected.heard.set()

    peer.hold = accept
    peer.says({}, 202)

    answer = await ask(provider, an_agent(peer.url, later=True))

    assert isinstance(answer, Answer)
    assert answer.output == "called back"
    assert later.expected.closed
    [asked] = peer.asked
    assert asked.headers["prefer"] == "respond-async"
    assert asked.json["callback"] == {
        "url": "https://orchestra.example/callback", "token": "tok", "heartbeat_s": 30,
    }  # fmt: skip


async def test_a_bare_input_has_no_room_for_a_callback(provider: HttpProvider, peer: Peer) -> None:
    agent = an_agent(peer.url, later=True, format="input")
    peer.says({}, 202)
    nowhere = await ask(provider, agent)
    peer.replies = looks(says(200, "looked at"))

    looked_at = await ask(provider, agent)

    assert isinstance(nowhere, Failure)
    assert nowhere.error.code == "agent.invalid_response"
    assert isinstance(looked_at, Answer)
    assert looked_at.output == "looked at"


@pytest.mark.parametrize("calls_back", [False, True])
async def test_whichever_way_the_answer_comes_first_counts(
    provider: HttpProvider, peer: Peer, later: OneLater, calls_back: bool
) -> None:
    done = says(200, {"status": "completed", "output": "looked at"})
    peer.replies = looks(says(202) if calls_back else done)
    if calls_back:
        later.expected.heard.set()

    answer = await ask(provider, an_agent(peer.url, later=True))

    assert isinstance(answer, Answer)
    assert answer.output == ("called back" if calls_back else "looked at")


async def test_an_answer_at_once_is_taken_though_another_was_offered(
    provider: HttpProvider, peer: Peer, later: OneLater
) -> None:
    peer.says({"status": "completed", "output": "now"})

    answer = await ask(provider, an_agent(peer.url, later=True))

    assert isinstance(answer, Answer)
    assert (answer.output, later.expected.closed) == ("now", True)


async def test_an_agent_that_never_tells_is_left_at_the_timeout_and_told(
    provider: HttpProvider, peer: Peer, later: OneLater
) -> None:
    told = anyio.Event()

    def reply(asked: Asked) -> Said:
        if asked.method == "DELETE":
            told.set()
        return says(202, {})

    async def do() -> Answer | Failure:
        nonlocal told
        told = anyio.Event()
        return await ask(provider, agent, timeout_ms=200)

    peer.replies = reply
    agent = an_agent(peer.url, later=True, cancel_url=f"http://127.0.0.1:{peer.port}/tasks/")

    failure = await undisturbed(do, 0.1)
    with anyio.fail_after(60):
        await told.wait()

    assert isinstance(failure, Failure)
    assert (failure.error.code, failure.error.definite) == ("timeout.attempt", False)
    assert later.expected.closed
    assert (peer.asked[-1].method, peer.asked[-1].path) == ("DELETE", "/tasks/tsk_1")
    assert peer.asked[-1].headers["authorization"] == "Bearer for cancel-tsk_1"


async def test_a_cancelled_call_tells_the_agent_without_waiting_for_it(
    provider: HttpProvider, peer: Peer
) -> None:
    reached, told = anyio.Event(), anyio.Event()

    async def hold() -> None:
        (told if peer.asked[-1].method == "DELETE" else reached).set()
        await anyio.sleep_forever()

    peer.hold = hold
    agent = an_agent(peer.url, cancel_url=f"http://127.0.0.1:{peer.port}/tasks")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(ask, provider, agent)
            await reached.wait()
            group.cancel_scope.cancel()
        await told.wait()

    assert peer.asked[-1].path == "/tasks/tsk_1"


async def test_what_has_ended_is_not_cancelled(provider: HttpProvider, peer: Peer) -> None:
    agent = an_agent(peer.url, cancel_url=f"http://127.0.0.1:{peer.port}/tasks")
    for status in (200, 500, 202):
        peer.says({}, status)
        await ask(provider, agent)
    peer.says("ok")

    assert await provider.check(agent, 60.0) is None  # and the queue had its turn
    assert {one.method for one in peer.asked} == {"POST", "GET"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, None), (204, None), (429, None),
        (404, "agent.not_checkable"), (405, "agent.not_checkable"),
        (401, "agent.auth"), (403, "agent.auth"),
        (302, "agent.unavailable"), (500, "agent.unavailable"), (503, "agent.unavailable"),
    ],
)  # fmt: skip
async def test_a_check_asks_the_health_path(
    provider: HttpProvider, peer: Peer, status: int, code: str | None
) -> None:
    peer.says({}, status)

    error = await provider.check(an_agent(peer.url, health=HealthCheck("/up")), 60.0)

    assert (error and error.code) == code
    assert (peer.asked[0].method, peer.asked[0].path) == ("GET", "/up")


async def test_a_check_of_nobody_or_of_a_silent_one_fails(
    provider: HttpProvider, peer: Peer
) -> None:
    peer.hold = anyio.sleep_forever

    silent = await provider.check(an_agent(peer.url), 0.2)
    nobody = await provider.check(an_agent("http://127.0.0.1:1/run"), 60.0)

    assert silent is not None
    assert nobody is not None
    assert (silent.code, nobody.code) == ("timeout.attempt", "agent.unavailable")
