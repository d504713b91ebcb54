"""Logs over HTTP: what is posted is found, by its tenant only; whatever is asked is no 5xx."""

import contextlib
import functools
import io
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from agent_replicas import an_agent, can
from edge import OneKey, a_client

from orchestra.agents import Task
from orchestra.app import Ports, Stage, build_modules, prepare, running
from orchestra.covering import forms_of
from orchestra.log import COVERED, TAP, configure
from orchestra.module import Module
from orchestra.monitoring.logs.wiring import LogParts
from orchestra.monitoring.module import MonitoringModule
from orchestra.security import Principal, Role
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}


@dataclass
class Product:
    """The product, asked as the developer."""

    http: httpx.AsyncClient
    stage: Stage
    parts: LogParts

    async def ingest(self, *lines: object) -> int:
        """Post lines; the status."""
        return (await self.http.post("/api/logs/ingest", json={"logs": lines})).status_code

    async def found(self, q: str = "", **more: Any) -> list[dict[str, Any]]:
        """The lines of a page."""
        answer = await self.http.get("/api/logs/search", params={"q": q, **more})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["lines"])

    def become(self, role: Role = "admin", tenant: Tenant = DEFAULT_TENANT) -> None:
        """Ask with a key from now on."""
        text = new_key()
        principal = Principal(tenant, role, "key_t", permissions_of(role))
        self.stage.gateway.verifier = OneKey(text, principal)
        self.http.headers["x-api-key"] = text


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    build = functools.partial(build_modules, python_agents=[an_agent("own", can("work", work))])
    async with running(settings, stage, build) as parts, a_client(stage) as http:
        yield Product(http, stage, parts_of(parts.modules))


def parts_of(modules: Any) -> LogParts:
    found: list[Module] = [one for one in modules if isinstance(one, MonitoringModule)]
    (module,) = found
    return next(one for one in module._parts if isinstance(one, LogParts))  # type: ignore[attr-defined]  # a test looks inside


@contextlib.contextmanager
def logging_to_the_tap() -> Any:
    """What this process logs goes to the tap, too."""
    out = io.StringIO()
    configure(Settings(log_format="json"), out)
    TAP.open, TAP.replica = True, "here:1"
    try:
        yield out
    finally:
        TAP.open, TAP.replica = False, ""
        TAP.take()
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


async def test_what_is_posted_is_found(product: Product) -> None:
    sent = [
        {"ts": instant(-5), "level": "WARN", "message": "stock is low", "sku": 7, "x": {"y": [1]}},
        {"timestamp": instant(-4), "severity": "fatal", "event": "db.down", "message": "gone"},
        {"msg": "plain", "lvl": "odd"},
    ]

    assert await product.ingest(*sent) == 202

    plain, down, low = await product.found("-x_absent:*", limit=3)
    assert low == {
        "ts": low["ts"], "level": "warning", "event": "stock is low", "sku": 7, "x": {"y": [1]},
        "tenant": "default", "origin": "api",
    }  # fmt: skip
    assert (down["level"], down["event"], down["message"]) == ("error", "db.down", "gone")
    assert (plain["level"], plain["event"]) == ("info", "plain")
    assert low["ts"][:23] == str(sent[0]["ts"])[:23]


async def test_lines_of_one_instant_keep_their_order(product: Product) -> None:
    at = instant(-1)[:26] + "Z"
    body = "\n".join(json.dumps({"ts": at, "n": n, "event": "e"}) for n in range(300))
    answer = await product.http.post("/api/logs/ingest", content=body.encode(), headers=NDJSON)
    assert answer.json() == {"accepted": 300}

    exported = await product.http.get("/api/logs/export?q=event:e")

    assert [json.loads(line)["n"] for line in exported.text.splitlines()] == [*range(300)]


async def test_times_that_cannot_be_are_now_and_said(product: Product) -> None:
    wrong = [instant(-8 * 86_400), instant(400), "yesterday", 1e300, -5, "9999-12-31T23:59:59Z", {}]
    right = [instant(-6 * 86_400), datetime.now(UTC).timestamp(), "2026-11-23T04:00:00+99:00"]
    assert await product.ingest(*({"ts": one, "event": "e"} for one in wrong)) == 202
    assert await product.ingest(*({"time": one, "event": "f"} for one in right[:2])) == 202

    found = await product.found("event:e")
    assert sorted(line["ts_sent"] for line in found) == sorted(str(one) for one in wrong)
    assert all(line["ts"] > instant(-60) for line in found)
    assert all("ts_sent" not in line for line in await product.found("event:f"))


REFUSED: list[tuple[bytes, dict[str, str], int, str]] = [
    (b'{"event":"a"}\n{"event":\n', NDJSON, 422, "log_line_invalid"),
    (b'{"event":"a"}\n7\n', NDJSON, 422, "log_line_invalid"),
    (b'{"event":"a"}\n{"event":"\xff"}\n', NDJSON, 422, "log_line_invalid"),
    (b'{"a":' * 100_000, NDJSON, 422, "log_line_invalid"),
    (b'{"event":"a"}\n' * 1_001, NDJSON, 413, "log_lines_too_many"),
    (b'{"logs":[' + b"{}," * 1_000 + b"{}]}", JSON, 413, "log_lines_too_many"),
    (b'{"event":"' + b"x" * 1_048_576 + b'"}', NDJSON, 413, "body_too_large"),
    (b'{"logs":[1]}', JSON, 422, "log_line_invalid"),
    (b'{"logs":[{}],"more":1}', JSON, 422, "log_line_invalid"),
    (b"{", JSON, 400, "json_syntax"),
    (b'{"event":"a"}', {"content-type": "text/plain"}, 415, "json_expected"),
]


async def test_what_cannot_be_kept_is_refused_whole(product: Product) -> None:
    for body, headers, status, code in REFUSED:
        answer = await product.http.post("/api/logs/ingest", content=body, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (status, code), body[:50]
    assert await product.found("event:a") == []


async def test_the_line_that_is_wrong_is_named(product: Product) -> None:
    body = b'{"a":1}\n\n[1]\n{"b":}\n'
    answer = await product.http.post("/api/logs/ingest", content=body, headers=NDJSON)

    assert [one["pointer"] for one in answer.json()["errors"]] == ["/1", "/2"]


async def test_hostile_lines_are_kept_as_text(product: Product) -> None:
    hostile = "\x1b[31mred\x1b[0m \u202e\x07\x7f </script>\r\nline 2 \u2028"
    numbers = " ".join(map(str, range(30_000)))  # nothing that a test has for a secret
    huge = {"event": "huge", "text": numbers, "list": [numbers[:5_000]] * 10}
    many = {"event": "many", **{f"k{n}": "v" * 300 for n in range(500)}}

    assert await product.ingest({"event": hostile, hostile: hostile}, huge, many) == 202

    raw = (await product.http.get("/api/logs/search")).content
    assert not set(raw) & {*range(0x20), 0x7F} - {0x7F}
    found = {line["event"]: line for line in json.loads(raw)["lines"]}
    assert found[hostile][hostile] == hostile
    assert found["huge"]["cut_bytes"] > 150_000
    for line in found.values():
        assert len(json.dumps(line, ensure_ascii=False).encode()) < 8_700
    assert (await product.found('"\\u001b[31mred"'))[0]["event"] == hostile


async def test_secrets_in_what_is_posted_are_masked(product: Product) -> None:
    value = "canary-Zq7+/=ä-91827"
    COVERED.add(value)
    lines = [
        {"event": f"said {form}", form: form, "deep": [{"f": form}]} for form in forms_of(value)
    ]
    lines += [{"event": "x", "password": "hunter2", "headers": {"Authorization": "Bearer abc"}}]

    assert await product.ingest(*lines) == 202

    text = (await product.http.get("/api/logs/export")).text
    assert not any(form in text for form in forms_of(value))
    assert "hunter2" not in text
    assert "Bearer abc" not in text


async def test_a_tenant_sees_its_own_lines_only(product: Product) -> None:
    product.become(tenant=Tenant("one"))
    assert await product.ingest({"event": "mine", "tenant": "two", "origin": "none"}) == 202
    page = await product.http.get("/api/logs/search", params={"limit": 1})
    product.become(tenant=Tenant("two"))
    assert await product.ingest({"event": "theirs"}) == 202

    assert [line["event"] for line in await product.found()] == ["theirs"]
    assert [line["event"] for line in await product.found("tenant:one")] == []
    for path in ("export", "tail?follow=false", "tail?follow=false&after=0-0"):
        answer = await product.http.get(f"/api/logs/{path}")
        assert "mine" not in answer.text, path
    context = await product.http.get(f"/api/logs/context?at={page.json()['lines'][0]['ts']}")
    assert "mine" not in context.text
    counted = (await product.http.get("/api/logs/histogram?buckets=1")).json()["buckets"]
    assert [bucket["info"] for bucket in counted] == [1]


async def test_lines_about_no_tenant_are_for_those_who_see_to_the_platform(
    product: Product,
) -> None:
    with logging_to_the_tap():
        structlog.get_logger("x").warning("store.burnt", n=1)
        structlog.get_logger("x").warning("step.burnt", n=1, tenant="default")
        await product.parts.shipping.ship()

    assert {one["event"] for one in await product.found("burnt")} == {"store.burnt", "step.burnt"}
    for role, seen in (("viewer", 1), ("admin", 1), ("platform_admin", 2)):
        product.become(role)  # type: ignore[arg-type]  # a role
        assert len(await product.found("burnt")) == seen, role
    answer = await product.http.get(
        "/api/logs/tail", params={"q": "burnt", "follow": "false", "after": "0-0,0-0"}
    )
    assert answer.text.count("event: line") == 2


async def test_a_request_and_a_step_can_be_followed_by_their_ids(product: Product) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with logging_to_the_tap():
        step = {"id": "s", "agent_type": "own", "task_type": "work", "input_data": {}}
        made = (
            await product.http.post("/api/workflows", json={"name": "w", "steps": [step]})
        ).json()
        structlog.contextvars.clear_contextvars()
        answer = await product.http.get("/api/executions/none", headers={"traceparent": trace})
        structlog.get_logger("x").info("request.looked")
        ran = await product.http.post(
            f"/api/workflows/{made['id']}/execute",
            json={},
            headers={"prefer": "wait=60", "traceparent": trace},
        )
        await product.parts.shipping.ship()

    (line,) = await product.found("request.looked")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (line["tenant"], line["replica"]) == ("default", "here:1")
    assert await product.found(f"request:{line['request_id']}") == [line]
    execution = ran.json()["id"]
    (line,) = await product.found(f"execution:{execution} event:hands.worked")
    assert (line["step"], line["attempt"], line["tenant"]) == ("s", 1, "default")
    assert line["agent"].startswith("agt_")
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "request_id" not in line
    assert line in await product.found(execution)


async def work(_: Task) -> object:
    """What the test's own agent does."""
    structlog.get_logger("x").info("hands.worked")
    return {}


async def test_what_was_logged_stands_around_a_line(product: Product) -> None:
    await product.ingest(*({"ts": instant(-100 + n), "event": f"e{n}"} for n in range(50)))
    (line,) = await product.found("event:e20")

    answer = await product.http.get("/api/logs/context", params={"at": line["ts"], "n": 3})

    events = {side: [one["event"] for one in lines] for side, lines in answer.json().items()}
    assert events == {"before": ["e17", "e18", "e19"], "after": ["e20", "e21", "e22"]}


async def test_a_stream_goes_on_behind_its_id(product: Product) -> None:
    first = await product.http.get("/api/logs/tail?follow=false")
    begin = last_id(first.text)
    await product.ingest({"event": "a"}, {"event": "b"}, {"event": "c", "level": "error"})

    second = await product.http.get("/api/logs/tail?follow=false", headers={"last-event-id": begin})
    third = await product.http.get(f"/api/logs/tail?follow=false&after={last_id(second.text)}")
    filtered = await product.http.get(f"/api/logs/tail?follow=false&after={begin}&q=level:error")

    assert second.text.count("event: line") == 3
    assert "event: line" not in third.text
    assert filtered.text.count("event: line") == 1


def last_id(text: str) -> str:
    return [line for line in text.splitlines() if line.startswith("id: ")][-1][4:]


async def test_a_cursor_fits_its_own_query_only(product: Product) -> None:
    await product.ingest(*({"event": f"e{n}"} for n in range(5)))
    page = (await product.http.get("/api/logs/search?q=event:e*&limit=2")).json()

    again = await product.found("event:e*", limit=2, cursor=page["next_cursor"])
    other = await product.http.get(f"/api/logs/search?q=e&cursor={page['next_cursor']}")

    assert [line["event"] for line in again] == ["e2", "e1"]
    assert (other.status_code, other.json()["code"]) == (400, "log_cursor_invalid")


async def test_no_question_is_answered_with_a_5xx(product: Product) -> None:
    rnd = random.Random(23)
    await product.ingest(*({"event": f"e{n}", "n": n, "x": {"y": "z"}} for n in range(200)))
    texts = [
        "", "now", "-1h", "-9999999999w", "-1m", "x", "2026-11-23T00:00:00+00:00", "0001-01-01",
        "9999-12-31T23:59:59.999999Z", "1969-12-31", "٢٠٢٦-11-23", "é", "\x00", "1e9", "-0", "null",
        "eyJ9", "WzAsIjIwMjYiLDBd", "=" * 300, "0-0", "0-0,0-0", "99999999999999999999-0,1-1",
        "a-b", '"', "/", "/[/", "level>=warn", "n>=5", "event:e*", "-e1", "(a+)+$", "/(a+)+$/",
        "x.y:z",
    ]  # fmt: skip
    names = ["q", "from", "to", "limit", "cursor", "order", "at", "n", "buckets", "after"]
    paths = ["search", "context", "histogram", "export", "tail?follow=false"]
    for n in range(1_000):
        path = paths[n % len(paths)]
        query = {name: rnd.choice(texts) for name in rnd.sample(names, rnd.randrange(1, 5))}
        if rnd.random() < 0.5:
            query["q"] = " ".join(rnd.choices(texts, k=3))
        separator = {"follow": "false"} if path.startswith("tail") else {}
        answer = await product.http.get(
            f"/api/logs/{path.partition('?')[0]}", params=query | separator
        )
        assert answer.status_code < 500, (path, query, answer.text)


def instant(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
