"""Every refusal and every failure is a problem document that gives nothing away."""

from typing import Any

import httpx
import pytest
from edge import a_client, a_stage

from orchestra.settings import Settings

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "nested 100,000 deep": (b"[" * 100_000, "application/json", 400, "json_depth"),
    "not UTF-8": (b'{"name":"\xff"}', "application/json", 400, "json_encoding"),
    "a key twice": (b'{"name":"a","name":"b"}', "application/json", 400, "json_duplicate_key"),
    "not a number": (b'{"name":"a","spec":NaN}', "application/json", 400, "json_syntax"),
    "infinite": (b'{"name":"a","spec":1e999}', "application/json", 400, "json_number"),
    "a byte order mark": (b'\xef\xbb\xbf{"name":"a"}', "application/json", 400, "json_encoding"),
    "a NUL": (b'{"name":"\\u0000"}', "application/json", 400, "json_nul"),
    "nothing": (b"", "application/json", 400, "json_syntax"),
    "2 MiB": (b'"' + b"x" * 2_097_152 + b'"', "application/json", 413, "body_too_large"),
    "text/plain": (b'{"name":"a"}', "text/plain", 415, "json_expected"),
    "a form": (b"name=a", "application/x-www-form-urlencoded", 415, "json_expected"),
    "the wrong shape": (b"[]", "application/json", 422, "body_invalid"),
    "the wrong type": (b'{"name":1}', "application/json", 422, "body_invalid"),
    "nothing in it": (b"{}", "application/json", 422, "body_invalid"),
    "a field too many": (b'{"name":"a","nmae":"b"}', "application/json", 422, "body_invalid"),
    "a name too long": (b'{"name":"%b"}' % (b"n" * 65), "application/json", 422, "body_invalid"),
}


async def ask(method: str, path: str, **more: Any) -> httpx.Response:
    async with a_client(a_stage(Settings())) as client:
        return await client.request(method, path, **more)


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_a_problem(name: str) -> None:
    body, content_type, status, code = BODIES[name]

    answer = await ask("POST", "/api/notes", content=body, headers={"content-type": content_type})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{code.replace('_', '-')}"
    assert answer.json()["instance"] == f"/req/{answer.headers['x-request-id']}"
    assert len(answer.content) < 500


async def test_a_body_in_pieces_is_bounded_too() -> None:
    async def pieces() -> Any:
        for _ in range(33):
            yield b" " * 65_536

    answer = await ask("POST", "/api/notes", content=pieces(), headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["limit_bytes"] == 1_048_576


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b'{"name":1}', "/name", "type"),
        (b"{}", "", "missing_field"),
        (b'{"name":"a","a/b~":1}', "/a~1b~0", "unknown_field"),
        (b"7", "", "type"),
    ],
)
async def test_a_finding_points_at_what_is_wrong(body: bytes, pointer: str, code: str) -> None:
    answer = await ask("POST", "/api/notes", content=body, headers=JSON)

    (finding,) = answer.json()["errors"]
    assert (finding["pointer"], finding["code"]) == (pointer, code)


async def test_a_wrong_parameter_is_named_and_not_quoted() -> None:
    answer = await ask("GET", "/api/notes?limit=hunter2")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/limit"
    assert "hunter2" not in answer.text


async def test_a_bug_of_ours_says_nothing_about_itself() -> None:
    answer = await ask("GET", "/api/notes/fail/bug")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text


async def test_findings_of_the_domain_are_all_there() -> None:
    answer = await ask("GET", "/api/notes/fail/invalid")

    assert answer.json()["errors"] == [
        {
            "pointer": "/steps/0",
            "code": "unknown_agent",
            "message": "nobody offers it",
            "suggestion": "text_analyzer",
        }
    ]


async def test_context_adds_members_and_forges_none() -> None:
    body = (await ask("GET", "/api/notes/fail/conflict")).json()

    assert (body["state"], body["status"], body["code"]) == ("running", 409, "conflict")


async def test_when_to_come_back_is_said_twice() -> None:
    answer = await ask("GET", "/api/notes/fail/busy")

    assert answer.headers["retry-after"] == "2"
    assert (answer.json()["retry_after_ms"], answer.json()["retryable"]) == (1_500, True)


async def test_an_unknown_address_and_method_are_problems() -> None:
    nowhere, method = await ask("GET", "/nope"), await ask("DELETE", "/api/notes")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in method.headers["allow"]


async def test_a_trailing_slash_does_not_matter() -> None:
    for path in ("/api/notes", "/api/notes/"):
        assert (await ask("POST", path, json={"name": "a"})).status_code == 201
