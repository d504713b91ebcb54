"""Pages of whatever there may be: every state, odd data, and far too much of it."""

import json
import re
from contextlib import aclosing
from html import unescape
from pathlib import Path
from typing import Any

import anyio
import pytest
from products import Product, a_product
from webhook_products import a_keeper, a_webhook

from orchestra.dashboard.asking import Api
from orchestra.errors import Unavailable
from orchestra.store.client import Store
from orchestra.store.failures import StoreFull

pytestmark = pytest.mark.anyio

OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
TABS = ("graph", "timeline", "events", "logs", "context")
PICKED = ("", "a", "nap", "boom", "each", "each[0]/x", "../..", "a/b/c", "x" * 900, "[", "%2e", "0")
STATES = (
    "pending", "running", "paused", "rolling_back", "completed", "failed", "cancelled",
    "rolled_back",
)  # fmt: skip


def step(name: str, **more: Any) -> dict[str, Any]:
    text = {"text": "${input.text}"}
    kind = {"agent_type": "text_processor", "task_type": "sentiment_analysis"}
    return {"id": name, **kind, "input_data": text, **more}


def undone(name: str) -> dict[str, Any]:
    return {"id": name, "type": "set", "vars": {"x": "1"}}


NAP = {"id": "nap", "type": "wait", "signal": "wake", "timeout": "1h"}
BOOM = {"id": "boom", "type": "set", "vars": {"x": "${input.nothing.here}"}}
EACH = {
    "id": "each", "type": "map", "items": "${input.list}", "steps": [step("x")],
    "on_item_error": "continue",
}  # fmt: skip
OFTEN = {"max_attempts": 3, "initial": "1s"}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "waits": {"name": "waits", "steps": [step("a"), NAP]},
    "fails": {"name": "fails", "steps": [step("a"), BOOM]},
    "tries": {"name": "tries", "steps": [{**step("a"), "input_data": {"text": 5}, "retry": OFTEN}]},
}  # fmt: skip


async def started(product: Product, definition: dict[str, Any], data: object, **head: str) -> str:
    made = await product.post("/api/workflows", definition, idempotency_key=definition["name"])
    if made.status_code >= 400:
        pytest.fail(f"{definition['name']}: {made.text}")
    path = f"/api/workflows/{made.json()['id']}/execute"
    answer = await product.post(path, {"input_data": data}, **head)
    assert answer.status_code < 300, answer.text
    return answer.json()["id"]


async def reached(product: Product, execution: str, *states: str) -> dict[str, Any]:
    with anyio.fail_after(60):
        async with aclosing(product.told("workflow.*")) as told:
            while True:
                run = (await product.http.get(f"/api/executions/{execution}")).json()
                if run["status"] in states:
                    return run
                await anext(told)


async def shows(product: Product, path: str, *allowed: int) -> str:
    page = await product.http.get(path)
    assert page.status_code in (allowed or (200,)), (path, page.status_code, page.text[-900:])
    assert "internal" not in page.text.partition("<dt>Code</dt>")[2][:60], path
    return page.text


async def every_view(product: Product, execution: str) -> None:
    for tab in TABS:
        for picked in PICKED:
            query = f"?tab={tab}&step={picked}&after=²&level=zz&q={picked[:40]}"
            await shows(product, f"/executions/{execution}{query}", 200, 400, 404, 422)
        await shows(product, f"/executions/{execution}?tab={tab}")
        await shows(product, f"/ui/executions/{execution}/main?tab={tab}")
    for verb in ("cancel", "rollback"):
        await shows(product, f"/executions/{execution}/confirm?do={verb}")


async def test_an_execution_is_shown_in_every_state(store_url: str) -> None:
    async with a_product(store_url) as product:
        text = {"text": "I am happy"}
        runs = [await started(product, definition, text) for definition in DEFINITIONS.values()]
        waits, fails, tries = runs
        await reached(product, waits, "running")
        await reached(product, fails, "failed")
        seen = [waits, fails, tries]
        await every_view(product, waits)
        await every_view(product, fails)
        await every_view(product, tries)

        await product.post(f"/api/executions/{waits}/pause", {"reason": "<b>\u202e"})
        await reached(product, waits, "paused")
        await every_view(product, waits)
        await product.post(f"/api/executions/{waits}/rollback", {"reason": "r"})
        await reached(product, waits, "rolled_back", "rolling_back", "failed")
        await every_view(product, waits)
        await product.post(f"/api/executions/{tries}/cancel")
        await reached(product, tries, "cancelled", "failed")
        await every_view(product, tries)

        for name in DEFINITIONS:  # gone, but what ran is kept
            await product.http.delete(f"/api/workflows/{name}")
        for execution in seen:
            await every_view(product, execution)
        for path in ("/", "/executions", "/workflows", "/workflows?archived=true", "/events"):
            await shows(product, path)
        for state in STATES:
            await shows(product, f"/executions?status={state}")


async def test_a_form_pressed_twice_sends_one(store_url: str) -> None:
    event = {"event_type": "shop.ordered", "source_service": "shop", "source_id": "o-1"}
    async with a_product(store_url) as product:
        for path, action, fields in (
            ("/events/publish", "/ui/events", event),
            ("/queues/mail?tab=send", "/ui/queues/mail/send", {"body": "1"}),
        ):
            await product.post("/api/queues", {"name": "mail"})
            key = re.search(r'name="key" value="([^"]+)"', await shows(product, path))
            assert key is not None, path
            given = {"key": key[1], **fields}
            for sent in (given, given, {**given, "payload": '"changed"', "body": "2"}):
                answer = await product.http.post(action, data=sent, headers=OWN)
                assert answer.status_code == 303, answer.text
        events = (await product.http.get("/api/events?types=shop.ordered")).json()["events"]
        assert len(events) == 2
        assert (await product.http.get("/api/queues/mail")).json()["depth"] == 2


async def test_every_page_says_that_the_store_is_full(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, admit = False, Store.admit

    def admits(store: Store) -> None:
        if full:
            raise StoreFull
        admit(store)

    monkeypatch.setattr(Store, "admit", admits)
    async with a_product(store_url) as product:
        before = await shows(product, "/executions")
        full = True
        paths = ("/", "/executions", "/settings", "/queues")
        pages = [unescape(await shows(product, path)) for path in paths]
    assert "What runs goes on" not in before
    for page in pages:
        assert "The store's memory is full: no new work now. What runs goes on." in page


@pytest.mark.parametrize("path", ["/ui/executions/rows", "/queues/mail"])
async def test_a_part_that_asks_by_itself_keeps_what_it_shows_while_it_cannot_be_had(
    store_url: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def away(*_: object) -> bytes:
        raise Unavailable("not just now")

    unbidden = {"hx-request": "true", "x-again": "yes"}
    bidden: list[dict[str, str]] = [{"hx-request": "true"}, {"x-again": "yes"}, {}]
    async with a_product(store_url) as product:
        await product.post("/api/queues", {"name": "mail"})
        before = await product.http.get(path)
        monkeypatch.setattr(Api, "_ask", away)
        kept = await product.http.get(path, headers=unbidden)
        told = [await product.http.get(path, headers=headers) for headers in bidden]
    assert before.status_code == 200
    assert (kept.status_code, kept.content) == (204, b"")
    assert [one.status_code for one in told] == [503, 503, 503]


async def test_what_pages_ask_for_together_is_made_once_until_something_is_done(
    store_url: str,
) -> None:
    rows, unbidden = "/ui/executions/rows", {"hx-request": "true", "x-again": "yes"}
    async with a_product(store_url) as product:
        first, second = [await product.http.get(rows, headers=unbidden) for _ in range(2)]
        plain = await product.http.get(rows, headers=unbidden | {"accept-encoding": "identity"})
        run = await started(product, DEFINITIONS["waits"], {"text": "x"})
        after = await product.http.get(rows, headers={"hx-request": "true"})
    assert first.content == second.content == plain.content
    assert [one.headers["vary"] for one in (first, second)] == ["accept-encoding"] * 2
    assert run not in first.text
    assert run in after.text


async def test_odd_events_and_large_messages_are_shown(store_url: str) -> None:
    payloads: list[Any] = [
        {}, {"step": {"a": [1]}}, {"items": 1, "step": None}, {"keys": "x", "get": 1},
        {"a": "z" * 200_000},
        {"deep": json.loads("[" * 30 + "]" * 30)}, {"\u202e": "\x00\ud7ff<b>"},
    ]  # fmt: skip
    async with a_product(store_url) as product:
        for i, payload in enumerate(payloads):
            event: dict[str, Any] = {
                "event_type": f"odd.kind{i}", "source_service": "shop", "payload": payload,
                "source_id": ["exe_1/steps", "exe_", "agt_/x", "\U0001f98a", "a", "-", "."][i],
            }  # fmt: skip
            answer = await product.post("/api/events/publish", event)
            assert answer.status_code < 500, answer.text
        for body in (None, 0, "", [], {"items": 1}, "x" * 300_000):
            answer = await product.post("/api/queues/odd/messages", {"body": body})
            assert answer.status_code < 500, answer.text
        for path in ("/", "/events", "/ui/events/rows", "/queues", "/queues/odd", "/logs"):
            text = await shows(product, path)
            assert len(text) < 1_000_000, path


async def test_agents_in_every_state_are_shown(store_url: str) -> None:
    async with a_product(store_url) as product:
        odd = await product.register("odd", description="<b>\u202e" * 50, labels={"items": "1"})
        for verb in ("check", "drain", "disable", "enable"):
            await product.http.post(f"/ui/agents/{odd['id']}/{verb}", headers=OWN)
            for path in ("/agents", "/ui/agents/cards", f"/agents/{odd['id']}?window=24h"):
                await shows(product, path)


def crowded(steps: int) -> dict[str, Any]:
    """Each step after the hundred before it: 25,000 edges."""
    names = [f"s{i}" for i in range(steps)]
    return {
        "name": "crowded",
        "steps": [
            {**undone(name), "depends_on": names[max(0, i - 100) : i]}
            for i, name in enumerate(names)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("steps", [300, 1_000])
async def test_a_definition_with_far_too_many_edges_is_checked_and_drawn(
    store_url: str, steps: int
) -> None:
    definition = crowded(min(steps, 300))
    if steps == 1_000:
        definition["steps"] = [undone(f"s{i}") for i in range(1_000)]
    async with a_product(store_url) as product:
        data = {"definition": json.dumps(definition)}
        answer = await product.http.post("/ui/editor/validate", data=data, headers=OWN)

    assert answer.status_code == 200, answer.text
    assert answer.text.count('class="e') <= 2_000
    assert len(answer.text) < 1_500_000


async def test_webhooks_alerts_and_silences_are_shown(store_url: str, tmp_path: Path) -> None:
    rule: dict[str, Any] = {
        "name": "<b>\u202e", "kind": "absent", "metric": "nothing_total", "window": "5m",
    }  # fmt: skip
    silence = {"matchers": [{"label": "rule", "value": "x"}], "ends_in": "1h", "comment": "<b>"}
    async with a_keeper(store_url, tmp_path) as product:
        made = await a_webhook(product, name="<b>hook")
        id_ = made["id"]
        await product.post("/api/alerts/rules", rule)
        await product.post("/api/alerts/silences", silence)
        await product.http.post(f"/ui/webhooks/{id_}/test", headers=OWN)
        listed = (await product.http.get(f"/api/webhooks/{id_}/deliveries")).json()["deliveries"]
        await product.http.post(f"/ui/webhooks/{id_}/disable", headers=OWN)
        delivery = listed[0]["delivery"]
        await shows(product, f"/webhooks/{id_}?delivery={delivery}")
        for odd in ("x", "../../agents", "%00", "a/b"):
            await shows(product, f"/webhooks/{id_}?delivery={odd}", 200, 400, 404, 405, 422)
        for tab in ("now", "history", "rules", "silences", "x"):
            await shows(product, f"/alerts?tab={tab}")
        await shows(product, "/webhooks")
        await shows(product, "/monitoring")
