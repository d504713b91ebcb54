"""Webhooks that are refused, and whom they belong to: nothing is kept, nothing is told."""

import random
from pathlib import Path
from typing import Any

import pytest
import structlog
from hostile_urls import BAD
from webhook_products import EXAMPLE, a_keeper, a_webhook, come_as

from orchestra.security import Role
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

NONE = "whk_01900000-0000-7000-8000-0000000000ff"


async def test_no_hostile_address_is_kept_and_all_are_refused_with_one_text(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path, network_allow=()) as one:
        for url in BAD:
            answer = await one.post("/api/webhooks/", EXAMPLE | {"url": url})
            [finding] = answer.json()["errors"]

            assert (answer.status_code, finding["pointer"]) == (422, "/url"), url
            assert finding["code"] in ("format", "destination_not_allowed"), url
            if finding["code"] != "format":
                assert finding["message"] == "destination not allowed"
        kept = (await one.http.get("/api/webhooks/")).json()

    assert len(BAD) >= 66
    assert kept == {"webhooks": [], "cursor": None}


async def test_an_address_cannot_be_changed_to_a_hostile_one(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = await a_webhook(one)
        at = f"/api/webhooks/{made['id']}"
        answer = await one.http.patch(at, json={"url": "http://169.254.169.254/x"})
        shown = (await one.http.get(at)).json()

    assert answer.status_code == 422
    assert (shown["url"], shown["revision"]) == (EXAMPLE["url"], 1)


async def test_everything_wrong_is_told_together(store_url: str, tmp_path: Path) -> None:
    wrong = {
        "url": "http://10.0.0.1/",
        "event_filter": {"event_types": ["a b"], "expression": "evnt.x == 1"},
        "headers": {"x-a": "${secret:none}", "x-b": "${secret:a b}", "host": "x"},
        "retries": 3,
    }
    async with a_keeper(store_url, tmp_path) as one:
        answer = await one.post("/api/webhooks/", wrong)

    assert answer.status_code == 422
    assert sorted(found["pointer"] for found in answer.json()["errors"]) == [
        "/event_filter/event_types/0",
        "/event_filter/expression",
        "/headers/host",
        "/headers/x-a",
        "/headers/x-b",
        "/name",
        "/retries",
        "/url",
    ]


BOUNDS: list[tuple[dict[str, Any], int]] = [
    ({"event_filter": {"event_types": [f"a.b{i}" for i in range(51)]}}, 422),
    ({"event_filter": {"event_types": [f"a.b{i}" for i in range(50)]}}, 201),
    ({"event_filter": {"expression": "event." + "x" * 3_000}}, 422),
    ({"headers": {f"x-{i}": "x" for i in range(21)}}, 422),
    ({"name": "x" * 200_000}, 413),
    ({"name": "x" * 1_200_000}, 413),
    ({"schedule_ms": [0] * 21}, 422),
    ({"secret": "whsec_" + "A" * 44}, 201),
]


async def test_bodies_have_bounds(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for change, status in BOUNDS:
            answer = await one.post("/api/webhooks/", EXAMPLE | change)

            assert answer.status_code == status, answer.text
        kept = (await one.http.get("/api/webhooks/")).json()["webhooks"]

    assert len(kept) == 2


async def test_a_tenant_has_a_hundred(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for _ in range(100):
            await a_webhook(one)
        more = await one.post("/api/webhooks/", EXAMPLE)
        seen: list[str] = []
        cursor = None
        while True:
            query: dict[str, Any] = {"limit": 7} | ({"cursor": cursor} if cursor else {})
            page = (await one.http.get("/api/webhooks/", params=query)).json()
            seen += [hook["id"] for hook in page["webhooks"]]
            cursor = page["cursor"]
            if cursor is None:
                break

    assert (more.status_code, more.json()["code"], more.json()["limit"]) == (409, "quota", 100)
    assert len(seen) == len(set(seen)) == 100
    assert seen == sorted(seen)


async def test_a_made_up_cursor_is_refused(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for cursor in ("x", "1", "1.", ".x", "9" * 400, "-1.x"):
            answer = await one.http.get("/api/webhooks/", params={"cursor": cursor})

            assert answer.status_code == 400, cursor
        log = f"/api/webhooks/{(await a_webhook(one))['id']}/deliveries"
        made_up = [(log, text) for text in ("x", "0-0", "00-1", "\u0661-1")]
        for path, cursor in (*made_up, ("/api/events", "AQBuYW1lAAA")):  # 0-0 of some stream
            answer = await one.http.get(path, params={"cursor": cursor})

            assert answer.status_code == 400, cursor


async def test_the_same_request_again_makes_no_second_one(store_url: str, tmp_path: Path) -> None:
    named = {"Idempotency-Key": "once"}
    async with a_keeper(store_url, tmp_path) as one:
        first = await one.http.post("/api/webhooks/", json=EXAMPLE, headers=named)
        again = await one.http.post("/api/webhooks/", json=EXAMPLE, headers=named)
        other = await one.http.post("/api/webhooks/", json=EXAMPLE | {"name": "b"}, headers=named)
        kept = (await one.http.get("/api/webhooks/")).json()["webhooks"]
        come_as(one, "admin", "elsewhere")
        foreign = await one.http.post("/api/webhooks/", json=EXAMPLE, headers=named)

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert len(kept) == 1
    assert foreign.json()["id"] != first.json()["id"]


CALLS = [
    ("GET", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/enable"),
    ("POST", "/disable"),
    ("POST", "/rotate-secret"),
    ("POST", "/test"),
    ("GET", "/deliveries"),
    ("GET", "/deliveries/dlv_1"),
    ("POST", "/deliveries/dlv_1/redeliver"),
    ("POST", "/replay"),
    ("GET", "/replay"),
    ("DELETE", "/replay"),
]
OPERATES = {
    "/enable",
    "/disable",
    "/test",
    "/deliveries/dlv_1/redeliver",
    "POST /replay",
    "DELETE /replay",
}
READS = {"GET", "/deliveries", "/deliveries/dlv_1", "GET /replay"}
WRITES = {"PATCH", "/rotate-secret", "DELETE"}


async def test_a_foreign_webhook_is_an_unknown_one(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = await a_webhook(one)
        come_as(one, "platform_admin", "elsewhere")
        for method, path in CALLS:
            answers = [
                await one.http.request(
                    method,
                    f"/api/webhooks/{name}{path}",
                    json={"since": "2026-01-01T00:00:00Z"} if path == "/replay" else {},
                )
                for name in (made["id"], NONE)
            ]
            bodies = [answer.json() | {"instance": ""} for answer in answers]
            assert [answer.status_code for answer in answers] == [404, 404], (method, path)
            assert bodies[0] == bodies[1]
        listed = (await one.http.get("/api/webhooks/")).json()["webhooks"]
        come_as(one, "viewer")
        still = await one.http.get(f"/api/webhooks/{made['id']}")

    assert listed == []
    assert still.json()["revision"] == 1


ROLES: list[tuple[Role, set[str]]] = [
    ("viewer", READS),
    ("operator", READS | OPERATES),
    ("editor", READS | OPERATES),
    ("admin", READS | OPERATES | WRITES),
]


async def test_who_may_do_what(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = await a_webhook(one)
        for role, allowed in ROLES:
            come_as(one, role)
            for method, path in sorted(CALLS, key=lambda call: call[0] == "DELETE"):
                url = f"/api/webhooks/{made['id']}{path}"
                answer = await one.http.request(method, url, json={})
                name = f"{method} {path}" if path == "/replay" else path or method

                assert (answer.status_code != 403) == (name in allowed), (role, method, path)


async def test_who_may_not_change_it_sees_the_host_alone(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = await a_webhook(one, url="http://127.0.0.1:9/hook/canary-in-the-path?x=1")
        come_as(one, "viewer")
        shown = await one.http.get(f"/api/webhooks/{made['id']}")
        listed = await one.http.get("/api/webhooks/")

    assert shown.json()["url"] == "http://127.0.0.1:9/…"
    assert "canary" not in shown.text + listed.text


async def test_a_secret_is_in_one_answer_and_nowhere_else(
    store_url: str, store: Store, tmp_path: Path
) -> None:
    canary = "whsec_" + "Y2FuYXJ5" * 5
    with structlog.testing.capture_logs() as logs:
        async with a_keeper(store_url, tmp_path) as one:
            made = await a_webhook(one, secret=canary)
            at = f"/api/webhooks/{made['id']}"
            texts = [
                (await one.http.get(at)).text,
                (await one.http.get("/api/webhooks/")).text,
                (await one.http.patch(at, json={"name": "other"})).text,
                (await one.post(f"{at}/disable")).text,
                (await one.post("/api/webhooks/", EXAMPLE | {"secret": canary + "!"})).text,
            ]
            rotated = (await one.post(f"{at}/rotate-secret", {})).json()

    names: list[bytes] = await store.read("o:{wh}:", "KEYS", "o:{wh}:*")
    kept = b""
    for name in names:
        hashed = await store.read("o:{wh}:", "TYPE", name) == b"hash"
        found: Any = await store.read("o:{wh}:", "HVALS" if hashed else "GET", name)
        kept += b"".join(found) if hashed else found
    forms = (canary, canary.removeprefix("whsec_"), "canarycanary", rotated["secret"][6:])
    assert made["secret"] == canary
    assert kept
    for form in forms:
        assert form.encode() not in kept
        assert form not in "".join(texts)
        assert form not in str(logs)


async def test_no_body_is_a_fault_of_ours(store_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    odd = [
        None,
        0,
        -1,
        10**15,
        1.5,
        "",
        "x",
        "é" * 50,
        [],
        [[]],
        {},
        {"a": {}},
        True,
        "${secret:x}",
    ]
    names = [
        *EXAMPLE,
        "headers",
        "sources",
        "schedule_ms",
        "format",
        "secret",
        "signature",
        "active",
    ]
    async with a_keeper(store_url, tmp_path) as one:
        made = await a_webhook(one)
        for _ in range(200):
            body = EXAMPLE | {
                chance.choice(names): chance.choice(odd) for _ in range(chance.randint(1, 4))
            }
            for method, url in (("POST", ""), ("PATCH", made["id"])):
                answer = await one.http.request(method, f"/api/webhooks/{url}", json=body)
                assert answer.status_code in (200, 201, 409, 422), (body, answer.text)
