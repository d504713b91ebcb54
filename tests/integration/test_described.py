"""The description of the interface is true: real answers of the running product fit it."""

import functools
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import jsonschema_rs
import pytest
from agent_replicas import an_agent, can
from alert_calls import ask_alerts, ask_rules
from analytics_calls import ask_analytics
from edge import a_client
from http_peer import a_peer
from notice_calls import ask_contacts, ask_silences
from webhook_calls import ask_hooks, ask_webhooks
from witness import OPERATION, Witness, operations
from workflow_documents import SHORT_STEPS

from orchestra.agents import Reject, Task
from orchestra.app import Ports, build_modules, prepare, running
from orchestra.settings import Settings

pytestmark = pytest.mark.anyio

SENTIMENT = {"task_type": "sentiment_analysis", "text": "I'm disappointed with my order."}
A_CARD = {
    "name": "Far Agent",
    "version": "1.0.0",
    "supportedInterfaces": [{"url": "http://127.0.0.1:1/", "protocolBinding": "JSONRPC"}],
    "skills": [{"id": "echo", "name": "Echo", "inputModes": ["text/plain"]}],
}


class Hands:
    """What the test's own agents do."""

    def __init__(self) -> None:
        self.begun, self.open = anyio.Event(), anyio.Event()

    async def wait(self, task: Task) -> object:
        """Answer when it is opened."""
        self.begun.set()
        await self.open.wait()
        return {"waited": True}

    async def refuse(self, _: Task) -> object:
        """Fail, for good."""
        raise Reject("not this")

    async def echo(self, task: Task) -> object:
        """Answer what was sent."""
        return task.input_data


class Client:
    """A client whose every answer is witnessed."""

    def __init__(self, http: httpx.AsyncClient, witness: Witness, hands: Hands) -> None:
        self.http, self.witness, self.hands = http, witness, hands

    async def get(self, path: str) -> Any:
        """The document there."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, **headers: str) -> Any:
        """The document that comes back from a success."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.http.post(path, json=body, headers=named)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def ran(self, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Save and run a definition to its end."""
        made = await self.post("/api/workflows", {"name": "w", "steps": steps, **fields})
        shown = await self.post(f"/api/workflows/{made['id']}/execute", {}, Prefer="wait=60")
        assert shown["ended_at"], shown
        return await self.looked_at(shown["id"])

    async def looked_at(self, execution: str) -> dict[str, Any]:
        """All that can be read of an execution; its status."""
        at = f"/api/executions/{execution}"
        for part in ("", "/logs", "/history", "/steps", "/timeline", "/rollback/preview", "/input"):
            await self.get(at + part)
        shown = await self.get(f"{at}/status")
        for step in shown["steps"]:
            await self.get(f"{at}/steps/{step['path']}")
        return shown


@pytest.fixture
async def client(store_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    master = tmp_path / "master.key"
    master.write_text("m" * 64)
    settings = Settings(
        store_url=store_url,
        durability="no",
        allow_weaker_durability=True,
        drain_s=1.0,
        master_key_file=str(master),
        network_allow=("127.0.0.1",),
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    hands = Hands()
    own = an_agent("own", can("wait", hands.wait), can("no", hands.refuse), can("do", hands.echo))
    build = functools.partial(build_modules, python_agents=[own])
    async with running(settings, stage, build), a_client(stage) as http:
        witness = Witness((await http.get("/openapi.json")).json())
        http.event_hooks = {"response": [witness]}
        yield Client(http, witness, hands)


def own(name: str, task: str, **fields: Any) -> dict[str, Any]:
    """A step that an agent of the test's own does."""
    return {"id": name, "agent_type": "own", "task_type": task, **fields}


async def test_every_route_answers_as_described(client: Client) -> None:
    await ask_workflows(client)
    await ask_events(client)
    await ask_queues(client)
    await ask_readers(client)
    await ask_metrics(client)
    await ask_webhooks(client.http)
    await ask_hooks(client.http)
    await ask_rules(client.http)
    await ask_alerts(client.http)
    await ask_contacts(client.http)
    await ask_silences(client.http)
    await ask_executions(client)
    await ask_agents(client)
    await ask_workers(client)
    await ask_tasks(client)
    await ask_secrets(client)
    await ask_logs(client)
    await ask_analytics(client.http)

    routes = {(method, path) for method, path, _ in operations(client.witness.document)}
    callback = ("post", "/api/agents/tasks/{task}/callback")  # see test_agents_later
    assert routes - client.witness.succeeded() - {callback} == set()


async def ask_workflows(client: Client) -> None:
    sample = {"name": "Sample Workflow", "steps": SHORT_STEPS, "labels": {"team": "a"}}
    made = await client.post("/api/workflows", sample, Idempotency_Key="k")
    await client.post("/api/workflows", sample, Idempotency_Key="k")
    at = f"/api/workflows/{made['id']}"
    for part in ("", "/versions", "/versions/1"):
        await client.get(at + part)
    await client.get("/api/workflows?limit=1")
    await client.get("/api/workflows/schema")
    await client.http.get("/api/workflows/none")
    await client.http.get(f"{at}/versions/7")
    await client.post("/api/workflows/validate", {**sample, "steps": [{"agent_typ": "x"}]})
    await client.http.post("/api/workflows", json={"name": "w", "steps": [{"x": 1}]})
    await client.http.post("/api/workflows", content=b"{", headers={"content-type": "text/x"})
    await client.http.put(at, json=sample, headers={"if-match": '"7"'})
    await client.http.put(at, json={**sample, "name": "Other"}, headers={"if-match": '"1"'})
    await client.post(f"{at}/execute", {"input_data": {"x": 1}}, Idempotency_Key="k")
    await client.post(f"{at}/execute", {"input_data": {"x": 1}}, Idempotency_Key="k")
    await client.http.post(f"{at}/execute", json={}, headers={"idempotency-key": "k"})
    await client.http.post(f"{at}/execute", json={"inptu": 1})
    await ask_layouts(client, at)
    await ask_drafts(client, at)
    for _ in range(2):
        assert (await client.http.delete(at)).status_code == 204
    await client.http.post(f"{at}/execute", json={})
    assert {status for _, _, status in client.witness.seen} >= {201, 204, 404, 409, 412, 415, 422}


async def ask_layouts(client: Client, at: str) -> None:
    assert (await client.http.put(f"{at}/layout", json={"positions": {"a": [0, 8]}})).json()
    await client.get(f"{at}/layout")
    assert (await client.http.delete(f"{at}/layout")).status_code == 204
    await client.http.put(f"{at}/layout", json={"positions": {"a": 7}})
    text = '{"name": "w", "steps": [{"id": "a"}]}'
    asked = {"definition": text, "step": "a", "to": "b"}
    assert (await client.post("/api/workflows/rename", asked))["definition"] != text
    for wrong in ({"step": "z"}, {"to": "a b"}, {"to": 7}, {"too": "c"}):
        answer = await client.http.post("/api/workflows/rename", json=asked | wrong)
        assert answer.status_code in (404, 422), (wrong, answer.text)


async def ask_drafts(client: Client, at: str) -> None:
    await client.http.get(f"{at}/draft")
    for address in (f"{at}/draft", "/api/workflows/new/draft"):
        draft = {"definition": "{", "version": 1}
        assert (await client.http.put(address, json=draft)).json()["saved_at"]
        assert (await client.get(address))["definition"] == "{"
        assert (await client.http.delete(address)).status_code == 204
    await client.http.put(f"{at}/draft", json={"definition": 7})


async def ask_executions(client: Client) -> None:
    undone = own("a", "do", compensate={"agent_type": "own", "input_data": {"task_type": "do"}})
    stuck = own(
        "a", "do",
        compensate={
            "agent_type": "own", "input_data": {"task_type": "no"}, "retry": {"max_attempts": 1},
        },
    )  # fmt: skip
    switch = {
        "id": "s", "type": "switch", "cases": [{"when": "true", "steps": [own("in", "do")]}],
    }  # fmt: skip
    never = own("never", "do", depends_on=["s"], **{"if": "false"})
    ends = {
        "completed": await client.ran(own("a", "do"), switch, never),
        "failed": await client.ran(own("a", "no")),
        "rolled_back": await client.ran(undone, own("b", "no", depends_on=["a"])),
    }
    assert {name: shown["status"] for name, shown in ends.items()} == {n: n for n in ends}
    blocked = await client.ran(stuck, own("b", "no", depends_on=["a"]))
    assert blocked["rollback"]["blocked_at"] == "a"
    await client.post(f"/api/executions/{blocked['id']}/rollback", {"skip": True})
    await client.post(f"/api/executions/{ends['failed']['id']}/retry")
    await client.http.post(f"/api/executions/{ends['completed']['id']}/pause")

    made = await client.post("/api/workflows", {"name": "w", "steps": [own("a", "wait")]})
    at = f"/api/workflows/{made['id']}/execute"
    running = await client.post(at, {})
    await client.hands.begun.wait()
    assert (await client.looked_at(running["id"]))["status"] == "running"
    here = f"/api/executions/{running['id']}"
    await client.post(f"{here}/pause", {"mode": "drain", "reason": "to look"})
    assert (await client.looked_at(running["id"]))["status"] == "paused"
    await client.post(f"{here}/resume")
    await client.post(f"{here}/cancel")
    client.hands.open.set()
    await client.looked_at(running["id"])
    await client.looked_at((await client.post(at, {"delay": "1h"}))["id"])
    await ask_signals(client)
    await client.get("/api/executions?limit=3")
    await client.get("/api/executions/count")
    await client.get("/api/failures?window=1h")
    await client.post("/api/failures/retry", {"all": True, "dry_run": True})
    for wish in ({"dry_run": True}, {"limit": 3}):
        await client.post("/api/executions/batch", {"action": "pause", "filter": {}} | wish)
    await client.http.get("/api/executions/exe_none")
    await client.http.get("/api/executions?limit=0")


async def ask_signals(client: Client) -> None:
    steps = [
        {"id": "w", "type": "wait", "signal": "go", "timeout": "1h"},
        {"id": "t", "type": "wait", "for": "1h", "depends_on": []},
    ]
    made = await client.post("/api/workflows", {"name": "w", "steps": steps})
    execution = (await client.post(f"/api/workflows/{made['id']}/execute", {}))["id"]
    at = f"/api/executions/{execution}/signal"
    while len((await client.looked_at(execution))["waiting_for"]) < 2:
        pass
    for name in ("go", "go", "come", 5):
        await client.http.post(at, json={"name": name})
    again = {"name": "go", "payload": 1}
    await client.http.post(at, json=again, headers={"idempotency-key": "k"})
    await client.http.post("/api/executions/exe_none/signal", json=again)
    other = await client.post(f"/api/workflows/{made['id']}/execute", {})
    at = f"/api/executions/{other['id']}/signal"
    for status in (202, 200):
        answer = await client.http.post(at, json=again, headers={"idempotency-key": "k"})
        assert answer.status_code == status
    await client.post(f"/api/executions/{other['id']}/cancel")
    await client.looked_at(other["id"])


async def ask_events(client: Client) -> None:
    event = {"event_type": "order.placed", "source_service": "shop", "source_id": "o1"}
    made = await client.post("/api/events/publish", event)
    await client.http.post("/api/events/publish", json={"event_type": "a b"})
    cloud = {"specversion": "1.0", "id": "1", "type": "order.placed", "source": "/shop"}
    await client.post("/api/events", cloud)
    await client.http.post("/api/events", json={})
    await client.get(f"/api/events/{made['event_id']}")
    await client.http.get("/api/events/evt_none")
    await client.get("/api/events?types=order.*&limit=1")
    await client.http.get("/api/events?types=..")
    await client.http.get("/api/events?cursor=none")
    told = await client.http.get("/api/events/stream?since=AQA&follow=false")
    assert told.text.count("event: order.placed") == 2
    await ask_types(client)
    await ask_subscriptions(client)


async def ask_types(client: Client) -> None:
    at = "/api/events/types/described.type"
    schema = {"type": "object", "required": ["a"]}
    for body in ({"schema": schema}, {"schema": {"type": "text"}}, {}, {"schema": schema}):
        await client.http.put(at, json=body)
    wider = {"schema": schema | {"required": ["a", "b"]}, "compatibility": "backward"}
    assert (await client.http.put(at, json=wider)).status_code == 422
    await client.http.put("/api/events/types/workflow.completed", json={"schema": {}})
    await client.get("/api/events/types")
    await client.get(at)
    for _ in range(2):
        await client.http.delete(at)
    await client.http.get(at)


async def ask_subscriptions(client: Client) -> None:
    at = "/api/events/subscriptions"
    wanted = {"event_types": ["order.*"], "sources": ["shop"], "keys": []}
    await client.post(at, {"name": "s", "event_filter": wanted, "start": "oldest"})
    await client.http.post(at, json={"name": "s"})
    await client.http.post(at, json={"name": "S", "event_filter": {"event_types": [1]}})
    await client.http.post(at, json={"name": "t", "event_filter": {"event_types": [".."]}})
    await client.http.post(at, json={"name": "t", "start": "none"})
    for path in ("", "/s"):
        await client.get(at + path)
    await client.http.get(f"{at}/none")
    pulled = await client.post(f"{at}/s/pull", {"wait_ms": 5_000})
    assert pulled["events"]
    await client.post(f"{at}/s/pull")
    await client.http.post(f"{at}/none/pull", json={"max": 1})
    await client.post(f"{at}/s/ack", {"cursor": pulled["cursor"]})
    await client.http.post(f"{at}/s/ack", json={"cursor": "none"})
    assert (await client.http.delete(f"{at}/s")).status_code == 204
    await client.http.delete(f"{at}/s")


async def ask_metrics(client: Client) -> None:
    assert (await client.http.post("/api/metrics/record?metric_name=m&value=1")).is_success
    await client.post("/api/metrics/record", {"metric_name": "m", "value": 2, "labels": {}})
    await client.post("/api/metrics/batch", {"metrics": [{"metric_name": "m", "value": 1}]})
    await client.http.post("/api/metrics/record?metric_name=m&value=1&type=gauge")
    await client.http.post("/api/metrics/record?metric_name=m&value=NaN")
    await client.get("/api/metrics/")
    await client.get("/api/metrics/query?metric=m&agg=p95&step=60s&offset=1h")
    await client.http.get("/api/metrics/query?metric=n")
    await client.http.get("/api/metrics/query?metric=m&agg=what")
    assert (await client.http.get("/api/metrics/export?metric=m")).is_success
    await client.get("/api/metrics/m")
    assert (await client.http.get("/metrics")).is_success
    await client.get("/api/dashboard/overview?window=1h")
    await client.http.get("/api/dashboard/overview?window=x")
    await client.get("/api/dashboard/health")
    for status in (204, 404):
        assert (await client.http.delete("/api/metrics/m")).status_code == status


async def ask_readers(client: Client) -> None:
    at = "/api/events/readers"
    names = (await client.get(at))["readers"]
    for name in (*names[:1], "none"):
        for query in ("", "?cursor=x"):
            await client.http.get(f"{at}/{name}/dead{query}")
        for body in ({}, {"ids": ["1-1"]}, {"ids": ["x"]}, {"ids": 1}):
            await client.http.post(f"{at}/{name}/redrive", json=body)
        await client.http.delete(f"{at}/{name}/dead")


async def ask_queues(client: Client) -> None:
    made = await client.post("/api/queues/", {"name": "q", "tries_max": 1})
    await client.post("/api/queues/", {"name": "q", "backoff_ms": [0]})
    assert made["depth"] == 0
    at = "/api/queues/q"
    for wrong in ({}, {"name": "A B"}, {"name": "q", "lease_ms": 1}, {"name": "q", "x": 1}):
        await client.http.post("/api/queues/", json=wrong)
    assert (await client.http.patch(at, json={"tries_max": 1})).status_code == 200
    await client.http.patch(at, json={"tries_max": 0})
    for part in ("", "/dead", "/redrive", "/messages"):
        await client.http.get(f"/api/queues/none{part}")
    await client.post(f"{at}/messages", {"body": {"n": 1}, "group": "g", "dedup_id": "d"})
    await client.post(f"{at}/messages", {"messages": [{"body": n} for n in range(4)]})
    await client.http.post(f"{at}/messages", json={"messages": []})
    await client.http.post(f"{at}/messages", content=b"{", headers={"content-type": "text/x"})
    found = await client.post(f"{at}/receive", {"max": 5, "wait_ms": 100, "lease_ms": 30_000})
    first, second, *others = [one["receipt"] for one in found["messages"]]
    assert (await client.http.post("/api/queues/none/receive")).status_code == 404
    await client.http.post(f"{at}/receive", json={"max": 0, "wait": 1})
    await client.get(at)
    await client.get(f"{at}/messages?state=in_flight&limit=2")
    for odd in ("cursor=x", "state=x"):
        await client.http.get(f"{at}/messages?{odd}")
    assert (await client.http.patch(at, json={"spread": True})).status_code == 409
    await client.post(f"{at}/extend", {"receipts": [first, "none"], "lease_ms": 60_000})
    await client.post(f"{at}/ack", {"receipts": [first, first]})
    await client.post(f"{at}/nack", {"receipts": [second, *others], "error": "no"})
    await client.http.post(f"{at}/ack", json={"receipts": [1], "error": "no"})
    dead = await client.get(f"{at}/dead?limit=1")
    await client.http.get(f"{at}/dead?cursor=x")
    await client.http.get(f"{at}/dead?kind=x")
    await client.get(f"{at}/dead?kind=failed&error=no&since=2026-01-01T00:00:00Z")
    await client.http.get(f"{at}/redrive")
    await client.post(f"{at}/redrive", {"ids": [dead["messages"][0]["id"]]})
    await client.post(f"{at}/redrive", {"all": True, "per_s": 1})
    await client.http.post(f"{at}/redrive", json={"all": True})
    await client.http.post(f"{at}/redrive", json={"filter": {"kind": "x"}})
    await client.http.post(f"{at}/redrive", json={"ids": ["x"], "all": True})
    await client.get(f"{at}/redrive")
    assert (await client.http.delete(f"{at}/redrive")).json()["state"] == "stopped"
    assert (await client.http.delete(f"{at}/dead")).json()["deleted"] == 3
    assert (await client.http.patch(at, json={"depth_max": 1})).status_code == 200
    full = await client.http.post(f"{at}/messages", json={"body": 1})
    assert (full.status_code, "retry-after" in full.headers) == (429, True)
    await client.get("/api/queues/?limit=1")
    assert (await client.http.delete(at)).status_code == 409
    assert (await client.http.delete(f"{at}?purge=true")).status_code == 204


async def ask_agents(client: Client) -> None:
    capability = {"name": "sentiment_analysis", "input_types": ["text"], "output_types": ["json"]}
    agent = {"name": "tp-1", "agent_type": "text_processor", "capabilities": [capability, "odd"]}
    made = await client.post("/api/agents/register", agent)
    at = f"/api/agents/{made['id']}"
    await client.post("/api/agents/register", {**agent, "priority": 3})
    other = {**agent, "agent_type": "other"}
    await client.http.post("/api/agents/register", json=other)
    await client.http.post("/api/agents/register", json={"name": 1})
    await client.http.post("/api/agents/register", json=agent, headers={"if-none-match": "*"})
    pushes = {"mode": "push", "interval_s": 5, "ttl_s": 20}
    await client.post("/api/agents/register", {**other, "name": "p", "heartbeat": pushes})
    for path in ("", "?limit=1", "/types", "/plugins", f"/{made['id']}"):
        await client.get(f"/api/agents{path}")
    await client.http.post("/api/agents/discover", json={"url": "file:///etc/passwd"})
    async with a_peer() as peer:
        peer.says(A_CARD)
        await client.post("/api/agents/discover", {"url": peer.url, "register": True})
    await client.post(f"{at}/heartbeat", {"load": 0.5})
    await ask_how_they_are(client, at)
    task = {"agent_type": "text_processor", "input_data": SENTIMENT}
    await client.post("/api/agents/execute", task)
    await client.post("/api/agents/execute", {"agent_type": "text_processor", **SENTIMENT})
    for target in (task, {"agent_type": "other"}):
        await client.post("/api/agents/select", target)
    for wrong in (
        {"agent_type": "nobody"},
        {"agent_type": "own", "task_type": "odd"},
        {"agent_type": "own", "task_type": "no"},
        {**task, **SENTIMENT},
        {"agent_type": "p", "agent": "q"},
        {"agent": "none"},
    ):
        await client.http.post("/api/agents/execute", json=wrong)
    assert (await client.http.delete(at)).status_code == 204
    await client.http.get(at)


async def ask_logs(client: Client) -> None:
    at, lines = "/api/logs", [{"message": f"said {n}", "n": n} for n in range(3)]
    await client.post(f"{at}/ingest", {"logs": lines})
    for wrong in ({"logs": [1]}, {"lines": []}, [{}] * 1_001):
        await client.http.post(f"{at}/ingest", json=wrong)
    await client.http.post(f"{at}/ingest", content=b"{", headers={"content-type": "text/plain"})
    page = await client.get(f"{at}/search?q=said&limit=1")
    assert [line["n"] for line in page["lines"]] == [2]
    await client.get(f"{at}/search?q=said&limit=1&cursor={page['next_cursor']}")
    for wrong in ("q=%22", "from=x", "cursor=x", "limit=0", "q=level:x"):
        await client.http.get(f"{at}/search?{wrong}")
    await client.get(f"{at}/context?at={page['lines'][0]['ts']}")
    await client.http.get(f"{at}/context?at=x")
    await client.get(f"{at}/histogram?q=said&buckets=3")
    for path in ("export?q=said", "tail?follow=false", "tail?after=x", "export?q=//"):
        await client.http.get(f"{at}/{path}")


async def ask_secrets(client: Client) -> None:
    at = "/api/secrets/far"
    for body in (
        {"value": "a-long-value", "allowed_hosts": ["example.com"], "description": "far"},
        {"value": "short"},
        {"value": 1, "allowed_hosts": ["a b"]},
        {"value": "x", "allowed_hosts": ["a b"]},
    ):
        await client.http.put(at, json=body)
    await client.get("/api/secrets/")
    assert (await client.http.delete(at)).status_code == 204
    await client.http.delete(at)


async def ask_tasks(client: Client) -> None:
    body = {"agent_type": "own", "capability": "wait", "input_data": {"x": 1}}
    client.hands.open = anyio.Event()
    answer = await client.http.post(
        "/api/agents/execute", json=body, headers={"prefer": "wait=0", "idempotency-key": "k"}
    )
    at = f"/api/agents/tasks/{answer.json()['task_id']}"
    await client.get(at)
    await client.http.post(
        "/api/agents/execute", json={**body, "capability": "do"}, headers={"idempotency-key": "k"}
    )
    assert (await client.http.delete(at)).json()["status"] == "cancelled"
    await client.get(at)
    await client.http.get(f"{at}/events")
    await client.http.post("/api/agents/execute", json=body, headers={"idempotency-key": "k"})
    await client.http.get("/api/agents/tasks/tsk_none")
    failing = await client.http.post(
        "/api/agents/execute", json={**body, "capability": "no"}, headers={"idempotency-key": "l"}
    )
    assert failing.status_code == 422
    streamed = await client.http.post(
        "/api/agents/execute",
        json={**body, "capability": "no"},
        headers={"accept": "text/event-stream"},
    )
    assert (await client.get(streamed.headers["location"]))["status"] == "failed"


async def ask_workers(client: Client) -> None:
    made = await client.post("/api/agents/register", {"name": "far", "agent_type": "far",
                                                      "capabilities": []})  # fmt: skip
    at = f"/api/agents/{made['id']}/poll"
    assert (await client.http.post(at, json={"wait_s": 0})).status_code == 204
    await client.http.post(at, json={"slots": -1})
    await client.http.post("/api/agents/own/poll", json={})
    async with anyio.create_task_group() as group:
        for _ in range(2):
            task = {"agent_type": "far", "x": 1}
            group.start_soon(partial(client.http.post, "/api/agents/execute", json=task))
        for verb, ended in (
            ("complete", {"output": 1}),
            ("fail", {"error": {"message": "no", "retryable": False}}),
        ):
            [task] = (await client.post(at, {"slots": 1}))["tasks"]
            proof = {"lease": task["lease"]["id"], "fence": task["fence"]}
            await client.post(task["links"]["heartbeat"], {**proof, "delta": "so far"})
            for _ in range(2):
                await client.post(task["links"][verb], proof | ended)
            wrong = {**proof, "lease": proof["lease"] + "0"}
            await client.http.post(task["links"][verb], json=wrong | ended)


async def ask_how_they_are(client: Client, at: str) -> None:
    await client.http.post(f"{at}/heartbeat", json={"laod": 1})
    for change in ("drain", "disable", "enable", "check"):
        await client.post(f"{at}/{change}")
    changed = await client.http.patch(at, json={"labels": {"zone": "eu"}})
    assert changed.status_code == 200, changed.text
    for wrong, tag in (({"weight": 0}, "*"), ({"name": "x"}, "*"), ({}, '"1"')):
        await client.http.patch(at, json=wrong, headers={"if-match": tag})
    await client.post(f"{at}/test", {"input_data": SENTIMENT})
    await client.http.post(f"{at}/test", json={"agent": "other"})
    for part in ("health", "events", "performance?window=6h", "events?limit=1"):
        await client.get(f"{at}/{part}")
    await client.http.get(f"{at}/performance?window=1y")
    await client.http.get(f"{at}/events?after=junk")
    await client.get("/api/agents/p/health")


async def test_every_route_tells_all_of_it(client: Client) -> None:
    document = client.witness.document
    tags = {tag["name"] for tag in document["tags"]}
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert set(operation["tags"]) <= tags, where
        expected = {"400", "401", "403", "503", "default"}
        if "x-permission" not in operation:  # a token of its own is all it takes
            expected -= {"403"}
        assert expected <= set(operation["responses"]), where
        for status, told in operation["responses"].items():
            assert told["description"], f"{where} {status}"
            content = told.get("content", {})
            assert content or status == "204", f"{where} {status}"
            for kind in content.values():
                schema = str(kind["schema"])
                assert "#/components/schemas/" in schema, f"{where} {status}: any object"
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for example in (body or {}).get("examples", {}).values():
            client.witness.judge(example["value"], operation["requestBody"], f"{where}, example")
        if body:
            assert body["examples"], where


async def test_the_witness_notices_what_is_more_or_less_than_described(client: Client) -> None:
    shown = await client.ran(own("a", "do"))
    path = client.witness.document["paths"]["/api/executions/{execution}/status"]
    told = path["get"]["responses"]["200"]
    client.witness.judge(shown, told, "as it is")
    step = shown["steps"][0]
    for wrong in (
        {**shown, "more": 1},
        {**shown, "steps": [{**step, "more": 1}]},
        {**shown, "status": "odd"},
        {**shown, "created_at": "yesterday"},
        {name: value for name, value in shown.items() if name != "usage"},
    ):
        with pytest.raises(AssertionError):
            client.witness.judge(wrong, told, "changed")


async def test_the_document_is_openapi_3_1(client: Client) -> None:
    document = client.witness.document
    assert document["openapi"].startswith("3.1")
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "tags"}
    assert {"title", "version"} <= set(document["info"])
    validator = jsonschema_rs.Draft202012Validator(OPERATION)
    for item in document["paths"].values():
        for operation in item.values():
            wrong = [error.message for error in validator.iter_errors(operation)]
            assert not wrong, (operation["operationId"], wrong)
    for schema in document["components"]["schemas"].values():
        dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        jsonschema_rs.meta.validate(dialect | schema)
