"""Whatever is sent about workflows and executions: a 4xx that names the field, never a 5xx."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.served import Server, serving

pytestmark = pytest.mark.anyio

STEP = {"id": "b", "type": "transform", "input_data": {"n": 1}}
JSON = {"content-type": "application/json"}
SEVENTEEN = {f"k{i}": "v" for i in range(17)}
MANY = "9" * 400

STARTS: tuple[tuple[Any, str], ...] = (
    ({"labels": SEVENTEEN}, "/labels"),
    ({"labels": {"k": "v" * 257}}, "/labels/k"),
    ({"labels": {"": "v"}}, "/labels"),
    ({"labels": {"k": 1}}, "/labels"),
    ({"labels": ["k"]}, "/labels"),
    ({"delay": "soon"}, "/delay"),
    ({"delay": 5}, "/delay"),
    ({"delay": "-5s"}, "/delay"),
    ({"delay": ""}, "/delay"),
    ({"delay": "367d"}, "/delay"),
    ({"delay": "999999999999d" * 8}, "/delay"),
    ({"timeout": "0s"}, "/timeout"),
    ({"timeout": "0.1ms"}, "/timeout"),
    ({"timeout": "1e9s"}, "/timeout"),
    ({"timeout": "400d"}, "/timeout"),
    ({"version": "1"}, "/version"),
    ({"version": 1.5}, "/version"),
    ({"version": True}, "/version"),
    ({"input": {}, "input_data": {}}, "/input"),
    ({"input_date": {}}, "/input_date"),
    ([], ""),
    (None, ""),
)
UNREADABLE = (
    b"{", b"\xff", b'{"a":1,"a":2}', b'{"input_data": 1e999}', b"[" + b"9" * 400 + b"]",
    b'{"input_data": "\\u0000"}', b'{"input_data": "\\ud800"}', b"[" * 10_000, b"NaN",
)  # fmt: skip
HEADERS: tuple[tuple[str, bytes, str], ...] = (
    ("Idempotency-Key", b"", "/headers/idempotency-key"),
    ("Idempotency-Key", b"x" * 256, "/headers/idempotency-key"),
)
MATCHES = (b"\xb2", b"abc", b"", b"x" * 33, b'"1.5"')
IDS = (
    "x", "exe_", "exe_%00", "exe_%0a", "exe_%7B0%7D", "exe_%ff", "exe_%F0%9F%92%A9", "wfl_",
    "wfl_%00",
    "exe_" + "a" * 3_000, "wfl_" + "a" * 3_000, "exe_urn:uuid:01900000-0000-7000-8000-0000000000ff",
    "%2e%2e", "wfl_a:b", "*",
)  # fmt: skip
QUERIES: tuple[tuple[str, str], ...] = (
    *((f"limit={text}", "limit") for text in ("0", "-1", "1001", MANY, "x", "", "1.5", "%C2%B2")),
    *((f"cursor={text}", "cursor") for text in ("x", "%C2%B2.exe_1", "1.exe_%00", MANY + ".exe_x")),
)
FILTERS = (
    ("status=bogus", "status"), ("status=completed,bogus", "status"),
    ("started_after=soon", "started_after"), ("started_before=2020-13-01", "started_before"),
)  # fmt: skip


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder: Path = tmp_path_factory.mktemp("wrong")
    async with serving(folder) as made:
        yield made
        assert not made.said("request.failed"), made.log.read_text()[-3_000:]


@pytest.fixture(scope="module")
async def workflow(server: Server) -> str:
    return await server.make("right", STEP)


@pytest.fixture(scope="module")
async def execution(server: Server, workflow: str) -> str:
    made = await server.start(workflow)
    await server.ended(made)
    return made


async def test_a_start_names_each_wrong_field(server: Server, workflow: str) -> None:
    for body, pointer in STARTS:
        answer = await server.client.post(
            f"/api/workflows/{workflow}/execute",
            content=b"null"
            if body is None
            else httpx.Request("POST", "http://x", json=body).content,
            headers=JSON,
        )
        names(answer, pointer)


async def test_all_that_is_wrong_with_a_start_is_told_at_once(
    server: Server, workflow: str
) -> None:
    body = {"delay": "soon", "timeout": "0s", "input": 1, "input_data": 2}
    answer = await server.client.post(f"/api/workflows/{workflow}/execute", json=body)

    pointers = {one["pointer"] for one in answer.json()["errors"]}
    assert pointers == {"/delay", "/timeout", "/input"}


async def test_what_is_no_json_is_400(server: Server, workflow: str, execution: str) -> None:
    paths = ("/api/workflows", f"/api/workflows/{workflow}/execute")
    for path in (*paths, f"/api/executions/{execution}/pause"):
        for sent in UNREADABLE:
            answer = await server.client.post(path, content=sent, headers=JSON)
            assert answer.status_code == 400, (path, sent[:40], answer.text)
            assert answer.json()["code"].startswith("json_"), answer.text


async def test_headers_are_named(server: Server, workflow: str) -> None:
    for path in (f"/api/workflows/{workflow}/execute", "/api/workflows"):
        for name, value, pointer in HEADERS:
            body = {"name": "w", "steps": [STEP]} if path == "/api/workflows" else {}
            answer = await server.client.post(path, json=body, headers=[(name.encode(), value)])
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["pointer"].replace("_", "-") in (
                pointer,
                pointer.replace("headers", "header"),
            )
    for value in MATCHES:
        headers = [(b"If-Match", value)]
        body = {"name": "right", "steps": [STEP]}
        path = f"/api/workflows/{workflow}"
        answer = await server.client.put(path, json=body, headers=headers)
        assert answer.status_code == 422, (value, answer.text)
        assert "match" in answer.json()["errors"][0]["pointer"]


async def test_a_preference_that_makes_no_sense_is_ignored(server: Server, workflow: str) -> None:
    for value in (b"wait=\xb2", b"wait=-1", b"wait=1e5", b"wait=nan", b";;;,=", b"wait"):
        path, headers = f"/api/workflows/{workflow}/execute", [(b"Prefer", value)]
        answer = await server.client.post(path, json={}, headers=headers)
        assert answer.status_code == 202, answer.text


async def test_ids_of_any_form_are_404(server: Server) -> None:
    for one in IDS:
        asked = [("GET", f"/api/executions/{one}{end}") for end in ("", "/logs", "/steps/a")]
        asked += [("POST", f"/api/executions/{one}/{verb}") for verb in ("pause", "retry")]
        asked += [("GET", f"/api/workflows/{one}"), ("DELETE", f"/api/workflows/{one}")]
        asked += [("POST", f"/api/workflows/{one}/execute")]
        for method, path in asked:
            answer = await server.client.request(method, path)
            assert answer.status_code in (404, 405), (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


async def test_versions_of_any_form_are_404(server: Server, workflow: str) -> None:
    for number in ("0", "-1", "99999999999999999999", "x", "1.5", "%C2%B2"):
        answer = await server.client.get(f"/api/workflows/{workflow}/versions/{number}")
        assert answer.status_code == 404, answer.text


async def test_queries_are_named(server: Server, execution: str) -> None:
    base = f"/api/executions/{execution}"
    for query, name in QUERIES:
        for path in ("/api/executions", "/api/workflows", f"{base}/steps"):
            names(await server.client.get(f"{path}?{query}"), f"/query/{name}")
    for query, name in FILTERS:
        names(await server.client.get(f"/api/executions?{query}"), f"/query/{name}")
    for query, name in (("level=x", "level"), ("attempt=x", "attempt"), ("after=x", "after")):
        names(await server.client.get(f"{base}/logs?{query}"), f"/query/{name}")
    names(await server.client.get(f"{base}/history?after=x"), "/query/after")


async def test_a_verb_names_each_wrong_field(server: Server, execution: str) -> None:
    for verb in ("pause", "resume", "cancel", "rollback", "retry"):
        for body, pointer in (
            ({"mode": 1}, "/mode"), ({"mode": "x"}, "/mode"), ({"reason": 1}, "/reason"),
            ({"skip": "yes"}, "/skip"), ({"more": 1}, "/more"),
        ):  # fmt: skip
            answer = await server.client.post(f"/api/executions/{execution}/{verb}", json=body)
            names(answer, pointer)


def names(answer: httpx.Response, pointer: str) -> None:
    """It is a problem of the caller's, and says with what."""
    about = (str(answer.request.url)[-80:], answer.request.content[:80], answer.text[:300])
    assert answer.status_code == 422, about
    assert pointer in [one["pointer"] for one in answer.json()["errors"]], about
