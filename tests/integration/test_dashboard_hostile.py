"""Odd addresses and forms: told what is wrong, never a failure of ours."""

import pytest
from products import a_product

pytestmark = pytest.mark.anyio

OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
MOOD = {
    "name": "mood",
    "steps": [{"id": "a", "agent_type": "text_processor", "task_type": "sentiment_analysis"}],
}
DEEP = "[" * 3_000
NO_THINGS = (
    "/workflows/schema", "/workflows/schema/edit", "/workflows/new?copy=schema",
    "/executions/count", "/agents/types", "/agents/plugins/edit", "/webhooks/inbound/edit",
    "/events?event=types", "/events?event=subscriptions", "/events?event=types%2Fworkflow.started",
)  # fmt: skip


async def test_what_is_no_thing_is_not_found_and_what_cannot_be_read_is_told(
    store_url: str,
) -> None:
    found: dict[str, int] = {}
    async with a_product(store_url) as product:
        made = (await product.post("/api/workflows", MOOD)).json()["id"]
        for address in (*NO_THINGS, f"/workflows/new?copy={made}%2Fversions"):
            found[address] = (await product.http.get(address)).status_code
        forms: dict[str, dict[str, str]] = {
            f"/ui/workflows/{made}/run": {"then": "other", "input": DEEP},
            "/ui/editor/layout": {"workflow": made, "positions": DEEP},
            "/ui/failures/retry": {"all": "1", "matched": "²"},
            "/ui/executions/exe_x/cancel": {"typed": "x"},
            "/ui/queues": {"name": "q", "tries_max": DEEP},
            "/ui/views": {"name": "x", "path": "/logs", "query": "a&" * 20_000},
        }
        told = {
            path: (await product.http.post(path, data=fields, headers=OWN)).status_code
            for path, fields in forms.items()
        }
        metrics = {
            name: (await product.http.get(f"/monitoring?metric={name}")).status_code
            for name in ("export", "query", "record", "a%2Fb")
        }
        back = await product.http.post(
            "/ui/queues/a%E2%82%AC/redrive", data={"do": "some"}, headers=OWN
        )

    assert set(found.values()) == {404}, found
    assert max(told.values()) == 422, told
    assert set(metrics.values()) == {200}, metrics
    assert back.headers.get("location") == "/queues/a%E2%82%AC?tab=dead", back.status_code
