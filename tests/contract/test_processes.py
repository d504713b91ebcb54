"""One suite, run on one process and on two: clients must see the same."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from houses import SHAPES, Document, House, a_house
from http_peer import a_peer
from steady import undisturbed

pytestmark = pytest.mark.anyio

ECHO = {"agent_type": "echo", "task_type": "echo"}
HOLD = {"id": "hold", "agent_type": "gate", "task_type": "wait"}
SHAKY = {"id": "shaky", "agent_type": "shaky", "task_type": "fail"}


@pytest.fixture(params=list(SHAPES))
async def house(
    request: pytest.FixtureRequest, store_url: str, tmp_path: Path
) -> AsyncIterator[House]:
    master = tmp_path / "master.key"
    master.write_bytes(b"x" * 32)
    async with a_house(store_url, request.param, master_key_file=str(master)) as made:
        yield made


def a_step(name: str, *after: str, **more: Any) -> Document:
    return {"id": name, **ECHO, "input_data": {"by": name}, "depends_on": list(after)} | more


async def test_a_workflow_runs_with_the_same_history(house: House) -> None:
    workflow = await house.save(
        a_step("a"), a_step("b", "a"), a_step("c", "a"), a_step("d", "b", "c")
    )

    status = await house.run(workflow)

    assert (status["status"], status["progress"]["done"]) == ("completed", 4)
    assert {step["attempts"] for step in status["steps"]} == {1}
    assert len(house.gate.did) == 4
    history = await house.history(status["id"])
    done = [path for kind, path in history if kind == "step.completed"]
    assert (done[0], sorted(done[1:3]), done[3:]) == ("a", ["b", "c"], ["d"])


async def test_events_are_told_once_and_in_order(house: House) -> None:
    workflow = await house.save(a_step("a"), a_step("b", "a"), a_step("c", "b"))
    status = await house.run(workflow)

    with anyio.fail_after(60):
        kinds: list[str] = []
        while "workflow.completed" not in kinds:
            answer = await house.http.get(
                "/api/events", params={"key": status["id"], "order": "oldest", "limit": 100}
            )
            assert answer.status_code == 200, answer.text
            kinds = [event["type"] for event in answer.json()["events"]]

    assert [kind for kind in kinds if kind != "step.started"] == [
        "workflow.accepted",
        "workflow.started",
        *["step.completed"] * 3,
        "workflow.completed",
    ]


async def test_a_failing_agent_is_asked_again_and_tries_are_counted(house: House) -> None:
    house.gate.failures = 2
    retry = {"max_attempts": 3, "initial": "10ms"}

    status = await house.run(await house.save(SHAKY | {"retry": retry}))

    [step] = status["steps"]
    assert (status["status"], step["attempts"], step["output"]["attempt"]) == ("completed", 3, 3)


async def test_another_agent_does_what_the_first_one_cannot(house: House) -> None:
    async with a_peer() as broken, a_peer() as sound:
        broken.says({"error": "no"}, 503)
        sound.says({"n": 1})
        for name, peer, priority in (("first", broken, 1), ("second", sound, 2)):
            agent = {"name": name, "agent_type": "far", "capabilities": [{"name": "do"}]}
            more = {"endpoint": peer.url, "heartbeat": {"mode": "none"}, "priority": priority}
            answer = await house.post("/api/agents/register", agent | more)
            assert answer.status_code == 201, answer.text
        workflow = await house.save({"id": "a", "agent_type": "far", "task_type": "do"})

        status = await house.run(workflow)

    [step] = status["steps"]
    assert (status["status"], step["agent"], step["attempts"]) == ("completed", "second", 1)
    keys = {one.headers["idempotency-key"] for one in (*broken.asked, *sound.asked)}
    assert len(broken.asked) == len(sound.asked) == 1
    assert len(keys) == 1


async def test_what_was_done_is_undone_in_reverse(house: House) -> None:
    def undo(name: str) -> Document:
        return {"compensate": ECHO | {"input_data": {"undo": name}}}

    house.gate.failures = 99
    workflow = await house.save(
        a_step("a", **undo("a")),
        a_step("b", "a", **undo("b")),
        SHAKY
        | {"depends_on": ["b"], "retry": {"max_attempts": 1}}
        | {"on_error": [{"match": ["*"], "do": "rollback"}]},
    )

    status = await house.run(workflow)

    assert status["status"] == "rolled_back"
    done = [one.get("by") or f"not {one['undo']}" for one in house.gate.did]
    assert done == ["a", "b", "not b", "not a"]


async def test_a_paused_execution_goes_on_when_it_is_told(house: House) -> None:
    execution = await house.start(await house.save(HOLD, a_step("then", "hold")))
    with anyio.fail_after(60):
        await house.gate.begun.wait()

    paused = await house.post(f"/api/executions/{execution}/pause")
    house.gate.open.set()
    await house.until(execution, "paused")
    assert house.gate.did == []
    resumed = await house.post(f"/api/executions/{execution}/resume")
    status = await house.until(execution, "completed")

    assert (paused.status_code, resumed.status_code) == (202, 202), paused.text + resumed.text
    assert {step["attempts"] for step in status["steps"]} == {1}


async def test_cancelling_an_execution_stops_its_agent(house: House) -> None:
    execution = await house.start(await house.save(HOLD))
    with anyio.fail_after(60):
        await house.gate.begun.wait()

    answer = await house.post(f"/api/executions/{execution}/cancel")

    assert answer.status_code in (200, 202), answer.text
    await house.until(execution, "cancelled")
    with anyio.fail_after(60):
        await house.gate.stopped.wait()


async def test_a_step_ends_at_its_timeout(house: House) -> None:
    workflow = await house.save(HOLD | {"timeout": "1s", "retry": {"max_attempts": 1}})

    status = await undisturbed(lambda: house.run(workflow), 0.3)

    assert status["status"] == "failed"
    assert status["steps"][0]["error"]["code"] == "timeout.attempt"
    with anyio.fail_after(60):
        await house.gate.stopped.wait()


async def test_a_worker_that_polls_does_a_step(house: House) -> None:
    agent = {"name": "far", "agent_type": "pulled", "capabilities": [{"name": "do"}]}
    registered = await house.post("/api/agents/register", agent)
    assert registered.status_code == 201, registered.text
    poll = f"/api/agents/{registered.json()['id']}/poll"
    token = {"authorization": f"Bearer {registered.json()['pull']['token']}"}
    assert (await house.http.post(poll, json={"wait_s": 0}, headers=token)).status_code == 204
    workflow = await house.save({"id": "a", "agent_type": "pulled", "task_type": "do"})

    execution = await house.start(workflow, n=1)
    answer = await house.http.post(poll, json={"wait_s": 20}, headers=token, timeout=30)
    [task] = answer.json()["tasks"]
    proof = {"lease": task["lease"]["id"], "fence": task["fence"]}
    done = await house.post(task["links"]["complete"], proof | {"output": {"done": True}})

    assert done.status_code == 200, done.text
    status = await house.until(execution, "completed", "failed")
    assert (status["status"], status["output"]) == ("completed", {"done": True})


async def test_a_task_is_done_directly(house: House) -> None:
    wish = {"agent_type": "echo", "input_data": {"task_type": "echo", "n": 1}}

    answer = await house.post("/api/agents/execute", wish)

    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["n"] == 1


async def test_a_repeated_start_is_the_first_one(house: House) -> None:
    workflow = await house.save(a_step("a"))
    path, body = f"/api/workflows/{workflow}/execute", {"input_data": {}}

    first = await house.post(path, body, idempotency_key="k1")
    again = await house.post(path, body, idempotency_key="k1")

    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_message_is_sent_received_and_settled(house: House) -> None:
    sent = await house.post("/api/queues/orders/messages", {"body": {"n": 1}})
    got = await house.post("/api/queues/orders/receive", {"max": 1, "wait_ms": 20_000})
    [message] = got.json()["messages"]
    settled = await house.post("/api/queues/orders/ack", {"receipts": [message["receipt"]]})

    assert (sent.status_code, got.status_code, settled.status_code) == (202, 200, 200)
    assert message["body"] == {"n": 1}


async def test_a_webhook_is_told_once(house: House) -> None:
    async with a_peer() as receiver:
        hook = {"name": "w", "url": receiver.url, "event_filter": {"event_types": ["a.b"]}}
        made = await house.post("/api/webhooks/", hook)
        assert made.status_code == 201, made.text
        with anyio.fail_after(60):
            while not receiver.asked:
                event = {"event_type": "a.b", "source_service": "t", "source_id": "1"}
                told = await house.post("/api/events/publish", event | {"dedup_id": "once"})
                assert told.status_code == 202, told.text
                await anyio.sleep(0.1)

    assert len({one.headers["webhook-id"] for one in receiver.asked}) == 1


async def test_a_stream_of_events_is_a_stream(house: House) -> None:
    lines: list[str] = []
    heard = anyio.Event()

    def hear(piece: bytes) -> None:
        lines.extend(piece.decode().split("\n"))
        if "event: a.b" in lines:
            heard.set()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(streamed, house, "/api/events/stream", b"types=a.b", hear)
            while not heard.is_set():
                event = {"event_type": "a.b", "source_service": "t", "source_id": "1"}
                answer = await house.post("/api/events/publish", event | {"payload": {}})
                assert answer.status_code == 202
                with anyio.move_on_after(0.1):
                    await heard.wait()
            group.cancel_scope.cancel()


WRONG: list[tuple[str, str, object, int]] = [
    ("GET", "/api/agents/nobody", None, 404),
    ("POST", "/api/agents/register", {"name": "x", "colour": "red"}, 422),
    ("POST", "/api/agents/register", [], 422),
    ("GET", "/api/executions/exe_01900000-0000-7000-8000-0000000000ff/status", None, 404),
    ("POST", "/api/workflows/", {"name": "w", "steps": []}, 422),
    ("POST", "/api/events/publish", {"event_type": "NO"}, 422),
    ("PUT", "/api/events/publish", {}, 405),
    ("GET", "/api/queues/none", None, 404),
    ("GET", "/api/nothing", None, 404),
]


async def test_what_is_wrong_is_refused_alike(house: House) -> None:
    for method, path, body, status in WRONG:
        answer = await house.http.request(method, path, json=body)

        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["instance"] == f"/req/{answer.headers['x-request-id']}"


async def test_a_body_that_is_too_long_is_refused_alike(house: House) -> None:
    long = {"name": "x" * 1_100_000}
    for path in ("/api/agents/register", "/api/workflows/", "/api/events/publish"):
        answer = await house.post(path, long)
        assert answer.status_code == 413, answer.text


async def test_every_process_describes_the_same_interface(house: House) -> None:
    described = [(await one.get("/openapi.json")).json() for one in house.clients]

    assert all(one == described[0] for one in described)
    assert "/api/agents/register" in described[0]["paths"]


async def test_every_process_says_which_modules_run_where(house: House) -> None:
    with anyio.fail_after(60):
        once: list[str] = []
        while sorted(once) != ["agents", "bus", "workflows"]:
            processes = (await house.http.get("/readyz")).json()["processes"]
            assert all("monitoring" in one["modules"] for one in processes)  # each watches itself
            once = [name for one in processes for name in one["modules"] if name != "monitoring"]


async def streamed(house: House, path: str, query: bytes, hear: Callable[[bytes], None]) -> None:
    """Hear an answer as it comes: httpx's transport for tests waits for its end."""
    app: Any = house.http._transport.app  # type: ignore[attr-defined]  # of the tests
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query,
        "root_path": "", "client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 8000),
        "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"text/event-stream")], "state": {},
    }  # fmt: skip
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not asked:
            await anyio.sleep_forever()
        return asked.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            hear(message.get("body", b""))

    await app(scope, receive, send)
