"""Alerts over HTTP: rules are made, changed, tried, deleted; what fires is listed and seen to."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import anyio
import jsonschema_rs
import pytest
from products import Product, a_product

from orchestra.clock import SystemClock
from orchestra.instants import instant

pytestmark = pytest.mark.anyio
RULE: Mapping[str, Any] = {
    "name": "Slow checkout", "metric": "checkout_seconds", "agg": "max", "threshold": 3,
    "window": "1h", "keep_firing": 0,
}  # fmt: skip


async def test_a_rule_is_made_shown_changed_and_deleted(store_url: str) -> None:
    async with a_product(store_url) as one:
        made = await one.post("/api/alerts/rules", RULE)
        path = made.headers["location"]
        shown = await one.http.get(path)
        body = {**RULE, "threshold": 4, "recover": 2, "for": "2m", "enabled": False}
        changed = await one.http.put(path, json=body, headers={"If-Match": '"1"'})
        late = await one.http.put(path, json=body, headers={"If-Match": '"1"'})
        listed = (await one.http.get("/api/alerts/rules?limit=200")).json()["rules"]
        kept = await one.http.delete(path, headers={"If-Match": '"1"'})
        gone = await one.http.delete(path)
        again = await one.http.delete(path)

    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    rule = made.json()
    assert rule["warnings"][0]["code"] == "metric_unknown"
    assert {name: rule[name] for name in ("recover", "for", "keep_firing", "op", "window")} == {
        "recover": 3.0, "for": "0s", "keep_firing": "0s", "op": ">", "window": "1h",
    }  # fmt: skip
    assert shown.json() == rule | {"warnings": []}
    assert changed.status_code == 200
    assert (changed.json()["revision"], changed.json()["for"]) == (2, "2m")
    assert (late.status_code, late.json()["revision"]) == (412, 2)
    assert [row["id"] for row in listed if not row["built_in"]] == [rule["id"]]
    assert (kept.status_code, gone.status_code, again.status_code) == (412, 204, 404)


async def test_what_fires_is_listed_acknowledged_and_in_the_history(store_url: str) -> None:
    async with a_product(store_url) as one:
        rule = (await one.post("/api/alerts/rules", {**RULE, "severity": "critical"})).json()
        await one.http.post("/api/metrics/record?metric_name=checkout_seconds&value=9")
        alert = await firing(one, rule["id"])
        path = f"/api/alerts/{alert['id']}"
        seen = await one.post(f"{path}/acknowledge")
        again = await one.post(f"{path}/acknowledge")
        undone = await one.http.delete(f"{path}/acknowledge")
        none = await one.http.get("/api/alerts/?severity=info")
        said = await history(one, rule["id"])
        shown = (await one.http.get(path)).json()

    assert (alert["state"], alert["severity"], alert["value"]) == ("firing", "critical", 9.0)
    assert alert["summary"] == "Slow checkout: 9"
    assert seen.json()["acknowledged"]["by"] == "developer"
    assert again.json() == seen.json()
    assert undone.json()["acknowledged"] is None
    assert none.json() == {"alerts": [], "cursor": None}
    assert said == ["alert.acknowledged", "alert.fired"]
    assert shown["episode"] == 1


async def test_an_alert_is_an_event_and_lines_of_the_log_make_one(store_url: str) -> None:
    body = {
        "name": "Refused", "kind": "log", "query": 'level>=error "no such sku"', "threshold": 2,
        "window": "10m", "summary": "${value} of ${threshold}",
    }  # fmt: skip
    async with a_product(store_url) as one:
        # A back-test ends with whole slots of seconds: so they are minutes old.
        at = instant(SystemClock().now_ms() - 300_000)
        lines = [{"ts": at, "level": "error", "message": f"no such sku {n}"} for n in range(5)]
        assert (await one.post("/api/logs/ingest", {"logs": lines})).status_code < 300
        rule = (await one.post("/api/alerts/rules", body)).json()
        alert = await firing(one, rule["id"])
        tried = await one.post("/api/alerts/rules/test", {**body, "from": "-1h"})
        types = (await one.http.get("/api/events/types")).json()["types"]
        found = await one.http.get(f"/api/events/?types=alert.fired&key={alert['id']}")

    assert (alert["value"], alert["summary"]) == (5.0, "5 of 2")
    assert tried.json()["fired"] == 1
    [event] = found.json()["events"]
    schema = next(row["data_schema"] for row in types if row["type"] == "alert.fired")
    jsonschema_rs.validator_for(schema).validate(event["data"])
    assert event["source"] == "/orchestra/alerts"
    assert set(event["data"]) <= set(schema["properties"])


async def history(product: Product, rule: str) -> list[str]:
    """What was said of a rule, the newest first; read by pages of one."""
    types: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = (await product.http.get(f"/api/alerts/history?limit=1{more}")).json()
        types += [row["type"] for row in page["items"] if row["rule_id"] == rule]
        cursor = page["cursor"]
    return types


async def firing(product: Product, rule: str) -> dict[str, Any]:
    """The alert of a rule, once its event is there."""
    with anyio.fail_after(60):
        async with aclosing(product.told("alert.fired")) as told:
            while (await anext(told))["data"]["rule_id"] != rule:
                pass
    answer = await product.http.get(f"/api/alerts/?state=firing&rule={rule}")
    return answer.json()["alerts"][0]
