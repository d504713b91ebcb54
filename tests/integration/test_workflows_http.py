"""Workflows and executions over HTTP, on the whole product: what callers send and get."""

import functools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from agent_replicas import an_agent, can
from edge import a_client
from workflow_documents import EXAMPLES, SHORT_STEPS

from orchestra.agents import Task
from orchestra.app import Ports, Running, build_modules, prepare, running
from orchestra.settings import Settings
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

GHOST = "exe_01900000-0000-7000-8000-0000000000ff"
JSON = {"content-type": "application/json"}


class Gate:
    """An agent that waits until the test opens it, and one that echoes."""

    def __init__(self) -> None:
        self.begun, self.open = anyio.Event(), anyio.Event()

    async def wait(self, task: Task) -> object:
        """Answer when it is opened."""
        self.begun.set()
        await self.open.wait()
        return {"waited": True}

    async def echo(self, task: Task) -> object:
        """Answer what was sent."""
        return task.input_data


class Api:
    """A client of the running product."""

    def __init__(self, client: httpx.AsyncClient, parts: Running, gate: Gate) -> None:
        self.http, self.parts, self.gate = client, parts, gate

    @property
    def store(self) -> Store:
        """The store under it."""
        return self.parts.store

    async def size(self) -> int:
        """How many keys the store has, but for those in which replicas say that they live and what
        agents they have, what they count, log and alert of, and how far they have read: they do so
        beside what is asked of them.
        """
        names = await self.store.read(self.store.prefix(self.store.partitions[0]), "KEYS", "*")
        others = (b"o:{mon}", b"o:{log/", b"o:{sub}", b"o:{al}", b"o:{ag}", b"o:a:{")
        return sum(
            not name.endswith((b":cur", b":wk"))
            and not name.startswith(others)
            and name.split(b":")[2] not in (b"m", b"rq")
            for name in names
        )

    async def save(self, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Save a definition."""
        answer = await self.http.post(
            "/api/workflows/", json={"name": "w", "steps": steps, **fields}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def run(self, workflow: str, given: object = None, wait: int = 60) -> httpx.Response:
        """Start it, and wait for the end."""
        return await self.http.post(
            f"/api/workflows/{workflow}/execute", json={"input_data": given or {}},
            headers={"prefer": f"wait={wait}"},
        )  # fmt: skip

    async def start(self, workflow: str, **body: Any) -> str:
        """Start it; the id."""
        answer = await self.http.post(f"/api/workflows/{workflow}/execute", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


@asynccontextmanager
async def the_api(store_url: str) -> AsyncIterator[Api]:
    """All of the product but its sockets, with two agents of the test's own."""
    gate = Gate()
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    agents = [
        an_agent("gate", can("wait", gate.wait), limit=1),
        an_agent("echo", can("echo", gate.echo)),
    ]
    build = functools.partial(build_modules, python_agents=agents)
    async with running(settings, stage, build) as parts, a_client(stage) as client:
        yield Api(client, parts, gate)


@pytest.fixture
async def api(store_url: str) -> AsyncIterator[Api]:
    async with the_api(store_url) as made:
        yield made


def a_value(name: str = "a", value: object = 1, **fields: Any) -> dict[str, Any]:
    return {"id": name, "type": "transform", "input_data": value, **fields}


HOLD = {"id": "hold", "agent_type": "gate", "task_type": "wait"}


def a_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"].endswith("/problems/" + code.replace("_", "-"))
    assert problem["title"]
    return problem


# the calls of the original


async def test_the_seed_calls_for_workflows_answer_as_documented(api: Api) -> None:
    made = await api.http.post(
        "/api/workflows/", json={"name": "Sample Workflow", "steps": SHORT_STEPS}
    )
    workflow = made.json()
    assert made.status_code == 201
    assert workflow["id"] == workflow["workflow_id"]
    assert made.headers["location"] == f"/api/workflows/{workflow['id']}"
    assert (workflow["version"], workflow["status"]) == (1, "active")
    assert {"digest", "warnings", "created_at", "links", "name"} <= set(workflow)

    started = await api.http.post(
        f"/api/workflows/{workflow['id']}/execute", json={"input_data": {"order": 7}}
    )
    body = started.json()
    assert started.status_code == 202
    assert body["id"] == body["execution_id"]
    assert started.headers["location"] == f"/api/executions/{body['id']}"
    assert body["status"] == "pending"
    assert body["created"] is True
    assert body["durability"] == api.store.durability.appendfsync

    shown = await ended(api, body["id"])
    assert shown["status"] == "completed"
    assert shown["steps"][1]["input_data"]["text"] == SHORT_STEPS[0]["text"]
    assert shown["progress"] == {"total": 3, "done": 3, "percent": 100}

    logs = (await api.http.get(f"/api/executions/{body['id']}/logs")).json()
    assert logs["execution_id"] == body["id"]
    assert {"id", "at", "level", "event", "step", "attempt", "agent", "message", "data"} <= set(
        logs["logs"][0]
    )


async def step_state(api: Api, execution: str) -> str:
    """How its first step stands."""
    shown = (await api.http.get(f"/api/executions/{execution}/status")).json()
    return str(shown["steps"][0]["status"])


async def ended(api: Api, execution: str) -> dict[str, Any]:
    """The status, as soon as it ended."""
    with anyio.fail_after(60):
        while True:
            shown = (await api.http.get(f"/api/executions/{execution}/status")).json()
            if shown["ended_at"]:
                return shown


async def test_the_example_of_customer_support_has_no_mistakes(api: Api) -> None:
    text = (EXAMPLES / "customer-support.json").read_bytes()

    answer = await api.http.post("/api/workflows/validate", content=text, headers=JSON)

    assert answer.json()["valid"] is True
    assert [one for one in answer.json()["findings"] if one["severity"] == "error"] == []


async def test_trailing_slashes_do_not_matter(api: Api) -> None:
    workflow = await api.save(a_value())

    for path in ("/api/workflows", "/api/workflows/", f"/api/workflows/{workflow['id']}/"):
        assert (await api.http.get(path)).status_code == 200


# bad input


def too_deep() -> bytes:
    return b'{"name":"w","steps":' + b"[" * 10_000 + b"]" * 10_000 + b"}"


BAD: dict[str, tuple[object, int, str, list[str]]] = {
    "a cycle": (
        [a_value("a", 1, depends_on=["b"]), a_value("b", 1, depends_on=["a"])],
        422, "definition_invalid", ["graph.cycle"],
    ),
    "an unknown reference": (
        [a_value("classify"), a_value("b", 1, depends_on=["clasify"])],
        422, "definition_invalid", ["graph.unknown_step"],
    ),
    "a duplicate id": (
        [a_value("a"), a_value("a")], 422, "definition_invalid", ["step.id_duplicate"],
    ),
    "a bad expression": (
        [a_value("a", "${input.x +}")], 422, "definition_invalid", ["expression.syntax"],
    ),
    "a wrong type": (
        [a_value("a", 1, depends_on=3)], 422, "definition_invalid", ["field.type"],
    ),
    "1,001 steps": (
        [a_value(f"s{n}") for n in range(1_001)], 422, "definition_invalid", ["limit.steps"],
    ),
    "2 MiB": (b'{"name":"' + b"x" * 2_097_152 + b'"}', 413, "body_too_large", []),
    "10,000 deep": (too_deep(), 400, "json_depth", []),
    "not UTF-8": (b'{"name":"\xff\xfe","steps":[]}', 400, "json_encoding", []),
    "not JSON": (b'{"name":', 400, "json_syntax", []),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(BAD))
async def test_bad_definitions_are_one_problem_and_the_store_is_untouched(
    api: Api, kind: str
) -> None:
    sent, status, code, findings = BAD[kind]
    body = sent if isinstance(sent, bytes) else json.dumps({"name": "w", "steps": sent}).encode()
    before = await api.size()

    answer = await api.http.post("/api/workflows/", content=body, headers=JSON)

    problem = a_problem(answer, status, code)
    assert [one["code"] for one in problem.get("errors", []) if one["severity"] == "error"] == (
        findings
    )
    for one in problem.get("errors", []):
        assert one["pointer"].startswith("/steps")
        assert one["message"]
        assert one["range"]["line"] >= 1
    assert await api.size() == before


async def test_every_mistake_of_a_document_is_found_at_once_with_its_fix(api: Api) -> None:
    steps = [
        a_value("classify", "${input.x +}"),
        a_value("classify"),
        a_value("b", 1, depends_on=["clasify"]),
        a_value("c", 1, depends_on=["d"]),
        a_value("d", 1, depends_on=["c"]),
        a_value("e", 1, retry=3),
    ]
    before = await api.size()

    answer = await api.http.post("/api/workflows/", json={"name": "w", "steps": steps})

    problem = a_problem(answer, 422, "definition_invalid")
    errors = {one["code"]: one for one in problem["errors"] if one["severity"] == "error"}
    assert {
        "expression.syntax", "step.id_duplicate", "graph.unknown_step", "graph.cycle",
    } <= set(errors)  # fmt: skip
    assert errors["graph.unknown_step"]["pointer"] == "/steps/2/depends_on/0"
    assert errors["graph.unknown_step"]["suggestion"] == "classify"
    assert errors["graph.unknown_step"]["fix"] == [
        {"op": "replace", "path": "/steps/2/depends_on/0", "value": "classify"}
    ]
    assert await api.size() == before


@pytest.mark.parametrize("sent", [b"{", b"\xff", too_deep(), b"[]", b"", b'{"name":1}'])
async def test_validate_always_answers(api: Api, sent: bytes) -> None:
    answer = await api.http.post("/api/workflows/validate", content=sent, headers=JSON)

    assert answer.status_code == 200, answer.text
    assert answer.json()["valid"] is False
    assert answer.json()["findings"]


async def test_input_that_does_not_fit_is_422_and_stores_nothing(api: Api) -> None:
    workflow = await api.save(
        a_value(),
        input_schema={
            "type": "object", "required": ["text"],
            "properties": {"text": {"type": "string"}, "n": {"type": "integer"}},
        },
    )  # fmt: skip
    before = await api.size()

    answer = await api.http.post(
        f"/api/workflows/{workflow['id']}/execute", json={"input_data": {"text": 1, "n": "x"}}
    )

    problem = a_problem(answer, 422, "input_invalid")
    pointers = sorted(one["pointer"] for one in problem["errors"])
    assert pointers == ["/input_data/n", "/input_data/text"]
    assert await api.size() == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"version": "x"}, "/version"),
        ({"delay": "soon"}, "/delay"),
        ({"timeout": 7}, "/timeout"),
        ({"labels": {"a": 1}}, "/labels"),
        ({"inptu_data": {}}, "/inptu_data"),
    ],
)
async def test_a_bad_start_names_the_field(api: Api, body: dict[str, Any], pointer: str) -> None:
    workflow = await api.save(a_value())

    answer = await api.http.post(f"/api/workflows/{workflow['id']}/execute", json=body)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


# what is not there, or not possible


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/workflows/nobody"),
        ("GET", "/api/workflows/wfl_1"),
        ("PUT", "/api/workflows/wfl_1"),
        ("DELETE", "/api/workflows/wfl_1"),
        ("GET", "/api/workflows/wfl_1/versions"),
        ("POST", "/api/workflows/wfl_1/execute"),
        ("GET", f"/api/executions/{GHOST}"),
        ("GET", "/api/executions/x"),
        ("GET", f"/api/executions/{GHOST}/logs"),
        ("GET", f"/api/executions/{GHOST}/history"),
        ("GET", f"/api/executions/{GHOST}/steps"),
        ("GET", f"/api/executions/{GHOST}/steps/a/b"),
        ("POST", f"/api/executions/{GHOST}/pause"),
        ("POST", f"/api/executions/{GHOST}/retry"),
    ],
)
async def test_what_is_not_there_is_404(api: Api, method: str, path: str) -> None:
    body = {"name": "w", "steps": [a_value()]} if method == "PUT" else {}
    answer = await api.http.request(method, path, json=body)

    assert answer.status_code == 404, answer.text
    assert answer.json()["code"].startswith("no_such_")


async def test_unknown_versions_and_steps_are_404(api: Api) -> None:
    workflow = await api.save(a_value())
    execution = (await api.run(workflow["id"])).json()["id"]

    a_problem(
        await api.http.get(f"/api/workflows/{workflow['id']}/versions/9"), 404, "no_such_version"
    )
    a_problem(
        await api.http.post(f"/api/workflows/{workflow['id']}/execute", json={"version": 9}),
        404, "no_such_version",
    )  # fmt: skip
    a_problem(await api.http.get(f"/api/executions/{execution}/steps/zz"), 404, "no_such_step")


async def test_a_name_is_a_reference_where_exactly_one_has_it(api: Api) -> None:
    first = await api.save(a_value(), name="one of a kind")
    assert (await api.http.get("/api/workflows/one of a kind")).json()["id"] == first["id"]

    second = await api.save(a_value(), name="one of a kind")

    problem = a_problem(
        await api.http.get("/api/workflows/one of a kind"), 409, "workflow_ambiguous"
    )
    assert sorted(problem["ids"]) == sorted([first["id"], second["id"]])


async def test_a_verb_that_is_impossible_now_is_409_with_what_is_allowed(api: Api) -> None:
    workflow = await api.save(a_value())
    execution = (await api.run(workflow["id"])).json()["id"]

    problem = a_problem(
        await api.http.post(f"/api/executions/{execution}/resume"), 409, "wrong_state"
    )

    assert problem["execution_status"] == "completed"
    assert problem["allowed"] == ["rollback"]


async def test_control_verbs_answer_202_and_the_same_when_repeated(api: Api) -> None:
    workflow = await api.save(HOLD, a_value("b"))
    execution = await api.start(workflow["id"])
    await api.gate.begun.wait()

    for verb, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        for _ in range(2):
            answer = await api.http.post(
                f"/api/executions/{execution}/{verb}", json={"reason": "a test"}
            )
            assert answer.status_code == 202
            assert answer.json() == {"id": execution, "execution_id": execution, "status": status}

    bad = await api.http.post(f"/api/executions/{execution}/pause", json={"mode": "gently"})
    assert bad.status_code in (409, 422)


async def test_an_unknown_agent_type_fails_its_step_after_its_retries(api: Api) -> None:
    retry = {"max_attempts": 3, "initial": "1ms", "jitter": "none"}
    made = await api.save({"id": "a", "agent_type": "nobody", "retry": retry})
    assert [one["code"] for one in made["warnings"]] == ["agent.none_registered"]

    shown = (await api.run(made["id"])).json()

    assert shown["status"] == "failed"
    assert (shown["error"]["code"], shown["error"]["problem"]) == (
        "agent.unavailable", "no-agent-available",
    )  # fmt: skip
    (step,) = shown["steps"]
    assert (step["status"], step["attempts"]) == ("failed", 3)
    logs = (await api.http.get(f"/api/executions/{shown['id']}/logs?level=warning")).json()["logs"]
    assert [one["event"] for one in logs] == [
        "step.retry_scheduled", "step.retry_scheduled", "step.failed", "workflow.failed",
    ]  # fmt: skip


async def test_an_attempt_over_its_timeout_and_a_full_agent_end_as_the_clocks_say(
    api: Api,
) -> None:
    once = {"max_attempts": 1}
    slow = await api.save({**HOLD, "timeout": "100ms", "retry": once})
    shown = (await api.run(slow["id"])).json()
    assert shown["error"]["code"] == "timeout.attempt"

    first = await api.start((await api.save(HOLD))["id"])
    with anyio.fail_after(60):
        while await step_state(api, first) != "running":  # noqa: ASYNC110  -- in the store
            await anyio.sleep(0.01)
    full = await api.save({**HOLD, "queue_timeout": "100ms", "retry": once})
    shown = (await api.run(full["id"])).json()

    assert (shown["status"], shown["error"]["code"]) == ("failed", "timeout.queue")
    api.gate.open.set()
    assert (await ended(api, first))["status"] == "completed"


# starting


async def test_prefer_wait_answers_200_with_the_status_if_it_ends_in_time(api: Api) -> None:
    quick = await api.save(a_value("a", {"x": 1}))
    answer = await api.run(quick["id"])
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.json()["output"] == {"x": 1}

    slow = await api.save(HOLD)
    answer = await api.run(slow["id"], wait=1)
    assert answer.status_code == 202
    assert answer.json()["status"] == "running"
    api.gate.open.set()


async def test_a_start_with_a_key_is_safe_to_repeat(api: Api) -> None:
    workflow = await api.save(a_value())
    path, key = f"/api/workflows/{workflow['id']}/execute", {"idempotency-key": "k1"}

    first = await api.http.post(path, json={"input_data": {"x": 1}}, headers=key)
    again = await api.http.post(path, json={"input_data": {"x": 1}}, headers=key)
    other = await api.http.post(path, json={"input_data": {"x": 2}}, headers=key)

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["created"] is False
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    a_problem(other, 422, "idempotency_mismatch")


async def test_a_save_with_a_key_is_safe_to_repeat(api: Api) -> None:
    key = {"idempotency-key": "k1"}
    body = {"name": "w", "steps": [a_value()]}

    first = await api.http.post("/api/workflows/", json=body, headers=key)
    again = await api.http.post("/api/workflows/", json=body, headers=key)
    other = await api.http.post(
        "/api/workflows/", json={"name": "v", "steps": [a_value()]}, headers=key
    )

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    a_problem(other, 422, "idempotency_mismatch")


async def test_twenty_starts_at_once_with_one_key_are_one_execution(api: Api) -> None:
    workflow = await api.save(a_value())
    found: list[tuple[int, str]] = []

    async def start() -> None:
        answer = await api.http.post(
            f"/api/workflows/{workflow['id']}/execute", json={}, headers={"idempotency-key": "k"}
        )
        found.append((answer.status_code, answer.json()["id"]))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(start)

    assert len({execution for _, execution in found}) == 1
    assert sorted(status for status, _ in found) == [200] * 19 + [202]


# versions


async def test_a_save_makes_a_version_and_the_same_content_makes_none(api: Api) -> None:
    workflow = await api.save(a_value("a", 1))
    path = f"/api/workflows/{workflow['id']}"

    same = await api.http.put(path, json={"name": "w", "steps": [a_value("a", 1)]})
    newer = await api.http.put(path, json={"name": "w", "steps": [a_value("a", 2)]})

    assert (same.json()["version"], newer.json()["version"]) == (1, 2)
    assert newer.headers["etag"] == '"2"'
    shown = await api.http.get(path)
    assert shown.json()["definition"]["steps"][0]["input_data"] == 2
    assert shown.headers["etag"] == '"2"'
    versions = (await api.http.get(f"{path}/versions")).json()["items"]
    assert [one["version"] for one in versions] == [2, 1]
    old = (await api.http.get(f"{path}/versions/1")).json()
    assert old["definition"]["steps"][0]["input_data"] == 1
    started = await api.start(workflow["id"], version=1)
    assert (await ended(api, started))["output"] == 1


async def test_if_match_guards_a_save(api: Api) -> None:
    workflow = await api.save(a_value("a", 1))
    path = f"/api/workflows/{workflow['id']}"
    body = {"name": "w", "steps": [a_value("a", 2)]}

    stale = await api.http.put(path, json=body, headers={"if-match": '"7"'})
    fresh = await api.http.put(path, json=body, headers={"if-match": '"1"'})

    assert a_problem(stale, 412, "version_mismatch")["version"] == 1
    assert fresh.json()["version"] == 2
    bad = await api.http.put(path, json=body, headers={"if-match": '"abc"'})
    assert 400 <= bad.status_code < 500


async def test_an_archived_workflow_starts_nothing_and_is_listed_apart(api: Api) -> None:
    workflow = await api.save(a_value(), name="old one")

    for _ in range(2):
        assert (await api.http.delete(f"/api/workflows/{workflow['id']}")).status_code == 204

    a_problem(
        await api.http.post(f"/api/workflows/{workflow['id']}/execute", json={}),
        409, "workflow_archived",
    )  # fmt: skip
    assert (await api.http.get("/api/workflows/?name=old one")).json()["items"] == []
    archived = (await api.http.get("/api/workflows/?archived=true")).json()["items"]
    assert [one["id"] for one in archived] == [workflow["id"]]
    assert (await api.http.get(f"/api/workflows/{workflow['id']}")).json()["status"] == "archived"


# canvas


async def test_where_steps_stand_is_kept_beside_the_workflow(api: Api) -> None:
    workflow = await api.save(a_value())
    at = f"/api/workflows/{workflow['id']}/layout"
    assert (await api.http.get(at)).json() == {"positions": {}}

    kept = {"positions": {"a": [12, -96], "p/one/b": [0, 4]}}
    for _ in range(2):
        assert (await api.http.put(at, json=kept)).json() == kept
    await api.http.put(f"/api/workflows/{workflow['id']}", json={"name": "w", "steps": [{}, {}]})
    assert (await api.http.get(at)).json() == kept

    for _ in range(2):
        assert (await api.http.delete(at)).status_code == 204
    assert (await api.http.get(at)).json() == {"positions": {}}


@pytest.mark.parametrize(
    "positions",
    [
        *(None, [], {"a": [1]}, {"a": [1, 2, 3]}, {"a": [0.5, 0]}, {"a": [100_001, 0]}),
        {"": [0, 0]},
        {f"s{i}": [0, 0] for i in range(1_001)},
    ],
)  # fmt: skip
async def test_a_bad_layout_is_422(api: Api, positions: object) -> None:
    workflow = await api.save(a_value())
    at = f"/api/workflows/{workflow['id']}/layout"

    assert (await api.http.put(at, json={"positions": positions})).status_code == 422
    assert (await api.http.get(at)).json() == {"positions": {}}
    assert (
        await api.http.put("/api/workflows/wfl_x/layout", json={"positions": {}})
    ).status_code == 404


# drafts


async def test_a_draft_is_kept_for_its_author_until_it_is_discarded(api: Api) -> None:
    workflow = await api.save(a_value())
    for at in (f"/api/workflows/{workflow['id']}/draft", "/api/workflows/new/draft"):
        assert (await api.http.get(at)).status_code == 404
        for text in ("{", '{"name": "\\ud83e\\udd8a'):
            kept = (await api.http.put(at, json={"definition": text, "version": 1})).json()
            assert (kept["definition"], kept["version"]) == (text, 1)
            assert (await api.http.get(at)).json() == kept
        for _ in range(2):
            assert (await api.http.delete(at)).status_code == 204
        assert (await api.http.get(at)).status_code == 404


async def test_only_the_last_fifty_drafts_of_an_author_are_kept(api: Api) -> None:
    ids = [(await api.save(a_value() | {"name": f"w{i}"}))["id"] for i in range(52)]
    for one in ids:
        kept = await api.http.put(f"/api/workflows/{one}/draft", json={"definition": one})
        assert kept.status_code == 200

    found = [(await api.http.get(f"/api/workflows/{one}/draft")).status_code for one in ids]

    assert found == [404, 404, *[200] * 50]


@pytest.mark.parametrize(
    "draft", [None, {}, {"definition": 1}, {"definition": "", "version": 0}, {"definitoin": ""}]
)
async def test_a_bad_draft_is_422(api: Api, draft: object) -> None:
    assert (await api.http.put("/api/workflows/new/draft", json=draft)).status_code == 422
    asked = await api.http.put("/api/workflows/wfl_x/draft", json={"definition": ""})
    assert asked.status_code == 404


async def test_a_draft_of_another_revision_is_neither_replaced_nor_discarded(api: Api) -> None:
    at = f"/api/workflows/{(await api.save(a_value()))['id']}/draft"

    async def put(text: str, seen: str) -> httpx.Response:
        return await api.http.put(at, json={"definition": text}, headers={"if-match": seen})

    none = await api.http.get(at)
    first = await put("mine", '"0"')
    theirs = await put("theirs", '"0"')
    discard = await api.http.delete(at, headers={"if-match": '"0"'})
    kept = await api.http.get(at)
    mine = await api.http.delete(at, headers={"if-match": kept.headers["etag"]})
    late = await put("on its way", kept.headers["etag"])
    after = await api.http.get(at)
    anew = await put("anew", f'"{after.json()["revision"]}"')
    odd = await put("x", "soon")

    assert (none.status_code, none.json()["revision"]) == (404, 0)
    assert (first.status_code, first.headers["etag"]) == (200, '"1"')
    a_problem(theirs, 412, "draft_moved")
    assert theirs.json()["revision"] == 1
    a_problem(discard, 412, "draft_moved")
    assert (kept.json()["definition"], kept.headers["etag"]) == ("mine", '"1"')
    assert mine.status_code == 204
    a_problem(late, 412, "draft_moved")
    assert (after.status_code, after.json()["revision"]) == (404, 2)
    assert (anew.status_code, odd.status_code) == (200, 422)


# lists


async def every(api: Api, path: str, limit: int) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(50):
        query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        answer = await api.http.get(f"{path}{'&' if '?' in path else '?'}{query}")
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("a list that does not end")


async def test_executions_are_listed_newest_first_page_by_page(api: Api) -> None:
    workflow = await api.save(a_value())
    started = [(await api.run(workflow["id"])).json()["id"] for _ in range(7)]

    found = await every(api, "/api/executions/", 3)

    assert sorted(one["id"] for one in found) == sorted(started)
    created = [one["created_at"] for one in found]
    assert created == sorted(created, reverse=True)


async def test_executions_are_filtered(api: Api) -> None:
    good = await api.save(a_value(), name="good", labels={"team": "blue"})
    bad = await api.save(a_value("a", "${input.nothing}"), name="bad")
    one = (await api.run(good["id"])).json()
    two = (await api.run(bad["id"])).json()

    async def ids(query: str) -> list[str]:
        return [item["id"] for item in await every(api, f"/api/executions/?{query}", 50)]

    assert await ids("status=failed") == [two["id"]]
    assert set(await ids("status=failed,completed")) == {one["id"], two["id"]}
    assert await ids(f"workflow={good['id']}") == [one["id"]]
    assert await ids("workflow=bad") == [two["id"]]
    assert await ids("label=team=blue") == [one["id"]]
    assert await ids("label=team") == [one["id"]]
    assert await ids("label=team=red") == []
    assert await ids("q=GOOD") == [one["id"]]
    assert await ids("started_before=2001-01-01T00:00:00Z") == []
    assert set(await ids("started_after=2001-01-01")) == {one["id"], two["id"]}
    assert await ids("started_after=2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=x", "cursor=nonsense", "cursor=1.exe", "started_after=never",
        "status=", "started_before=0001-01-01T00:00:00%2B14:00",
        "cursor=99999999999999999999.exe_x",
    ],
)  # fmt: skip
async def test_a_bad_query_is_no_fault_of_ours(api: Api, query: str) -> None:
    for path in ("/api/executions/", "/api/workflows/"):
        answer = await api.http.get(f"{path}?{query}")
        assert answer.status_code < 500, answer.text


async def test_workflows_are_listed_and_filtered(api: Api) -> None:
    names = [f"w{n}" for n in range(5)]
    for name in names:
        await api.save(a_value(), name=name, labels={"n": name}, description=f"about {name}")

    found = await every(api, "/api/workflows/", 2)

    assert sorted(one["name"] for one in found) == names
    assert [w["name"] for w in await every(api, "/api/workflows/?name=w3", 50)] == ["w3"]
    assert [w["name"] for w in await every(api, "/api/workflows/?label=n=w2", 50)] == ["w2"]
    assert [w["name"] for w in await every(api, "/api/workflows/?q=ABOUT W1", 50)] == ["w1"]


async def test_workflows_saved_in_one_millisecond_are_all_listed(api: Api) -> None:
    names = [f"w{n}" for n in range(5)]
    prefix = keys.definitions(api.store.space)
    for name in names:
        saved = (await api.save(a_value(), name=name))["id"]
        await api.store.call(
            prefix, "HSET", keys.workflow(prefix, DEFAULT_TENANT, saved), "created", 5_000
        )
        index = keys.workflow_index(prefix, DEFAULT_TENANT)
        await api.store.call(prefix, "ZADD", index, 5_000, saved)

    assert sorted(one["name"] for one in await every(api, "/api/workflows/", 2)) == names
    assert (await api.http.get("/api/workflows/?cursor=5")).status_code == 422


async def test_a_list_ends_though_all_it_names_is_gone(api: Api) -> None:
    workflow = await api.save(a_value())
    for _ in range(3):
        execution = (await api.run(workflow["id"])).json()["id"]
        for tag in api.store.partitions:
            prefix = api.store.prefix(tag)
            for kind in ("x", "r"):
                await api.store.call(prefix, "DEL", f"{prefix}{kind}:{execution}")

    with anyio.fail_after(60):
        answer = await api.http.get("/api/executions/")

    assert answer.json() == {"items": [], "next_cursor": None}


# reading one


async def test_logs_history_and_steps_are_paged(api: Api) -> None:
    workflow = await api.save(*(a_value(f"s{n}", n) for n in range(6)))
    execution = (await api.run(workflow["id"])).json()["id"]
    base = f"/api/executions/{execution}"

    whole = (await api.http.get(f"{base}/logs")).json()["logs"]
    found: list[Any] = []
    after = ""
    while True:
        page = (await api.http.get(f"{base}/logs?limit=4{after}")).json()
        found += page["logs"]
        if page["next_cursor"] is None:
            break
        after = f"&after={page['next_cursor']}"
    assert found == whole

    history = (await api.http.get(f"{base}/history?limit=5")).json()
    rest = (await api.http.get(f"{base}/history?after={history['next_cursor']}")).json()
    assert [one["seq"] for one in history["items"] + rest["items"]] == list(
        range(1, len(whole) + 1)
    )

    steps = await every(api, f"{base}/steps", 4)
    assert [one["id"] for one in steps] == [f"s{n}" for n in range(6)]
    one = (await api.http.get(f"{base}/steps/s3")).json()
    assert one["output"] == 3
    assert [line["event"] for line in one["history"]] == ["step.started", "step.completed"]


async def test_logs_are_filtered_over_http(api: Api) -> None:
    workflow = await api.save(a_value("one"), a_value("two"))
    execution = (await api.run(workflow["id"])).json()["id"]
    base = f"/api/executions/{execution}/logs"

    assert {line["step"] for line in (await api.http.get(f"{base}?step=two")).json()["logs"]} == {
        "two"
    }
    assert (await api.http.get(f"{base}?level=error")).json()["logs"] == []
    assert (await api.http.get(f"{base}?attempt=2")).json()["logs"] == []
    assert len((await api.http.get(f"{base}?q=step two completed")).json()["logs"]) == 1
    assert (await api.http.get(f"{base}?level=loud")).status_code == 422


async def test_the_two_spellings_of_a_status_are_one_document(api: Api) -> None:
    workflow = await api.save({"id": "a", "agent_type": "echo", "input_data": {"x": 1}})
    shown = (await api.run(workflow["id"])).json()

    one = (await api.http.get(f"/api/executions/{shown['id']}")).json()
    two = (await api.http.get(f"/api/executions/{shown['id']}/status")).json()

    assert one == two
    assert {
        "execution_id", "id", "workflow_id", "workflow_name", "workflow_version", "status",
        "waiting_for", "progress", "current_steps", "input_data", "output", "error", "created_at",
        "started_at", "ended_at", "duration_ms", "usage", "labels", "pause", "rollback", "parent",
        "forked_from", "durability", "links", "steps_next_cursor", "steps",
    } <= set(one)  # fmt: skip
    (step,) = one["steps"]
    assert {
        "id", "path", "type", "status", "reason", "attempts", "error", "agent", "input_data",
        "filled", "output", "queued_ms", "started_at", "duration_ms",
    } <= set(step)  # fmt: skip
    assert step["agent"] == "echo"


# fuzz


def nonsense(chance: random.Random, depth: int = 0) -> object:
    """Any JSON value, often one that means something here."""
    words = [
        "", "a", "t", "agent", "transform", "switch", "parallel", "${input.x}", "${", "$${", "1h",
        "all", "any", "none_failed", "\ud7ff", "x" * 300, "wfl_1", "../../etc", "null",
    ]  # fmt: skip
    keys = [
        "name", "steps", "id", "type", "agent_type", "task_type", "input_data", "depends_on", "if",
        "retry", "timeout", "branches", "cases", "when", "on_error", "compensate", "output", "vars",
        "join", "version", "labels", "delay", "mode", "reason", "skip", "input_schema", "default",
    ]  # fmt: skip
    kind = chance.randrange(9 if depth < 5 else 6)
    if kind < 2:
        return chance.choice(words)
    if kind < 4:
        return chance.choice([0, -1, 1, 2**53, 1.5, 1e300, -(2**63)])
    if kind < 6:
        return chance.choice([None, True, False])
    if kind == 6:
        return [nonsense(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(keys): nonsense(chance, depth + 1) for _ in range(chance.randrange(6))}


async def test_whatever_is_sent_is_no_fault_of_ours(api: Api) -> None:
    chance = random.Random(2)
    workflow = (await api.save(a_value()))["id"]
    execution = (await api.run(workflow)).json()["id"]
    ids = [
        workflow, execution, GHOST, "x", "exe_", "wfl_", "..", "%00", "%2F", "é", "a" * 300,
        "exe_-",
        "exe_" + "f" * 36, execution[:-1], execution + "0", "~a", ":output", "' OR 1=1", "{x}",
        "%FF",
    ]  # fmt: skip
    routes = [
        ("POST", "/api/workflows/"), ("POST", "/api/workflows/validate"),
        ("PUT", "/api/workflows/{}"),
        ("POST", "/api/workflows/{}/execute"), ("GET", "/api/workflows/{}"),
        ("GET", "/api/workflows/{}/versions/{}"), ("GET", "/api/executions/{}"),
        ("GET", "/api/executions/{}/logs?after={}"), ("GET", "/api/executions/{}/history?after={}"),
        ("GET", "/api/executions/{}/steps?cursor={}"), ("GET", "/api/executions/{}/steps/{}"),
        ("POST", "/api/executions/{}/pause"), ("POST", "/api/executions/{}/rollback"),
        ("GET", "/api/executions/?cursor={}"), ("GET", "/api/workflows/?cursor={}&label={}"),
    ]  # fmt: skip

    for _ in range(600):
        method, path = chance.choice(routes)
        url = path.format(chance.choice(ids), chance.choice(ids))
        body = json.dumps(nonsense(chance)).encode()
        sent = {"content": body, "headers": JSON} if method != "GET" else {}
        answer = await api.http.request(method, url, **sent)  # type: ignore[arg-type]
        assert answer.status_code < 500, (method, url, body, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"].startswith("application/problem+json")
