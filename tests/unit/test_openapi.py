"""The description of the interface: whole, valid, readable without internet."""

import re
from typing import Any

import jsonschema_rs
import pytest
from edge import a_client, a_stage

from orchestra.openapi import page

pytestmark = pytest.mark.anyio


async def description() -> dict[str, Any]:
    async with a_client(a_stage()) as client:
        answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


async def test_every_route_is_described_with_its_permission() -> None:
    document = await description()

    assert document["openapi"].startswith("3.1")
    assert document["paths"].keys() >= {"/api/notes", "/api/notes/keys", "/livez", "/readyz"}
    create = document["paths"]["/api/notes"]["post"]
    assert create["x-permission"] == "workflows:write"
    assert {"bearer": []} in create["security"]
    assert document["paths"]["/api/notes/open"]["get"]["security"] == []


async def test_bodies_and_problems_are_described() -> None:
    document = await description()
    create = document["paths"]["/api/notes"]["post"]

    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Note"}
    assert "name" in document["components"]["schemas"]["Note"]["required"]
    assert list(create["responses"]) == ["201", *"400 401 403 409 413 415 503 default".split()]
    for status, answer in create["responses"].items():
        kind = "application/json" if status == "201" else "application/problem+json"
        assert list(answer["content"]) == [kind]
    assert "`conflict`: Not possible" in create["responses"]["409"]["description"]
    assert "Retry-After" in create["responses"]["503"]["headers"]


async def test_the_description_is_sound() -> None:
    document = await description()
    schemas = document["components"]["schemas"]

    text = str(document)
    for name in re.findall(r"#/components/schemas/([\w.]+)", text):
        assert name in schemas
    for schema in schemas.values():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
        )
    operations = [
        (path, operation) for path, item in document["paths"].items() for operation in item.values()
    ]
    ids = [operation["operationId"] for _, operation in operations]
    assert len(ids) == len(set(ids))
    for path, operation in operations:
        declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        assert operation["responses"]


async def test_the_page_loads_nothing_from_elsewhere() -> None:
    async with a_client(a_stage()) as client:
        page = await client.get("/docs")
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        statuses = [(await client.get(part)).status_code for part in parts]

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert sorted(part for part in parts if not part.startswith("/static/")) == [
        "/", "/", "/openapi.json",
    ]  # fmt: skip
    assert len(parts) == 9
    assert {status for part, status in zip(parts, statuses, strict=True) if part != "/"} == {200}
    assert "http" not in page.text
    assert "<script>" not in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("chosen", "theme", "dark"),
    [
        ("", "dark", True),
        ("light", "light", False),
        ("contrast", "contrast", True),
        ("system", "system", False),
        ('"><script>', "dark", True),
    ],
)
async def test_the_page_has_the_theme_of_the_dashboard(chosen: str, theme: str, dark: bool) -> None:
    text = page(lambda name: f"/static/{name}", chosen, 'a"b')

    assert f'data-theme="{theme}"' in text
    assert ('class="dark-mode"' in text) is dark
    assert 'data-token="a&quot;b"' in text
    assert "<script>" not in text


async def test_the_page_and_the_description_need_a_permission() -> None:
    async with a_client(a_stage(own=False)) as client:
        refused = await client.get("/docs")
        assert refused.status_code == 401
        assert refused.json()["code"] == "unauthenticated"
        assert refused.headers["www-authenticate"] == "Bearer"
        by_a_browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        sent = await client.get("/docs", headers=by_a_browser)
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fdocs")
        assert (await client.get("/openapi.json", headers=by_a_browser)).status_code == 401
        assert (await client.get("/openapi.json")).status_code == 401
