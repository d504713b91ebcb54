"""The pages of the dashboard: who sees them, what they do with bad input, what they never do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from products import Product, a_product

import orchestra.security
from orchestra.clock import SystemClock
from orchestra.security import Role
from orchestra.security.first_key import pepper_of
from orchestra.security.keys import KeyRing, Wish
from orchestra.settings import Settings
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

MATRIX = Path(orchestra.security.__file__).with_name("matrix.txt")
PAYLOAD = "<img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}\"'>\u202eabc 🦊"
OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
SENTIMENT = {"agent_type": "text_processor", "task_type": "sentiment_analysis"}
MOOD: dict[str, Any] = {
    "name": "mood",
    "description": PAYLOAD,
    "labels": {"team": PAYLOAD},
    "steps": [{"id": "first", "input_data": {"text": "${input.text}"}, **SENTIMENT}],
}


async def furnished(product: Product) -> dict[str, str]:
    """Something of everything, with hostile text wherever text may stand."""
    workflow = (await product.post("/api/workflows", MOOD)).json()["id"]
    body = {"input_data": {"text": PAYLOAD, "more": [PAYLOAD]}, "labels": {"who": PAYLOAD[:60]}}
    started = await product.post(f"/api/workflows/{workflow}/execute", body, prefer="wait=60")
    assert started.status_code == 200, started.text
    await product.post("/api/queues/mail/messages", {"body": PAYLOAD})
    event = {"event_type": "shop.ordered", "source_service": "shop", "source_id": PAYLOAD[:40]}
    await product.post("/api/events/publish", {**event, "payload": {"text": PAYLOAD}})
    agent = (await product.http.get("/api/agents")).json()["items"][0]["id"]
    return {"workflow": workflow, "execution": started.json()["id"], "agent": agent}


def pages(made: dict[str, str]) -> list[str]:
    workflow, execution = f"/workflows/{made['workflow']}", f"/executions/{made['execution']}"
    return [
        "/", "/workflows", "/workflows/new", workflow, f"{workflow}?step=first", f"{workflow}/edit",
        f"{workflow}?tab=executions", f"{workflow}?tab=versions", f"{workflow}?tab=json",
        f"{workflow}?tab=insights&window=7d&step=first",
        f"{workflow}/run", "/executions", execution, f"{execution}?step=first",
        *(f"{execution}?tab={tab}" for tab in ("timeline", "events", "logs", "context")),
        *(f"{execution}?step=first&view={view}" for view in ("raw", "diff", "why", "logs")),
        f"{execution}?critical=1&at=1", f"{execution}/again", f"{execution}/export",
        f"/executions/compare?left={made['execution']}&right={made['execution']}",
        f"{execution}/confirm?do=rollback", f"{execution}/confirm?do=cancel",
        "/agents", f"/agents/{made['agent']}", "/events",
        "/queues", "/queues/mail", "/queues/mail?tab=dead", "/webhooks", "/monitoring", "/logs",
        *(f"/alerts?tab={tab}" for tab in ("now", "history", "rules", "silences")),
    ]  # fmt: skip


async def test_whatever_is_typed_is_shown_as_text(store_url: str) -> None:
    async with a_product(store_url) as product:
        made = await furnished(product)
        for path in pages(made):
            page = await product.http.get(path)

            assert page.status_code == 200, (path, page.text)
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
            assert page.headers["cache-control"] == "no-store"
            assert "<img" not in page.text, path
            assert "alert(1)</script>" not in page.text, path
            assert "49" not in re.findall(r"script&gt;(.{0,4})", page.text), path
            assert "\u202e" not in page.text or "textarea" in page.text, path


async def test_lists_that_are_filtered_can_be_saved(store_url: str) -> None:
    async with a_product(store_url) as product:
        for path in ("/alerts", "/events", "/logs", "/agents", "/workflows", "/executions"):
            assert "Save this view" not in (await product.http.get(path)).text, path
            given = {"name": f"Mine {path}", "path": path, "query": "q=a"}
            kept = await product.http.post("/ui/views", data=given, headers=OWN)
            assert (kept.status_code, kept.headers["location"]) == (303, f"{path}?q=a")
            page = (await product.http.get(f"{path}?q=b")).text
            assert "Save this view" in page, path
            assert f"Mine {path}" in page, path
        assert (await product.http.get("/settings")).text.count("Mine /") >= 6


async def test_a_wrong_filter_is_marked_and_the_page_is_there(store_url: str) -> None:
    async with a_product(store_url) as product:
        for path in (
            "/executions?status=bogus", "/executions?cursor=%00", "/executions?q=" + "x" * 1_500,
            "/events?types=%5B%5B", "/logs?q=%28%28%28", "/logs?from=yesterday", "/agents?status=x",
            "/workflows?cursor=zz", "/agents?cursor=%ff", "/monitoring?range=9y", "/queues/%00",
        ):  # fmt: skip
            page = await product.http.get(path)

            assert page.status_code in (200, 404, 422), (path, page.text)
            assert "<h1>" in page.text


async def test_nothing_odd_in_an_address_is_a_fault_of_ours(store_url: str) -> None:
    odd = ["%00", "%ff", "..%2f..", "x" * 3_000, "exe_", "${1}", "a b", "{7*7}", "*", "'"]
    async with a_product(store_url) as product:
        lines = [line.split() for line in MATRIX.read_text("utf-8").splitlines()]
        paths = {line[1] for line in lines if line[0] == "GET"}
        for path in sorted(paths):
            if path.startswith(("/api/", "/metrics", "/openapi", "/docs")):
                continue
            for value in odd:
                url = re.sub(r"{\w+}", value, path)
                query = "&".join(f"{n}={value}" for n in "tab step version cursor do q".split())
                answer = await product.http.get(f"{url}?{query}")
                assert answer.status_code < 500, (url, answer.text)


async def test_a_definition_with_mistakes_comes_back_as_it_was_typed(store_url: str) -> None:
    typed = '{"name": "x", "steps": [{"id": "a", "typ": "agent"}]}\r\n<b>'
    async with a_product(store_url) as product:
        forms = {"definition": typed, "key": "one"}
        refused = await product.http.post("/ui/workflows", data=forms, headers=OWN)
        checked = await product.http.post("/ui/editor/validate", data=forms, headers=OWN)
        listed = (await product.http.get("/api/workflows")).json()["items"]

    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    assert "&lt;b&gt;</textarea>" in refused.text
    assert checked.status_code == 200
    assert "<html" not in checked.text
    assert listed == []


async def test_saving_over_a_newer_version_is_refused_and_keeps_the_text(store_url: str) -> None:
    async with a_product(store_url) as product:
        workflow = (await product.post("/api/workflows", MOOD)).json()["id"]
        await product.http.put(f"/api/workflows/{workflow}", json={**MOOD, "description": "2"})
        text = '{"name": "mood", "description": "mine", "steps": ' + str(MOOD["steps"]).replace(
            "'", '"'
        )
        form = {"definition": text + "}", "version": "1"}
        answer = await product.http.post(f"/ui/workflows/{workflow}", data=form, headers=OWN)

    assert answer.status_code == 422
    assert "Somebody saved version 2 while you were writing" in answer.text
    assert "&#34;mine&#34;" in answer.text


async def test_a_form_sent_twice_starts_one_execution(store_url: str) -> None:
    async with a_product(store_url) as product:
        workflow = (await product.post("/api/workflows", MOOD)).json()["id"]
        form = {"input": '{"text": "a"}', "key": "run_1"}
        for _ in range(2):
            answer = await product.http.post(
                f"/ui/workflows/{workflow}/run", data=form, headers=OWN
            )
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/executions/exe_")
        found = (await product.http.get("/api/executions")).json()["items"]

    assert len(found) == 1


async def test_refusals_are_pages_for_people_and_toasts_for_scripts(store_url: str) -> None:
    async with a_product(store_url) as product:
        page = await product.http.get("/executions/exe_nope")
        by_script = {**OWN, "hx-request": "true"}
        toast = await product.http.post("/ui/executions/exe_nope/pause", headers=by_script)

    assert page.status_code == toast.status_code == 404
    assert "There is nothing here" in page.text
    assert toast.headers["hx-retarget"] == "#toasts"
    assert "<html" not in toast.text


@asynccontextmanager
async def guarded(store: Store, url: str) -> AsyncIterator[tuple[Product, KeyRing]]:
    """The product where everybody needs a key."""
    settings = Settings(store_url=url)
    ring = KeyRing(store, SystemClock(), await pepper_of(settings, store))
    await ring.create(Wish(name="first", role="platform_admin"))
    async with a_product(url, own=False, auth_mode="required") as product:
        yield product, ring


async def a_key(ring: KeyRing, role: Role) -> tuple[str, str]:
    key, text = await ring.create(Wish(name="k", role=role))
    return key.id, text


async def signed_in(product: Product, text: str) -> tuple[dict[str, str], str]:
    """The cookie and the token of who has shown a key."""
    answer = await product.http.post(
        "/ui/login", data={"key": text, "next": "/executions?q=a"}, headers=OWN
    )
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/executions?q=a"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    product.http.cookies.clear()
    headers = {"cookie": cookie.partition(";")[0]}
    page = await product.http.get("/", headers=headers)
    found = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert found, page.text
    return headers, found[1]


async def test_who_is_not_known_is_asked_for_a_key(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as (product, ring):
        away = await product.http.get("/executions?status=failed")
        wrong = await product.http.post("/ui/login", data={"key": "orc_live_x"}, headers=OWN)
        elsewhere = await product.http.post(
            "/ui/login", data={"key": "x"}, headers={"origin": "http://evil.example"}
        )
        _, text = await a_key(ring, "viewer")
        headers, _ = await signed_in(product, text)
        page = await product.http.get("/executions", headers=headers)
        unknown = {"cookie": "orc=" + "a" * 43}
        stale = await product.http.get("/executions", headers=unknown)
        html = {"accept": "text/html"}
        door = await product.http.get("/docs", headers=html | unknown)
        shown = await product.http.get(door.headers["location"], headers=unknown)
        docs = await product.http.get("/docs", headers=html | headers)

    assert away.status_code == stale.status_code == door.status_code == 303
    assert 'name="next" value="/docs"' in shown.text
    assert (docs.status_code, 'id="swagger-ui"' in docs.text) == (200, True)
    assert away.headers["location"] == "/login?next=%2Fexecutions%3Fstatus%3Dfailed"
    assert wrong.status_code == 422
    assert "not known here" in wrong.text
    assert elsewhere.status_code == 403
    assert page.status_code == 200


async def test_a_change_needs_the_token_of_the_session(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as (product, ring):
        _, text = await a_key(ring, "admin")
        cookie, token = await signed_in(product, text)
        http, whole = product.http, {**cookie, **OWN}
        forms = {"definition": '{"name": "x"}', "key": "one"}

        async def form(headers: dict[str, str], **more: str) -> int:
            answer = await http.post("/ui/workflows", data={**forms, **more}, headers=headers)
            return answer.status_code

        assert await form(whole) == 403
        assert await form(whole, csrf="0" * 43) == 403
        assert await form({**cookie, "origin": "http://evil.example"}, csrf=token) == 403
        assert await form({**cookie, "sec-fetch-site": "cross-site"}, csrf=token) == 403
        assert await form(whole, csrf=token) == 422  # believed: now it is the text that is wrong
        api = [
            (await http.post("/api/workflows", json={}, headers={**whole, **more})).status_code
            for more in ({}, {"x-csrf-token": token})
        ]

    assert api == [403, 422]


async def test_a_session_is_worth_what_its_key_is_worth(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as (product, ring):
        key_id, text = await a_key(ring, "viewer")
        cookie, token = await signed_in(product, text)
        read = await product.http.get("/workflows", headers=cookie)
        write = await product.http.get("/workflows/new", headers=cookie)
        here = product.stage.gateway.verifier
        assert isinstance(here, KeyRing)
        await here.revoke(key_id)
        after = await product.http.get("/workflows", headers=cookie)

        assert read.status_code == 200
        assert "New workflow" not in read.text
        assert write.status_code == 403
        assert "workflows:write" in write.text
        assert token
        assert after.status_code == 303


async def test_signing_out_ends_the_session(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as (product, ring):
        _, text = await a_key(ring, "viewer")
        cookie, token = await signed_in(product, text)
        out = await product.http.post("/ui/logout", data={"csrf": token}, headers={**cookie, **OWN})
        after = await product.http.get("/", headers=cookie)

    assert out.status_code == 303
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert after.status_code == 303
