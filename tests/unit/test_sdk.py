"""The SDK: what functions may look like, what an app answers, whose requests it takes."""

import base64
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from orchestra.sdk import Agent, App, Reject, Retry, Task, error_of, signed

pytestmark = pytest.mark.anyio

KEY = b"0123456789abcdef"
NOW = 1_795_000_000
agent = Agent("a", agent_type="t", labels={"team": "x"})


@agent.capability("coroutine", idempotent=True)
async def coroutine(task: Task) -> Any:
    return {"got": task.input}


@agent.capability("plain")
def plain(task: Task) -> Any:
    return [task.input]


@agent.capability("says")
async def says(task: Task) -> AsyncIterator[Any]:
    yield "a"
    yield {"done": 0.5}
    yield "b"
    yield {"whole": "ab"}


@agent.capability("text")
def text(task: Task) -> Iterator[str]:
    yield "a"
    yield "b"


@agent.capability("later")
async def later(task: Task) -> Any:
    raise Retry("busy", after_s=2)


@agent.capability("never")
async def never(task: Task) -> Any:
    raise Reject("not this")


@agent.capability("broken")
async def broken(task: Task) -> Any:
    raise ValueError("a secret")


@pytest.mark.parametrize(
    ("capability", "output", "events"),
    [
        ("coroutine", {"got": 1}, []),
        ("plain", [1], []),
        ("says", {"whole": "ab"}, ["delta", "progress", "delta"]),
        ("text", {"text": "ab"}, ["delta", "delta"]),
    ],
)
async def test_functions_of_every_shape_have_an_output(
    capability: str, output: object, events: list[str]
) -> None:
    shown: list[Any] = []

    made = await agent.perform(Task("tsk_1", capability, 1), shown.append)

    assert made == output
    assert [frame["event"] for frame in shown] == events


def test_a_registration_says_what_was_decorated() -> None:
    said = agent.registration()

    assert said["capabilities"][0] == {"name": "coroutine", "idempotent": True}
    assert (said["provider"], said["max_concurrency"]) == ("pull", 8)
    assert said["labels"] == {"team": "x"}


def test_an_exception_tells_only_what_was_meant_to_be_told() -> None:
    assert error_of(Reject("no")) == {"message": "no", "retryable": False}
    assert error_of(Retry("busy", 2))["retry_after_ms"] == 2_000
    assert error_of(ValueError("a secret")) == {"message": "the agent raised ValueError"}


def signature(body: bytes, at: int = NOW) -> dict[str, str]:
    mac = base64.b64encode(hmac.digest(KEY, f"m.{at}.".encode() + body, "sha256")).decode()
    return {"webhook-id": "m", "webhook-timestamp": str(at), "webhook-signature": f"v1,{mac}"}


def test_a_signature_is_good_for_its_body_and_five_minutes() -> None:
    good = signature(b"x")
    rotated = good | {"webhook-signature": "v1,AAAA " + good["webhook-signature"]}

    assert signed(KEY, good, b"x", NOW + 299)
    assert signed(KEY, rotated, b"x", NOW)
    assert not signed(KEY, good, b"y", NOW)
    assert not signed(KEY, good, b"x", NOW + 301)
    assert not signed(KEY, {}, b"x", NOW)
    assert not signed(b"other", good, b"x", NOW)


def a_client(app: App) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://agent")


@pytest.mark.parametrize(
    ("capability", "status"),
    [("coroutine", 200), ("never", 422), ("later", 503), ("broken", 500), ("other", 422)],
)
async def test_an_app_answers_with_what_became_of_the_task(capability: str, status: int) -> None:
    async with a_client(agent.asgi()) as client:
        body = {"task_id": "tsk_1", "capability": capability, "input": 1}
        answer = await client.post("/run", json=body)

    assert answer.status_code == status
    assert ("output" in answer.json()) == (status == 200)
    assert "secret" not in answer.text


async def test_an_app_streams_frames_and_one_last() -> None:
    async with a_client(agent.asgi()) as client:
        body = {"task_id": "tsk_1", "capability": "says", "input": 1, "stream": True}
        answer = await client.post("/run", json=body)

    frames = [json.loads(line) for line in answer.text.splitlines() if line]
    assert [one["event"] for one in frames] == ["delta", "progress", "delta", "result"]
    assert frames[-1]["output"] == {"whole": "ab"}


async def test_an_app_refuses_what_nobody_signed_and_drains() -> None:
    app = agent.asgi(secret="whsec_" + base64.b64encode(KEY).decode())
    async with a_client(app) as client:
        unsigned = await client.post("/", content=b"{}")
        well = await client.get("/healthz")
        app.draining = True
        draining = await client.get("/healthz")

    assert [one.status_code for one in (unsigned, well, draining)] == [401, 200, 503]


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_an_empty_secret_is_none_and_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        agent.asgi(secret=secret)


@pytest.mark.parametrize("at", ["9" * 5_000, "1e9", "", "-1"])
def test_a_time_that_is_none_signs_nothing(at: str) -> None:
    mac = base64.b64encode(hmac.digest(KEY, f"m.{at}.".encode() + b"{}", "sha256")).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": at, "webhook-signature": f"v1,{mac}"}

    assert not signed(KEY, headers, b"{}", NOW)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"[]", b"1", b"\xff", b'{"task_id": 1, "timeout_ms": []}']
)
async def test_an_app_refuses_what_is_no_task(body: bytes) -> None:
    transport = httpx.ASGITransport(agent.asgi())
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as http:
        assert (await http.post("/", content=body)).status_code == 400
