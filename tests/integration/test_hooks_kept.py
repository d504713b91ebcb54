"""Inbound hooks as they are kept: made, changed, rotated, by whom; what is wrong with one."""

import random
from pathlib import Path

import pytest
import structlog
from webhook_products import a_keeper, come_as
from webhook_senders import SECRET, a_hook, github, now_s, send, standard

from orchestra.security import Role

pytestmark = pytest.mark.anyio

CALLS = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")]


async def test_the_old_secret_is_believed_for_a_while(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one)
        at = f"/api/webhooks/inbound/{hook['id']}/rotate-secret"
        new = (await one.post(at, {"overlap_h": 1})).json()
        last = (await one.post(at, {"overlap_h": 0})).json()
        bodies = [b"1", b"2", b"3"]
        statuses = [
            (
                await send(
                    one, hook["id"], body, standard(made["secret"], body, now_s(), f"m{body}")
                )
            ).status_code
            for made, body in zip((hook, new, last), bodies, strict=True)
        ]

    assert len({made["secret"] for made in (hook, new, last)}) == 3
    assert statuses == [401, 401, 202]
    assert len(new["signing_keys"]) == 2
    assert len(last["signing_keys"]) == 1


async def test_a_public_hook_is_made_by_an_administrator_alone(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        come_as(one, "editor")
        refused = await one.post("/api/webhooks/inbound", {"name": "x", "public": True})
        come_as(one, "admin")
        hook = await a_hook(one, public=True)
        first = await send(one, hook["id"], b"{}")
        second = await send(one, hook["id"], b"{}")
        named = [await send(one, hook["id"], b"{}", {"webhook-id": "n"}) for _ in range(2)]

    assert refused.status_code == 403
    assert hook["secret"] is None
    assert first.json()["event_id"] != second.json()["event_id"]
    assert named[0].json() == named[1].json()


async def test_what_a_public_hook_is_for_is_said_by_an_administrator_alone(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, public=True)
        at = f"/api/webhooks/inbound/{hook['id']}"
        come_as(one, "editor")
        refused = await one.http.patch(at, json={"target": {"workflow": "wfl_other"}})
        seen = (await one.http.get(at)).json()
        come_as(one, "admin")
        changed = await one.http.patch(at, json={"target": {"workflow": "wfl_other"}})

    assert refused.status_code == 403
    assert seen["target"] == {}
    assert changed.json()["target"] == {"workflow": "wfl_other"}


async def test_a_key_that_may_not_start_gets_no_secret_that_does(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, target={"workflow": "wfl_one"})
        at = f"/api/webhooks/inbound/{hook['id']}/rotate-secret"
        come_as(one, "admin", scopes=("webhooks:*",))
        refused = await one.post(at)
        come_as(one, "admin")
        rotated = await one.post(at)

    assert (refused.status_code, refused.json()["permission"]) == (403, "executions:start")
    assert rotated.status_code == 200


async def test_what_is_wrong_with_a_hook_is_told_at_once(store_url: str, tmp_path: Path) -> None:
    wrong = {
        "nmae": "x",
        "target": {"workflow": "a b", "signal": {"execution": "${env.x}", "to": 1}},
        "scheme": "slack",
        "headers": ["Authorization", "x y", "X-Ok"],
        "rate_per_s": 0,
    }
    async with a_keeper(store_url, tmp_path) as one:
        answer = await one.post("/api/webhooks/inbound", wrong)
        kept = (await one.http.get("/api/webhooks/inbound")).json()

    assert answer.status_code == 422
    assert sorted(found["pointer"] for found in answer.json()["errors"]) == [
        "/headers/0",
        "/headers/1",
        "/name",
        "/nmae",
        "/rate_per_s",
        "/secret",
        "/target",
        "/target/signal/execution",
        "/target/signal/name",
        "/target/signal/to",
        "/target/workflow",
    ]
    assert kept == {"hooks": []}


async def test_the_way_of_a_hook(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        come_as(one, "admin")
        hook = await a_hook(one, target={"workflow": "wfl_1"}, headers=["X-Team"])
        at = f"/api/webhooks/inbound/{hook['id']}"
        changed = await one.http.patch(at, json={"target": None}, headers={"If-Match": '"1"'})
        stale = await one.http.patch(at, json={"name": "y"}, headers={"If-Match": '"1"'})
        shown = (await one.http.get(at)).json()
        come_as(one, "platform_admin", "elsewhere")
        foreign = [await one.http.request(method, at + path, json={}) for method, path in CALLS]
        come_as(one, "admin")
        gone = await one.http.delete(at)

    assert hook["url"] == f"/api/webhooks/in/{hook['id']}"
    assert (changed.json()["target"], changed.json()["headers"]) == ({}, ["x-team"])
    assert (stale.status_code, shown["revision"]) == (412, 2)
    assert "secret" not in shown
    assert [answer.status_code for answer in foreign] == [404] * 4
    assert gone.status_code == 204


ROLES: list[tuple[Role, int]] = [("viewer", 403), ("editor", 403), ("admin", 201)]


async def test_who_may_make_one(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for role, status in ROLES:
            come_as(one, role)
            answer = await one.post("/api/webhooks/inbound", {"name": "x"})

            assert answer.status_code == status


async def test_the_secret_of_a_sender_is_in_one_answer_and_nowhere_else(
    store_url: str, tmp_path: Path
) -> None:
    body = b"{}"
    with structlog.testing.capture_logs() as logs:
        async with a_keeper(store_url, tmp_path) as one:
            hook = await a_hook(one, scheme="github", secret=SECRET)
            at = f"/api/webhooks/inbound/{hook['id']}"
            await send(one, hook["id"], body, github(SECRET, body, 0))
            texts = [
                (await one.http.get(at)).text,
                (await one.http.get("/api/webhooks/inbound")).text,
                (await one.http.get("/api/events/")).text,
            ]

    assert hook["secret"] == SECRET
    assert SECRET not in "".join(texts) + str(logs)


async def test_no_body_about_a_hook_is_a_fault_of_ours(store_url: str, tmp_path: Path) -> None:
    chance = random.Random(11)
    odd = [None, 0, -1, 10**15, 1.5, "", "x", "${input.a}", [], [[]], {}, {"signal": {}}, True]
    names = ["name", "target", "scheme", "secret", "public", "headers", "rate_per_s", "active"]
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one)
        at = "/api/webhooks/inbound"
        for _ in range(150):
            picked = {chance.choice(names): chance.choice(odd) for _ in range(3)}
            body = {"name": "x"} | picked
            for method, url in (("POST", at), ("PATCH", f"{at}/{hook['id']}")):
                answer = await one.http.request(method, url, json=body)
                assert answer.status_code in (200, 201, 409, 422), (body, answer.text)
