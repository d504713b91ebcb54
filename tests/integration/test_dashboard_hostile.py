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
)  # fmt: skip


async def test_what_is_no_thing_is_not_found_and_what_cannot_be_read_is_told(
    store_url: str,
) -> None:
    async with a_product(store_url) as product:
        for address in NO_THINGS:
            assert (await product.http.get(address)).status_code == 404, address
        made = (await product.post("/api/workflows", MOOD)).json()["id"]
        copied = await product.http.get("/workflows/new", params={"copy": f"{made}/versions"})
        assert copied.status_code == 404

        async def sent(path: str, **fields: str) -> tuple[int, str]:
            answer = await product.http.post(path, data=fields, headers=OWN)
            return answer.status_code, answer.headers.get("location", "")

        assert (await sent(f"/ui/workflows/{made}/run", then="other", input=DEEP))[0] in (200, 201)
        assert await sent("/ui/editor/layout", workflow=made, positions=DEEP) == (200, "")
        assert (await sent("/ui/failures/retry", all="1", matched="²"))[0] == 303
        told = await sent("/ui/queues/a%E2%82%AC/redrive", do="some")
        assert told == (303, "/queues/a%E2%82%AC?tab=dead")
        views = {"name": "x", "path": "/logs", "query": "a&" * 20_000}
        assert (await sent("/ui/views", **views))[0] == 422
