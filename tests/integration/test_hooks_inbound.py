"""Inbound hooks: who is believed, once, and what comes of it."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from products import Product
from standardwebhooks.webhooks import Webhook
from webhook_products import a_keeper, come_as

from orchestra.security import Role

pytestmark = pytest.mark.anyio

SECRET = "a-secret-of-the-sender"
JSON = {"content-type": "application/json"}
Headers = dict[str, str]
Sign = Callable[[str, bytes, int], Headers]


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def hexed(text: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def standard(secret: str, body: bytes, at: int, name: str = "msg_1") -> Headers:
    signature = Webhook(secret).sign(name, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}


def github(secret: str, body: bytes, _: int) -> Headers:
    return {
        "X-Hub-Signature-256": f"sha256={hexed(body, secret)}",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }


def slack(secret: str, body: bytes, at: int) -> Headers:
    signed = hexed(f"v0:{at}:".encode() + body, secret)
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={signed}"}


def stripe(secret: str, body: bytes, at: int) -> Headers:
    other, good = hexed(b"x"), hexed(f"{at}.".encode() + body, secret)
    return {"Stripe-Signature": f"t={at},v1={other},v1={good},v0=abc"}


SENDERS: dict[str, Sign] = {
    "standard-webhooks": standard, "github": github, "slack": slack, "stripe": stripe,
}  # fmt: skip


CALLS = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")]


def secret_for(scheme: str) -> dict[str, str]:
    """What is given; for Standard Webhooks one is made."""
    return {} if scheme == "standard-webhooks" else {"secret": SECRET}


async def a_hook(one: Product, **given: Any) -> dict[str, Any]:
    answer = await one.post("/api/webhooks/inbound", {"name": "pushes"} | given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send(
    one: Product, hook: str, body: bytes, headers: Headers | None = None
) -> httpx.Response:
    """As a stranger: nothing but what the sender has."""
    named = {name: value.encode() for name, value in (JSON | (headers or {})).items()}
    return await one.http.post(f"/api/webhooks/in/{hook}", content=body, headers=named)


async def received(one: Product) -> list[dict[str, Any]]:
    found = await one.http.get("/api/events/", params={"types": "webhook.received"})
    return found.json()["events"]


@pytest.mark.parametrize("scheme", SENDERS)
async def test_each_scheme_is_believed_once_and_again_has_the_same_answer(
    store_url: str, tmp_path: Path, scheme: str
) -> None:
    body, sign = b'{ "ref": "refs/heads/main", "n": [1, 2.50] }', SENDERS[scheme]
    async with a_keeper(store_url, tmp_path) as one:
        target = {"workflow": "wfl_1"}
        hook = await a_hook(one, scheme=scheme, target=target, **secret_for(scheme))
        first = await send(one, hook["id"], body, sign(hook["secret"], body, now_s()))
        again = await send(one, hook["id"], body, sign(hook["secret"], body, now_s() - 5))
        [event] = await received(one)

    assert (first.status_code, first.json()["status"]) == (202, "accepted")
    assert again.json() == first.json()
    assert event["id"] == first.json()["event_id"]
    assert (event["type"], event["subject"], event["source"]) == (
        "webhook.received", hook["id"], "/orchestra/webhooks",
    )  # fmt: skip
    assert event["orchestraorigin"] == "module"
    assert event["data"]["input"] == json.loads(body)
    assert event["data"]["target"] == {"workflow": "wfl_1", "signal": None}
    assert (event["data"]["hook"], event["data"]["name"]) == (hook["id"], "pushes")
    if scheme == "github":
        assert event["data"]["headers"]["x-github-event"] == "push"


async def test_everything_else_is_refused_with_one_text(store_url: str, tmp_path: Path) -> None:
    body = b'{"x": 1}'
    async with a_keeper(store_url, tmp_path) as one:
        hooks = {
            scheme: await a_hook(one, scheme=scheme, **secret_for(scheme)) for scheme in SENDERS
        }
        off = await a_hook(one, active=False)
        gone = await a_hook(one)
        await one.http.delete(f"/api/webhooks/inbound/{gone['id']}")
        answers: list[httpx.Response] = []
        for scheme, hook in hooks.items():
            sign = SENDERS[scheme]
            good = sign(hook["secret"], body, now_s())
            answers += [
                await send(one, hook["id"], body),
                await send(one, hook["id"], body + b" ", good),
                await send(one, hook["id"], body, sign(wrong(hook["secret"]), body, now_s())),
                *[
                    await send(one, hook["id"], body, good | {name: value})
                    for name in good
                    if "GitHub" not in name
                    for value in ("", "x", "v1,", "sha256=", "v0=", "t=,v1=", "é", ",,,=" * 50)
                ],
            ]
            if scheme != "github":  # which signs no time
                answers += [
                    await send(one, hook["id"], body, sign(hook["secret"], body, now_s() + off_s))
                    for off_s in (-400, 400)
                ]
        for hook in (off, gone):
            good = standard(hook["secret"], body, now_s())
            answers.append(await send(one, hook["id"], body, good))
        answers.append(await send(one, "ihk_none", body, good))
        kept = await received(one)

    bodies = {json.dumps(answer.json() | {"instance": ""}) for answer in answers}
    assert {answer.status_code for answer in answers} == {401}
    assert len(answers) > 60
    assert len(bodies) == 1, bodies
    assert kept == []


def wrong(secret: str) -> str:
    return "whsec_" + "B" * 44 if secret.startswith("whsec_") else "x" * 32


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


async def test_slack_asks_whether_we_are_there(store_url: str, tmp_path: Path) -> None:
    body = b'{"type":"url_verification","challenge":"3eZbrw1aBm","token":"x"}'
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, scheme="slack", secret=SECRET)
        answer = await send(one, hook["id"], body, slack(SECRET, body, now_s()))
        unsigned = await send(one, hook["id"], body)
        kept = await received(one)

    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1aBm"})
    assert unsigned.status_code == 401
    assert kept == []


async def test_a_form_is_its_fields_and_a_payload_in_one_is_json(
    store_url: str, tmp_path: Path
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, scheme="slack", secret=SECRET)
        for body in (b"command=%2Fdeploy&text=now%20please", b"payload=%7B%22a%22%3A1%7D"):
            answer = await send(one, hook["id"], body, slack(SECRET, body, now_s()) | form)
            assert answer.status_code == 202, answer.text
        kept = await received(one)

    assert [event["data"]["input"] for event in kept] == [
        {"a": 1},
        {"command": "/deploy", "text": "now please"},
    ]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"", "application/json", 202),
        (b"null", "application/cloudevents+json", 202),
        (b"{", "application/json", 400),
        (b'{"a":1,"a":2}', "application/json", 400),
        (b"[" * 200, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"<x/>", "text/xml", 415),
        (b"a=%00", "application/x-www-form-urlencoded", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 415),
        (b"&".join([b"a=1"] * 2_000), "application/x-www-form-urlencoded", 415),
        (b'"' + b"x" * 245_000 + b'"', "application/json", 202),
        (b'"' + b"x" * 250_000 + b'"', "application/json", 413),
        (b"[" + b",".join([b"1e9"] * 50_000) + b"]", "application/json", 413),
    ],
)
async def test_bodies_have_bounds_and_are_json_or_a_form(
    store_url: str, tmp_path: Path, body: bytes, media: str, status: int
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, scheme="github", secret=SECRET)
        signed = github(SECRET, body, 0) | {"content-type": media}
        answer = await send(one, hook["id"], body, signed)
        kept = await received(one)

    assert answer.status_code == status, answer.text[:300]
    assert len(kept) == (status == 202)


async def test_a_hook_takes_so_many_a_second(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, public=True, rate_per_s=1)
        answers = [await send(one, hook["id"], b"{}") for _ in range(6)]
        other = await send(one, (await a_hook(one, public=True))["id"], b"{}")

    statuses = [answer.status_code for answer in answers]
    assert statuses[:2] == [202, 202]
    assert 429 in statuses
    late = next(answer for answer in answers if answer.status_code == 429)
    assert int(late.headers["retry-after"]) >= 1
    assert other.status_code == 202


async def test_a_signal_is_for_whom_the_body_names(store_url: str, tmp_path: Path) -> None:
    target = {"signal": {"execution": "${input.order.execution}", "name": "approved"}}
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, public=True, target=target)
        named = await send(one, hook["id"], b'{"order":{"execution":"exe_1"}}')
        nobody = await send(one, hook["id"], b'{"order":{"execution":7}}')
        [event] = await received(one)

    assert named.status_code == 202
    assert (nobody.status_code, len(nobody.json()["errors"])) == (422, 1)
    assert event["data"]["target"] == {
        "workflow": None,
        "signal": {"execution": "exe_1", "name": "approved"},
    }


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
        come_as(one, "editor")
        hook = await a_hook(one, target={"workflow": "wfl_1"}, headers=["X-Team"])
        at = f"/api/webhooks/inbound/{hook['id']}"
        changed = await one.http.patch(at, json={"target": None}, headers={"If-Match": '"1"'})
        stale = await one.http.patch(at, json={"name": "y"}, headers={"If-Match": '"1"'})
        shown = (await one.http.get(at)).json()
        come_as(one, "platform_admin", "elsewhere")
        foreign = [await one.http.request(method, at + path, json={}) for method, path in CALLS]
        come_as(one, "editor")
        gone = await one.http.delete(at)

    assert hook["url"] == f"/api/webhooks/in/{hook['id']}"
    assert (changed.json()["target"], changed.json()["headers"]) == ({}, ["x-team"])
    assert (stale.status_code, shown["revision"]) == (412, 2)
    assert "secret" not in shown
    assert [answer.status_code for answer in foreign] == [404] * 4
    assert gone.status_code == 204


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("editor", 201)])
async def test_who_may_make_one(store_url: str, tmp_path: Path, role: Role, status: int) -> None:
    async with a_keeper(store_url, tmp_path) as one:
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
