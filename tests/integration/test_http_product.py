"""Every route of the product: who may call it, what it does with bad input, how it is described."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from edge import OneKey, a_client

import orchestra.security
from orchestra.app import Ports, Running, Stage, prepare, running
from orchestra.bus.positions import encoded
from orchestra.security import Principal, Role
from orchestra.security.declarations import Declaration, declarations
from orchestra.security.key_text import new_key
from orchestra.security.roles import ROLES, permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

MATRIX = Path(orchestra.security.__file__).with_name("matrix.txt")
HOSTILE: dict[str, tuple[bytes, str]] = {
    "deep": (b"[" * 100_000, "application/json"),
    "not UTF-8": (b'{"name":"\xff"}', "application/json"),
    "a key twice": (b'{"name":"a","name":"b"}', "application/json"),
    "not a number": (b'{"name":NaN}', "application/json"),
    "a NUL": (b'{"name":"\\u0000"}', "application/json"),
    "an array": (b"[]", "application/json"),
    "a number": (b"1", "application/json"),
    "null": (b"null", "application/json"),
    "nothing": (b"", "application/json"),
    "plain": (b'{"name":"a"}', "text/plain"),
    "wrong types": (
        b'{"name":1,"steps":{},"agent_type":[],"capabilities":7,"input_data":"x","reason":[]}',
        "application/json",
    ),
    "unknown fields": (b'{"constructor":{},"__proto__":[1]}', "application/json"),
    "2 MiB": (b'"' + b"x" * 2_097_152 + b'"', "application/json"),
}


@asynccontextmanager
async def the_product(store_url: str, **more: Any) -> AsyncIterator[tuple[Stage, Running]]:
    """All of it but the sockets."""
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0, **more
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    async with running(settings, stage) as parts:
        yield stage, parts


def calls(parts: Running) -> Sequence[Declaration]:
    """The routes of the API: declared methods of HTTP handlers."""
    return [one for one in declarations(parts.app) if one.path.startswith("/api/")]


def filled(path: str) -> str:
    """A path with ids that nothing has; a stream is asked to end."""
    path = path.replace("{version}", "1").replace("{number}", "1")
    path = re.sub(r"{\w+}", "exe_01900000-0000-7000-8000-0000000000ff", path)
    return f"{path}?follow=false" if path.endswith(("/stream", "/tail")) else path


def as_role(role: Role) -> tuple[str, OneKey]:
    text = new_key()
    return text, OneKey(text, Principal(DEFAULT_TENANT, role, "key_t", permissions_of(role)))


async def test_each_role_reaches_exactly_what_the_matrix_says(store_url: str) -> None:
    async with the_product(store_url) as (stage, parts):
        rows: list[str] = []
        for route in declarations(parts.app):
            allowed = [
                role for role in ROLES if route.permission in permissions_of(role) or route.public
            ]
            asked = route.permission or f"public: {route.public}"
            rows.append(f"{route.method:6} {route.path:50} {asked:24} {' '.join(allowed)}")
        for role in ROLES:
            text, stage.gateway.verifier = as_role(role)
            async with a_client(stage) as client:
                for route in calls(parts):
                    headers = {"x-api-key": text, "content-type": "application/json"}
                    answer = await client.request(
                        route.method, filled(route.path), headers=headers, content=b"["
                    )
                    public = route.permission is None
                    allowed_here = public or route.permission in permissions_of(role)
                    assert (answer.status_code != 403) == allowed_here, (role, route)

    fresh = "\n".join(rows) + "\n"
    assert MATRIX.read_text("utf-8") == fresh, f"matrix.txt is to be:\n{fresh}"


async def test_nobody_is_told_anything(store_url: str) -> None:
    async with the_product(store_url) as (stage, parts), a_client(stage) as client:
        stage.gateway.policy = type(stage.gateway.policy)(mode="required")
        answers = {
            route: await client.request(route.method, filled(route.path)) for route in calls(parts)
        }

    assert len(answers) > 20
    assert {answer.status_code for answer in answers.values()} == {401}
    guarded = [answer for route, answer in answers.items() if not route.public]
    assert len({re.sub(r"req_\w+", "", answer.text) for answer in guarded}) == 1


async def test_no_hostile_body_is_a_fault_of_ours(store_url: str) -> None:
    text, verifier = as_role("platform_admin")
    async with the_product(store_url) as (stage, parts), a_client(stage) as client:
        stage.gateway.verifier = verifier
        for route in calls(parts):
            if route.method not in {"POST", "PUT", "PATCH"}:
                continue
            for name, (body, content_type) in HOSTILE.items():
                headers = {"content-type": content_type, "x-api-key": text}
                answer = await client.request(
                    route.method, filled(route.path), content=body, headers=headers
                )
                assert answer.status_code < 500, (route, name, answer.text)
                check_problem(answer, body)


async def test_no_odd_id_or_parameter_is_a_fault_of_ours(store_url: str) -> None:
    odd = ["%00", "%ff", "..%2f..", "x" * 3_000, "exe_", "${1}", "a b", "{7*7}", "*", "'"]
    text, verifier = as_role("platform_admin")
    async with the_product(store_url) as (stage, parts), a_client(stage) as client:
        stage.gateway.verifier = verifier
        for route in calls(parts):
            for value in odd:
                path = re.sub(r"{\w+}", value, route.path)
                url = f"{path}?limit={value}&cursor={value}&status={value}&after={value}"
                url += f"&since={value}&follow=false"
                answer = await client.request(
                    route.method, url, headers={"x-api-key": text}, content=b""
                )
                assert answer.status_code < 500, (route, value, answer.text)


async def test_no_odd_time_or_cursor_of_events_is_a_fault_of_ours(store_url: str) -> None:
    times = ["0001-01-01T00:00:00", "1900-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]
    far = encoded({"o:{0}:ev": f"{1 << 66}-{1 << 66}"})
    text, verifier = as_role("viewer")
    async with the_product(store_url) as (stage, _), a_client(stage) as client:
        stage.gateway.verifier = verifier
        odd = [{name: time} for name in ("since", "until") for time in times]
        answers = [
            await client.get("/api/events", params=one, headers={"x-api-key": text})
            for one in [*odd, {"cursor": far}]
        ]

    assert [one.status_code for one in answers] == [200] * 6 + [400]


async def test_the_whole_interface_is_described(store_url: str) -> None:
    text, verifier = as_role("viewer")
    async with the_product(store_url) as (stage, parts), a_client(stage) as client:
        stage.gateway.verifier = verifier
        document = (await client.get("/openapi.json", headers={"x-api-key": text})).json()
        declared = calls(parts)

    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    # OpenAPI knows no WebSockets: docs/events.md tells of that one.
    assert {(one.method, one.path) for one in declared if one.method != "*"} <= described
    ids: list[str] = []
    for item in document["paths"].values():
        for operation in item.values():
            ids.append(operation["operationId"])
            assert operation["responses"]
    assert len(ids) == len(set(ids))
    schemas = document["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/([\w.]+)", str(document)):
        assert name in schemas
    for schema in schemas.values():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )


def check_problem(answer: httpx.Response, sent: bytes) -> None:
    """A refusal is a problem document, and short."""
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["code"]
    assert len(sent) < 100 or len(answer.content) < 20_000
