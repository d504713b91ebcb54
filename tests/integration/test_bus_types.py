"""Schemas of types of events: kept, checked, changed, known to every replica."""

from typing import Any

import anyio
import httpx
import msgspec
import pytest
from products import Product, a_product

pytestmark = pytest.mark.anyio

AT = "/api/events/types"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"total": {"type": "number", "minimum": 0}, "lines": {"type": "array"}},
    "required": ["total"],
}
BATCH = {"content-type": "application/cloudevents-batch+json"}


async def put(
    product: Product, schema: object = SCHEMA, name: str = "order.placed", **more: Any
) -> httpx.Response:
    return await product.http.put(f"{AT}/{name}", json={"schema": schema} | more)


async def publish(product: Product, payload: object) -> httpx.Response:
    event = {"event_type": "order.placed", "source_service": "shop", "source_id": "o"}
    return await product.post("/api/events/publish", event | {"payload": payload})


async def kept(product: Product) -> list[Any]:
    answer = await product.http.get("/api/events", params={"types": "order.placed"})
    return [one["data"] for one in answer.json()["events"]]


async def test_what_does_not_fit_is_refused_with_every_finding(store_url: str) -> None:
    async with a_product(store_url) as product:
        made = await put(product)
        bad = await publish(product, {"total": -1, "lines": 3})
        good = await publish(product, {"total": 1})
        found = await kept(product)

    assert made.status_code == 200
    assert made.json()["revision"] == 1
    assert bad.status_code == 422
    assert {one["pointer"] for one in bad.json()["errors"]} == {"/payload/total", "/payload/lines"}
    assert good.status_code == 202
    assert found == [{"total": 1}]


async def test_one_bad_event_keeps_a_batch_out(store_url: str) -> None:
    def event(n: int, data: object, kind: str = "order.placed") -> dict[str, object]:
        return {"specversion": "1.0", "id": str(n), "source": "s", "type": kind, "data": data}

    async with a_product(store_url) as product:
        await put(product)
        batch = [event(0, {"total": 1}), event(1, {}), event(2, 7), event(3, 7, "free.type")]
        answer = await product.http.post(
            "/api/events", content=msgspec.json.encode(batch), headers=BATCH
        )
        single = await product.http.post("/api/events", json=event(4, {"total": "much"}))
        found = await kept(product)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/1/data", "/2/data"]
    assert single.json()["errors"][0]["pointer"] == "/data/total"
    assert found == []


async def test_a_type_is_listed_shown_changed_and_forgotten(store_url: str) -> None:
    async with a_product(store_url) as product:
        await put(product, description="An order was placed.")
        same = await put(product, description="An order was placed.")
        changed = await put(product, {"type": "object"}, compatibility="backward")
        listed = (await product.http.get(AT)).json()["types"]
        shown = await product.http.get(f"{AT}/order.placed")
        gone = await product.http.delete(f"{AT}/order.placed")
        again = await product.http.delete(f"{AT}/order.placed")
        free = await publish(product, "anything")
        missing = await product.http.get(f"{AT}/order.placed")

    assert same.json()["revision"] == 1
    assert changed.json()["revision"] == 2
    (mine,) = [one for one in listed if one["source"] is None]
    assert mine["data_schema"] == {"type": "object"}
    assert mine["compatibility"] == "backward"
    assert any(one["type"] == "workflow.completed" for one in listed)
    assert shown.json() == changed.json()
    assert (gone.status_code, again.status_code, missing.status_code) == (204, 404, 404)
    assert free.status_code == 202


async def test_a_narrower_schema_is_refused_where_that_was_asked_for(store_url: str) -> None:
    narrow = SCHEMA | {"required": ["total", "lines"]}
    async with a_product(store_url) as product:
        await put(product)
        refused = await put(product, narrow, compatibility="backward")
        kept_as = (await product.http.get(f"{AT}/order.placed")).json()["schema"]
        taken = await put(product, narrow, compatibility="none")

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/required"
    assert kept_as == SCHEMA
    assert taken.status_code == 200


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("order.placed", {"schema": {"type": "text"}}, 422),
        ("order.placed", {"schema": {"$ref": "https://example.com/schema"}}, 422),
        ("order.placed", {"schema": {"$ref": "#"}}, 422),
        ("order.placed", {"schema": {"pattern": "(?=a)"}}, 422),
        ("order.placed", {"schema": True}, 422),
        ("order.placed", {"schema": {}, "compatibility": "forward", "more": 1}, 422),
        ("order.placed", {}, 422),
        ("order placed", {"schema": {}}, 422),
        ("x" * 129, {"schema": {}}, 422),
        ("workflow.completed", {"schema": {}}, 409),
        ("order.placed", {"schema": {"description": "x" * 70_000}}, 422),
    ],
)
async def test_what_cannot_be_used_is_not_kept(
    store_url: str, name: str, body: object, status: int
) -> None:
    async with a_product(store_url) as product:
        answer = await product.http.put(f"{AT}/{name}", json=body)
        listed = (await product.http.get(AT)).json()["types"]

    assert answer.status_code == status, answer.text
    assert [one for one in listed if one["source"] is None] == []


async def test_a_tenant_has_a_hundred_types(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestra.bus.types.records.TYPES_MAX", 3)
    async with a_product(store_url) as product:
        made = [(await put(product, {}, f"t{n}")).status_code for n in range(4)]
        changed = await put(product, {"type": "object"}, "t0")

    assert made == [200, 200, 200, 409]
    assert changed.status_code == 200


async def test_another_replica_is_told_of_a_change(store_url: str) -> None:
    async with a_product(store_url) as here, a_product(store_url) as there:
        assert (await publish(there, "anything")).status_code == 202
        await put(here)
        await answers(there, 422)
        await here.http.delete(f"{AT}/order.placed")
        await answers(there, 202)


async def answers(product: Product, status: int) -> None:
    """Until publishing is answered so, which another replica decides."""
    with anyio.fail_after(60):
        while (await publish(product, "anything")).status_code != status:  # noqa: ASYNC110 -- another process
            await anyio.sleep(0.02)
