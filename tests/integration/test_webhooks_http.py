"""Webhooks over HTTP: made, looked at, changed, whose they are, what is wrong."""

from pathlib import Path

import pytest
from webhook_products import EXAMPLE, a_keeper

pytestmark = pytest.mark.anyio


async def test_the_shape_of_the_original_makes_a_webhook(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        answer = await one.post("/api/webhooks/", EXAMPLE)
        made = answer.json()
        shown = (await one.http.get(f"/api/webhooks/{made['id']}")).json()

        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/api/webhooks/{made['id']}"
        assert made["secret"].startswith("whsec_")
        assert "secret" not in shown
        assert shown == {k: v for k, v in made.items() if k not in ("secret", "public_key")}
        assert shown["event_filter"]["event_types"] == ["workflow.failed", "step.*"]
        assert (shown["state"], shown["format"], shown["revision"]) == ("active", "cloudevents", 1)


async def test_the_way_of_a_webhook(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = (await one.post("/api/webhooks/", EXAMPLE)).json()
        at = f"/api/webhooks/{made['id']}"
        changed = await one.http.patch(at, json={"rate_per_s": 5}, headers={"If-Match": '"1"'})
        stale = await one.http.patch(at, json={"rate_per_s": 6}, headers={"If-Match": '"1"'})
        off = (await one.post(f"{at}/disable")).json()
        on = (await one.post(f"{at}/enable")).json()
        turned = (await one.post(f"{at}/rotate-secret", {"overlap_h": 48})).json()
        at_once = (await one.post(f"{at}/rotate-secret", {"overlap_h": 0})).json()
        gone = await one.http.delete(at)
        after = await one.http.get(at)

        assert changed.json()["rate_per_s"] == 5
        assert changed.headers["etag"] == '"2"'
        assert (stale.status_code, stale.json()["revision"]) == (412, 2)
        assert (off["state"], off["disabled_reason"]) == ("disabled", "by developer")
        assert on["state"] == "active"
        assert [key["expires_at"] is None for key in turned["signing_keys"]] == [True, False]
        assert len({made["secret"], turned["secret"], at_once["secret"]}) == 3
        assert len(at_once["signing_keys"]) == 1
        assert (gone.status_code, after.status_code) == (204, 404)


async def test_a_patch_changes_what_it_names_and_null_is_the_default(
    store_url: str, tmp_path: Path
) -> None:
    chat = {"url": "http://127.0.0.1:9/x", "format": "slack", "headers": {"X-A": "1", "X-B": "2"}}
    filtered = {"event_filter": {"event_types": ["a.*"], "expression": "event.type == 'a.b'"}}
    async with a_keeper(store_url, tmp_path) as one:
        made = (await one.post("/api/webhooks/", EXAMPLE | chat | filtered)).json()
        at = f"/api/webhooks/{made['id']}"
        patch = {
            "headers": {"X-A": None, "x-b": "3"},
            "event_filter": {"event_types": ["b.*"]},
            "format": None,
            "concurrency": 3,
        }
        changed = (await one.http.patch(at, json=patch)).json()
        back = (await one.http.patch(at, json={"concurrency": None, "event_filter": None})).json()
        refused = [
            await one.http.patch(at, json=body)
            for body in ([], {"name": None}, {"state": "disabled"}, {"secret": "whsec_x"})
        ]

    assert changed["headers"] == {"x-b": "3"}
    assert changed["event_filter"] == {"event_types": ["b.*"], "expression": "event.type == 'a.b'"}
    assert (changed["format"], changed["concurrency"]) == ("cloudevents", 3)
    assert (back["concurrency"], back["event_filter"]["event_types"]) == (10, [])
    assert [answer.status_code for answer in refused] == [422] * 4
