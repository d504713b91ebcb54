"""Many executions: found by what is known of them, counted, and steered in one request."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from products import Product, a_product

from orchestra.clock import ManualClock, system_random
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.workflows.history import index
from orchestra.workflows.history.batching import Batches, BatchRunning

pytestmark = pytest.mark.anyio

GOOD = {"id": "one", "type": "set", "vars": {"x": "1"}}
BAD = {"id": "boom", "type": "set", "vars": {"x": "${input.nothing.here}"}}
LATER = {"id": "nap", "type": "wait", "signal": "wake", "timeout": "1h"}
BATCH = "/api/executions/batch"

Document = dict[str, Any]


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with a_product(store_url) as made:
        yield made


async def ran(product: Product, name: str, step: Document, times: int = 1) -> list[str]:
    """Executions of a workflow of one step; those that do not wait have ended."""
    saved = (await product.post("/api/workflows", {"name": name, "steps": [step]})).json()
    found: list[str] = []
    for i in range(times):
        wait = {} if step is LATER else {"prefer": "wait=60"}
        body = {"labels": {"number": str(i)}}
        made = await product.post(f"/api/workflows/{saved['id']}/execute", body, **wait)
        found.append(made.json()["id"])
    return found


async def listed(product: Product, **query: str) -> list[str]:
    answer = await product.http.get("/api/executions", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


async def asked(product: Product, body: Document, **headers: str) -> Document:
    answer = await product.post(BATCH, body, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_executions_are_found_by_what_is_known_of_them(product: Product) -> None:
    good, bad = await ran(product, "good", GOOD, 2), await ran(product, "bad", BAD)
    text = {
        "agent_type": "text_processor",
        "input_data": {"task_type": "sentiment_analysis", "text": "a"},
    }
    agents = await ran(product, "agents", {"id": "a", **text})
    shown = (await product.http.get(f"/api/executions/{agents[0]}")).json()
    later = await ran(product, "later", LATER)
    every = [*good, *bad, *agents, *later]

    assert await listed(product) == every[::-1]
    assert await listed(product, order="oldest") == every
    assert await listed(product, error="expression") == bad
    assert await listed(product, error="timeout") == []
    assert await listed(product, status="failed,running,pending") == [*later, *bad]
    assert await listed(product, workflow="good", version="1", label="number=1") == good[1:]
    assert await listed(product, version="2") == []
    assert await listed(product, longer_than="1d") == []
    assert await listed(product, shorter_than="1d", q="ood") == good[::-1]
    assert await listed(product, agent=shown["steps"][0]["agent"]) == agents
    failed = (await product.http.get("/api/executions", params={"status": "failed"})).json()
    why = (await product.http.get(f"/api/executions/{bad[0]}")).json()["error"]
    assert failed["items"][0]["error"] == why
    assert (await product.http.get("/api/executions/count")).json() == {"executions": 5}

    first = (
        await product.http.get("/api/executions", params={"order": "oldest", "limit": 2})
    ).json()
    more = {"order": "oldest", "cursor": first["next_cursor"]}
    assert [*(one["id"] for one in first["items"]), *await listed(product, **more)] == every
    wrong = {
        "status": "x",
        "version": "one",
        "longer_than": "soon",
        "order": "best",
        "q": "y" * 2_000,
    }
    answer = await product.http.get("/api/executions", params=wrong)
    assert answer.status_code == 422
    pointers = {one["pointer"] for one in answer.json()["errors"]}
    assert pointers == {f"/query/{name}" for name in wrong}
    for part in ("timeline?at=9007199254740992", "timeline?at=-1", "history?after=x"):
        answer = await product.http.get(f"/api/executions/{good[0]}/{part}")
        assert answer.status_code == 422, (part, answer.text)
    answer = await product.http.get(f"/api/executions/{good[0]}/history?after={10**30}")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_pages_of_some_states_have_each_execution_once(
    product: Product, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(index, "PAGE", 2)  # so little is looked at together
    monkeypatch.setattr(index, "LOOKED_MAX", 1)
    for n in range(8):
        await ran(product, f"good-{n}", GOOD, 2)
        await ran(product, f"bad-{n}", BAD)
    every = (await product.http.get("/api/executions", params={"order": order})).json()["items"]
    for status in ("failed", "completed", "paused,running"):
        found = list[str]()
        cursor: dict[str, str] | None = {}
        while cursor is not None:
            query = {"status": status, "order": order, "limit": "3", **cursor}
            page = (await product.http.get("/api/executions", params=query)).json()
            found += [one["id"] for one in page["items"]]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None

        assert found == [one["id"] for one in every if one["status"] in status.split(",")]


async def test_a_batch_is_counted_first_and_answers_for_each(product: Product) -> None:
    later, good = await ran(product, "later", LATER, 3), await ran(product, "good", GOOD)
    counted = await asked(product, {"action": "pause", "filter": {}, "dry_run": True})
    assert {name: counted[name] for name in ("matched", "possible", "complete")} == {
        "matched": 4, "possible": 3, "complete": True,
    }  # fmt: skip
    assert counted["by_status"]["completed"] == 1  # the others run, or are about to
    assert await listed(product, status="paused") == []

    made = await asked(product, {"action": "pause", "filter": {"workflow": "later"}})
    assert (made["matched"], made["done"], made["next_cursor"]) == (3, 3, None)
    assert {one["status"] for one in made["items"]} == {"paused"}
    ids = [later[0], good[0], "exe_nothing", later[0]]
    made = await asked(product, {"action": "resume", "ids": ids})
    told = {one["id"]: (one["result"], one["code"]) for one in made["items"]}
    assert told == {
        later[0]: ("done", None),
        good[0]: ("refused", "wrong_state"),
        "exe_nothing": ("refused", "no_such_execution"),
    }


async def test_a_batch_goes_on_page_by_page_and_leaves_out_what_began_since(
    product: Product,
) -> None:
    await ran(product, "later", LATER, 5)
    counted = await asked(product, {"action": "cancel", "filter": {}, "dry_run": True})
    since = await ran(product, "since", LATER)
    chosen = {"started_before": counted["as_of"]}
    done, cursor = 0, None
    for _ in range(5):
        body = {"action": "cancel", "filter": chosen, "limit": 2, "cursor": cursor}
        made = await asked(product, body)
        done, cursor = done + made["done"], made["next_cursor"]
        if cursor is None:
            break
    assert (done, cursor) == (5, None)
    assert await listed(product, status="running,pending") == since


async def test_a_page_of_a_batch_is_done_once_for_each_key(product: Product) -> None:
    bad = await ran(product, "bad", BAD, 2)
    body = {"action": "retry", "ids": bad}
    first = await product.post(BATCH, body, idempotency_key="k")
    again = await product.post(BATCH, body, idempotency_key="k")
    other = await product.post(BATCH, body | {"action": "rollback"}, idempotency_key="k")

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert other.json()["code"] == "idempotency_mismatch"
    history = (await product.http.get(f"/api/executions/{bad[0]}/history")).json()["items"]
    assert [one["type"] for one in history].count("workflow.retried") == 1


REFUSED: list[tuple[Document, str]] = [
    ({"action": "pause"}, "/ids"),
    ({"action": "pause", "ids": ["exe_1"], "filter": {}}, "/ids"),
    ({"action": "pause", "ids": []}, "/ids"),
    ({"action": "pause", "ids": ["e"] * 201}, "/ids"),
    ({"action": "pause", "ids": ["e" * 65]}, "/ids/0"),
    ({"action": "destroy", "filter": {}}, "/action"),
    ({"action": "pause", "filter": {"statsu": "x"}}, "/filter"),
    ({"action": "pause", "filter": {"status": "x"}}, "/filter/status"),
    ({"action": "pause", "filter": {}, "cursor": "?"}, "/query/cursor"),
    ({"action": "pause", "filter": {}, "mode": "later"}, "/mode"),
    ({"action": "pause", "filter": {}, "limit": 1_000}, "/limit"),
]


async def test_a_batch_that_makes_no_sense_is_refused(product: Product) -> None:
    for body, pointer in REFUSED:
        answer = await product.post(BATCH, body)

        assert answer.status_code == 422, answer.text
        assert pointer in {one["pointer"] for one in answer.json()["errors"]}, body


async def test_of_two_pages_with_one_key_in_one_millisecond_one_is_steered(store: Store) -> None:
    nobody = cast("Any", None)
    batches = Batches(store, nobody, nobody, ManualClock(), system_random())
    named = keys.idempotency(keys.definitions(store.space), "k")

    assert await batches._before(named, "page") is None
    with pytest.raises(BatchRunning):
        await batches._before(named, "page")
