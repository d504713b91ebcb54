"""What a step emits is an event like any other."""

import pytest
from products import a_product

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("payload", [{"id": 7, "deep": [None, 1.5]}, "text", None, [1]])
async def test_what_a_step_emits_is_listed(store_url: str, payload: object) -> None:
    step = {"id": "e", "type": "emit", "event_type": "order.paid", "payload": payload}
    async with a_product(store_url) as one:
        made = await one.post("/api/workflows", {"name": "w", "steps": [step]})
        at = f"/api/workflows/{made.json()['id']}/execute"
        shown = (await one.post(at, {}, Prefer="wait=60")).json()
        answer = await one.http.get("/api/events/", params={"types": "order.*"})

    assert shown["status"] == "completed", shown
    [event] = answer.json()["events"]
    assert (event["type"], event["subject"], event["source"], event["data"]) == (
        "order.paid", shown["id"], "/orchestra/workflows", payload,
    )  # fmt: skip
    assert event["orchestraorigin"] == "api", "a workflow may emit what it likes: it is no fact"
