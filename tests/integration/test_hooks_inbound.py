"""Inbound hooks: who is believed, once, and what comes of it."""

import json
from pathlib import Path

import anyio
import httpx
import pytest
from products import Product
from webhook_products import a_keeper
from webhook_senders import (
    SECRET,
    SENDERS,
    a_hook,
    github,
    now_s,
    received,
    secret_for,
    send,
    slack,
    standard,
)

pytestmark = pytest.mark.anyio

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("scheme", SENDERS)
async def test_each_scheme_is_believed_once_and_again_has_the_same_answer(
    store_url: str, tmp_path: Path, scheme: str
) -> None:
    body, sign = b'{ "ref": "refs/heads/main", "n": [1, 2.50] }', SENDERS[scheme]
    async with a_keeper(store_url, tmp_path) as one:
        target = {"workflow": "wfl_1"}
        hook = await a_hook(one, scheme=scheme, target=target, **secret_for(scheme))
        passed = {"Orchestra-Hop": "2", "traceparent": TRACE}
        signed = sign(hook["secret"], body, now_s())
        first = await send(one, hook["id"], body, signed | passed)
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
    assert event["data"]["hop"] == 2
    assert event["traceparent"] == TRACE
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


BODIES: list[tuple[bytes, str, int]] = [
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
]


async def test_bodies_have_bounds_and_are_json_or_a_form(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, scheme="github", secret=SECRET)
        for body, media, status in BODIES:
            signed = github(SECRET, body, 0) | {"content-type": media}
            answer = await send(one, hook["id"], body, signed)

            assert answer.status_code == status, (body[:40], answer.text[:300])
        kept = await received(one)

    assert len(kept) == 3


async def test_a_hook_takes_so_many_a_second(store_url: str, tmp_path: Path) -> None:
    answers: list[httpx.Response] = []

    async def ask(one: Product, hook: str) -> None:
        answers.append(await send(one, hook, b"{}"))

    async with a_keeper(store_url, tmp_path) as one:
        hook = await a_hook(one, public=True, rate_per_s=1)
        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(ask, one, hook["id"])
        other = await send(one, (await a_hook(one, public=True))["id"], b"{}")

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {202, 429}
    assert statuses.count(202) >= 2
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
