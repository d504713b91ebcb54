"""The life of an agent over HTTP: changed, kept from work, tested, drained, removed, measured."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from agent_replicas import a_task, an_agent, can, replica
from edge import a_client, a_stage
from http_peer import Peer, a_peer

from orchestra.agents import Task
from orchestra.agents.module import AgentsModule
from orchestra.agents.providers import Usage
from orchestra.agents.routes.cursors import cursor_of
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


async def echo(task: Task) -> object:
    return task.input_data


CODE = [an_agent("text_processor", can("sentiment_analysis", echo))]


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url, CODE) as module:
        yield module


@pytest.fixture
async def http(agents: AgentsModule) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(a_stage(None, agents)) as client:
        yield client


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def far(http: httpx.AsyncClient, peer: Peer, name: str = "far", **fields: Any) -> Any:
    body = {"name": name, "agent_type": "remote", "capabilities": [], "endpoint": peer.url}
    answer = await http.post("/api/agents/register", json=body | fields)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def told(http: httpx.AsyncClient, name: str) -> list[str]:
    answer = await http.get(f"/api/agents/{name}/events")
    return [one["type"] for one in answer.json()["items"]]


EVERYTHING: dict[str, Any] = {
    "description": "d", "version": "1.2.3", "labels": {"zone": "eu"}, "metadata": {"x": [1]},
    "ephemeral": True, "priority": 3, "weight": 5, "max_concurrency": 7,
    "limits": {"rpm": 60, "tpm": None}, "timeout_ms": 5_000, "hedge": True,
    "heartbeat": {"mode": "push", "interval_s": 5, "ttl_s": 20},
    "health": {"path": "/up", "interval_s": 3, "timeout_ms": 500},
    "auth": {"type": "header", "secret": "${secret:key}", "header": "X-Key"},
    "fallbacks": ["type:other"], "budget": {"usd_per_day": 1.25, "usd_per_task": None},
    "price": {"input_per_mtok": 0.1, "output_per_mtok": 2.0}, "format": "input",
    "response_path": "a.b", "async": True,
}  # fmt: skip


async def test_everything_that_was_registered_is_shown(http: httpx.AsyncClient, peer: Peer) -> None:
    made = await far(http, peer, **EVERYTHING)

    shown = (await http.get(f"/api/agents/{made['id']}")).json()

    assert EVERYTHING.items() <= shown.items()
    assert shown["endpoint"] == peer.url
    assert set(made) - set(shown) == {"warnings"}


async def test_what_is_shown_can_be_sent_back(http: httpx.AsyncClient, peer: Peer) -> None:
    made = await far(http, peer, **EVERYTHING)
    ours = ("id", "status", "revision", "registered_at", "links", "warnings")

    again = await http.post(
        "/api/agents/register", json={k: v for k, v in made.items() if k not in ours}
    )

    assert (again.status_code, again.json()["revision"]) == (200, 1)


async def test_a_patch_changes_what_it_names_and_the_etag_is_the_revision(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    made = await far(http, peer, labels={"zone": "eu", "rack": "7"})
    at = f"/api/agents/{made['id']}"
    before = await http.get(at)

    changed = await http.patch(
        at, json={"weight": 9, "labels": {"rack": None}}, headers={"if-match": '"1"'}
    )
    same = await http.patch(at, json={"weight": 9}, headers={"if-match": 'W/"2"'})
    moved = await http.patch(at, json={"weight": 1}, headers={"if-match": '"1"'})
    free = await http.patch(at, json={"weight": 3})

    assert before.headers["etag"] == '"1"'
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["weight"], changed.json()["labels"]) == (9, {"zone": "eu"})
    assert changed.json()["id"] == made["id"]
    assert (same.status_code, same.headers["etag"]) == (200, '"2"')
    assert (moved.status_code, moved.json()["code"]) == (412, "revision_mismatch")
    assert moved.json()["revision"] == 2
    assert free.headers["etag"] == '"3"'
    assert (await told(http, made["id"])).count("agent.updated") == 2


async def test_patches_at_once_are_all_there_afterwards(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    await far(http, peer)
    answers: list[int] = []

    async def patch(i: int) -> None:
        answer = await http.patch("/api/agents/far", json={"labels": {f"n{i}": "x"}})
        answers.append(answer.status_code)

    async with anyio.create_task_group() as group:
        for i in range(4):
            group.start_soon(patch, i)

    assert answers == [200] * 4
    labels = (await http.get("/api/agents/far")).json()["labels"]
    assert set(labels) == {"n0", "n1", "n2", "n3"}


@pytest.mark.parametrize(
    ("patch", "status", "code"),
    [
        ({"weight": 0, "prioritty": 1}, 422, "registration_invalid"),
        ([], 422, "registration_invalid"),
        ({"endpoint": "http://169.254.169.254/"}, 422, "registration_invalid"),
        ({"auth": {"type": "bearer", "secret": "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa"}}, 422, None),
        ({"name": "other"}, 409, "name_is_fixed"),
        ({"agent_type": "other"}, 409, "type_is_fixed"),
        ({"name": None}, 422, "registration_invalid"),
        ({"command": ["rm"]}, 422, "registration_invalid"),
    ],
)
async def test_a_patch_that_cannot_be_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, peer: Peer, patch: Any, status: int, code: str | None
) -> None:
    made = await far(http, peer)

    answer = await http.patch(f"/api/agents/{made['id']}", json=patch)

    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
    assert (await http.get("/api/agents/far")).json()["revision"] == 1


async def test_every_wrong_field_of_a_patch_is_named(http: httpx.AsyncClient, peer: Peer) -> None:
    await far(http, peer)
    patch = {"weight": 0, "prioritty": 1, "health": {"interval_s": 0}, "labels": {"a": 1}}

    answer = await http.patch("/api/agents/far", json=patch)

    assert {one["pointer"] for one in answer.json()["errors"]} == {
        "/weight", "/prioritty", "/health/interval_s", "/labels/a",
    }  # fmt: skip
    assert (await http.patch("/api/agents/nobody", json={})).status_code == 404
    assert (await http.patch("/api/agents/far", content=b"{")).status_code in (400, 415)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"load": "x", "in_flight": -1, "version": "v?", "status": 5, "laod": 1},
         {"/load", "/in_flight", "/version", "/status", "/laod"}),
        ({"load": -0.1}, {"/load"}),
        ({"load": True, "in_flight": 1.5}, {"/load", "/in_flight"}),
        ({"status": "x" * 65}, {"/status"}),
        ([], {""}),
    ],
)  # fmt: skip
async def test_every_wrong_field_of_a_heartbeat_is_named(
    http: httpx.AsyncClient, peer: Peer, body: object, pointers: set[str]
) -> None:
    await far(http, peer)

    answer = await http.post("/api/agents/far/heartbeat", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "heartbeat_invalid")
    assert {one["pointer"] for one in answer.json()["errors"]} == pointers


async def test_a_disabled_agent_gets_no_tasks_and_no_checks_until_it_is_enabled(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    made = await far(http, peer)
    body = {"agent_type": "remote", "input_data": {}}

    disabled = await http.post("/api/agents/far/disable")
    refused = await http.post("/api/agents/execute", json=body)
    checked = await http.post("/api/agents/far/check")
    health = (await http.get("/api/agents/far/health")).json()
    beat = (await http.post("/api/agents/far/heartbeat")).json()
    enabled = await http.post("/api/agents/far/enable")
    done = await http.post("/api/agents/execute", json=body)

    assert (disabled.json()["status"], disabled.json()["revision"]) == ("disabled", 1)
    assert (refused.status_code, refused.json()["code"]) == (503, "no_agent_available")
    assert (checked.status_code, checked.json()["code"]) == (409, "not_in_use")
    assert (health["status"], health["reason"]) == ("disabled", "it was disabled by hand")
    assert health["since"] >= made["registered_at"]
    assert beat["drain"] is True
    assert enabled.json()["status"] == "healthy"
    assert done.status_code == 200


async def test_a_drain_is_told_when_the_last_task_has_ended(
    http: httpx.AsyncClient, peer: Peer, agents: AgentsModule
) -> None:
    await far(http, peer)
    reached, go_on = anyio.Event(), anyio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    peer.hold = hold
    results: list[Any] = []

    async def work() -> None:
        results.append(await agents.execute(a_task("remote")))

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await reached.wait()
        drained = await http.post("/api/agents/far/drain")
        during = (await http.get("/api/agents/far/health")).json()
        assert drained.json()["status"] == "draining"
        assert during["reason"] == "it gets no new tasks, 1 still running"
        assert during["slots"]["in_use"] == 1
        assert (await told(http, "far"))[-1] == "agent.draining"
        go_on.set()

    assert results[0].error is None
    assert (await told(http, "far"))[-1] == "agent.drained"


async def test_a_removal_waits_for_what_runs_and_no_longer_than_it_was_told(
    http: httpx.AsyncClient, peer: Peer, agents: AgentsModule
) -> None:
    await far(http, peer)
    reached, go_on = anyio.Event(), anyio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    peer.hold = hold
    results: list[Any] = []
    removed: list[int] = []

    async def work() -> None:
        results.append(await agents.execute(a_task("remote")))

    async def remove() -> None:
        removed.append((await http.delete("/api/agents/far?drain_s=20")).status_code)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await reached.wait()
        group.start_soon(remove)
        while (await http.get("/api/agents/far")).json()["status"] != "draining":
            await anyio.lowlevel.checkpoint()
        assert not removed
        go_on.set()

    assert removed == [204]
    assert results[0].error is None
    assert (await http.get("/api/agents/far")).status_code == 404
    events, _ = await agents.care.events.after(DEFAULT_TENANT, {})
    assert [one.type for one in events if one.type == "agent.removed"] == ["agent.removed"]


async def test_a_test_is_one_real_task_on_this_very_agent(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    await far(http, peer, "one")
    other = await far(http, peer, "two", priority=0)
    peer.says({"fine": True})

    for _ in range(3):
        answer = await http.post("/api/agents/one/test", json={"input_data": {"x": 1}})
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert (result["test"], result["agent"]["name"]) == (True, "one")
        assert result["output"] == {"fine": True}
    bare = await http.post("/api/agents/one/test")
    wrong = await http.post("/api/agents/one/test", json={"agent": other["id"], "agent_type": "x"})
    peer.says({}, 400)
    failed = await http.post("/api/agents/one/test", json={"input_data": {}})

    assert bare.status_code == 200
    assert (wrong.status_code, len(wrong.json()["errors"])) == (422, 2)
    assert (failed.status_code, failed.json()["code"]) == (502, "agent_failed")
    assert all(asked.json["agent"]["name"] == "one" for asked in peer.asked)


async def test_types_tell_how_their_agents_are(http: httpx.AsyncClient, peer: Peer) -> None:
    for name in ("a", "b", "c"):
        await far(http, peer, name)
    await http.post("/api/agents/a/disable")

    items = {
        one["agent_type"]: one for one in (await http.get("/api/agents/types")).json()["items"]
    }

    assert items["remote"]["statuses"] == {"disabled": 1, "healthy": 2}
    assert items["text_processor"]["statuses"] == {"healthy": 1}


async def test_agents_are_listed_by_provider_and_state(http: httpx.AsyncClient, peer: Peer) -> None:
    await far(http, peer, "a")
    await far(http, peer, "b")
    await http.post("/api/agents/b/drain")

    async def names(query: str) -> list[str]:
        answer = await http.get(f"/api/agents?{query}")
        return [one["name"] for one in answer.json()["items"]]

    assert await names("provider=python") == ["text_processor"]
    assert await names("provider=http&status=draining") == ["b"]
    assert (await http.get("/api/agents?status=ill")).status_code == 422


async def test_events_are_read_on_from_a_cursor(http: httpx.AsyncClient, peer: Peer) -> None:
    await far(http, peer)
    first = (await http.get("/api/agents/far/events")).json()
    none = (await http.get(f"/api/agents/far/events?after={first['next_cursor']}")).json()
    for _ in range(3):
        await http.post("/api/agents/far/drain")
        await http.post("/api/agents/far/enable")

    seen: list[str] = []
    cursor = first["next_cursor"]
    while True:
        page = (await http.get(f"/api/agents/far/events?limit=2&after={cursor}")).json()
        if not page["items"]:
            break
        seen += [one["type"] for one in page["items"]]
        cursor = page["next_cursor"]

    assert none["items"] == []
    # Two streams tell of an agent: what they have of one millisecond has no order.
    assert sorted(seen) == sorted(["agent.draining", "agent.drained", "agent.healthy"] * 3)
    big = cursor_of("99999999999999999999-0~1-1")
    for junk in ("junk", "MS0x", cursor_of("1-1"), cursor_of("1-1~x"), big):
        answer = await http.get(f"/api/agents/far/events?after={junk}")
        assert answer.status_code == 422, junk


async def test_what_an_agent_did_is_told_for_a_window(
    http: httpx.AsyncClient, peer: Peer, agents: AgentsModule
) -> None:
    await far(http, peer)
    for _ in range(20):
        await agents.execute(a_task("remote"))
    peer.status = 400
    for _ in range(4):
        await agents.execute(a_task("remote"))
    await agents.care.performance.flush()

    told = (await http.get("/api/agents/far/performance?window=1h")).json()
    day = (await http.get("/api/agents/far/performance?window=24h")).json()

    assert told["tasks"] == day["tasks"] == 24
    assert told["outcomes"] == {"ok": 20, "failed": 4, "unknown": 0, "cancelled": 0}
    assert told["success_rate"] == pytest.approx(20 / 24, abs=1e-5)
    assert 0 <= told["duration_ms"]["p50"] <= told["duration_ms"]["p99"]
    assert sum(point["tasks"] for point in told["series"]) == 24
    assert (len(told["series"]), told["step_s"]) == (60, 60)
    assert (len(day["series"]), day["step_s"]) == (144, 600)
    assert told["cost_usd"] is None
    assert told["series"][0]["p50_ms"] is None


async def test_figures_of_all_replicas_are_one_and_nothing_is_null_without_reason(
    http: httpx.AsyncClient, peer: Peer, agents: AgentsModule, store_url: str
) -> None:
    made = await far(http, peer)
    async with replica(store_url) as second:
        for module in (agents, second):
            await module.registry.refresh()
            agent = module.registry.roster(DEFAULT_TENANT).by_id[made["id"]]
            for ms in range(1, 101):
                usage = Usage(input_tokens=10, output_tokens=5, cost_micro_usd=1_000)
                module.care.performance.record(agent, "ok", ms * 10, usage, ms, 2)
            await module.care.performance.flush()
            await module.care.performance.flush()

    told = (await http.get("/api/agents/far/performance")).json()
    nothing = (await http.get("/api/agents/text_processor/performance?window=90s")).json()

    assert told["tasks"] == 200
    assert told["tokens"] == {"input": 2_000, "output": 1_000, "cached": 0}
    assert (told["cost_usd"], told["tasks_priced"]) == (0.2, 200)
    assert told["duration_ms"]["p50"] == pytest.approx(500, rel=0.044)
    assert told["duration_ms"]["p99"] == pytest.approx(990, rel=0.044)
    assert told["duration_ms"]["mean"] == 505
    assert told["first_token_ms"]["p90"] == pytest.approx(90, rel=0.044)
    assert told["queue_ms_mean"] == 2
    assert (nothing["tasks"], nothing["success_rate"]) == (0, None)
    assert nothing["duration_ms"]["p95"] is None


@pytest.mark.parametrize("window", ["0h", "25h", "59s", "1d", "h", "-1h", "1h "])
async def test_a_window_is_from_a_minute_to_a_day(http: httpx.AsyncClient, window: str) -> None:
    answer = await http.get("/api/agents/text_processor/performance", params={"window": window})

    assert (answer.status_code, answer.json()["code"]) == (422, "window_invalid")


async def test_the_health_of_code_in_this_process_is_told(http: httpx.AsyncClient) -> None:
    health = (await http.get("/api/agents/text_processor/health")).json()

    assert (health["status"], health["reason"]) == ("healthy", "its code runs in this process")
    assert health["check"] == {"mode": "passive", "interval_s": None, "last": None}


@pytest.mark.parametrize("part", ["health", "events", "performance"])
async def test_an_agent_nobody_knows_has_no_health(http: httpx.AsyncClient, part: str) -> None:
    answer = await http.get(f"/api/agents/nobody/{part}")

    assert (answer.status_code, answer.json()["code"]) == (404, "agent_unknown")
