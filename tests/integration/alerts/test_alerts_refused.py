"""Rules over HTTP that are refused, tried on the past, or none of the caller's business."""

from collections.abc import Mapping
from typing import Any

import pytest
from alert_hall import Hall
from msgspec.structs import replace
from products import a_product

from orchestra.clock import SystemClock
from orchestra.monitoring.alerts.backtest import Trial
from orchestra.monitoring.alerts.records import RULES_MAX, Rule, RuleQuota
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
RULE: Mapping[str, Any] = {"name": "Slow", "metric": "checkout_seconds", "threshold": 3}


async def test_what_is_wrong_is_told_at_once_and_nothing_is_kept(store_url: str) -> None:
    async with a_product(store_url) as one:
        body = {**RULE, "recover": 9, "for": "2d", "window": "31d", "kind": "view"}
        refused = await one.post("/api/alerts/rules", body)
        not_json = await one.http.post("/api/alerts/rules", content=b"{", headers=JSON)
        too_large = await one.post("/api/alerts/rules", {**RULE, "summary": "x" * 2_000_000})
        tried = await one.post("/api/alerts/rules/test", {**RULE, "from": "-40d", "to": 3})
        listed = (await one.http.get("/api/alerts/rules?limit=200")).json()["rules"]
        built_in = next(row for row in listed if row["id"] == "alr_builtin_loop_lag")
        path = "/api/alerts/rules/alr_builtin_loop_lag"
        kept = await one.http.delete(path)
        fixed = await one.http.put(path, json={**RULE, "threshold": 1})

    found = {row["pointer"]: row["code"] for row in refused.json()["errors"]}
    assert refused.status_code == 422
    assert found == {
        "/kind": "not_available", "/recover": "wrong_side", "/for": "out_of_range",
        "/window": "out_of_range",
    }  # fmt: skip
    assert not_json.status_code == 400
    assert too_large.status_code in (413, 422)
    assert {row["pointer"] for row in tried.json()["errors"]} == {"/from", "/to"}
    assert built_in["scope"] == "installation"
    assert all(row["built_in"] for row in listed)
    assert (kept.status_code, fixed.status_code) == (409, 422)


async def test_an_aggregate_that_does_not_suit_the_metric_is_refused(store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.http.post("/api/metrics/record?metric_name=stock&value=3&type=gauge")
        refused = await one.post(
            "/api/alerts/rules", {"name": "n", "metric": "stock", "agg": "p95", "threshold": 1}
        )
        near = await one.post(
            "/api/alerts/rules", {"name": "n", "metric": "stocks", "threshold": 1}
        )

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/agg"
    assert near.json()["warnings"][0]["near"] == ["stock"]


async def test_another_tenants_rules_and_alerts_are_not_there(store: Store) -> None:
    hall, other = Hall(store), Tenant("other")
    rule = await hall.a_rule()
    await hall.level(50, 2)
    [alert] = [one.alert for one in await hall.alerts.active(DEFAULT_TENANT)]

    assert rule.id not in {one.id for one in await hall.rules.of_tenant(other)}
    assert await hall.alerts.active(other) == []
    assert await hall.alerts.history(other, None, 10) == []
    for found in (hall.rules.get(other, rule.id), hall.alerts.get(other, alert.id)):
        with pytest.raises(Exception, match="there is no"):
            await found
    with pytest.raises(Exception, match="there is no"):
        await hall.alerts.acknowledge(other, alert.id, "me")


async def test_a_tenant_has_no_more_than_five_hundred_rules(store: Store) -> None:
    hall = Hall(store)
    for _ in range(RULES_MAX):
        await hall.a_rule()

    with pytest.raises(RuleQuota):
        await hall.a_rule()
    assert len(await hall.rules.of_tenant(DEFAULT_TENANT)) > RULES_MAX


async def test_a_back_test_finds_what_would_have_fired(store: Store) -> None:
    hall = Hall(store)
    for n in range(360):
        hall.clock.advance(10_000)
        await hall.record("level", 50 if 100 <= n < 130 else 5, room="red")
    rule = Rule(
        id="alr_test", tenant=DEFAULT_TENANT, name="n", metric="level", agg="last", by=("room",),
        window_s=30, threshold=10, recover=10, for_s=60, keep_firing_s=60,
    )  # fmt: skip
    now_s = hall.clock.now_ms() // 1_000

    found = await trial(hall, rule).run((now_s - 3_600, now_s), now_s)
    none = await trial(hall, replace(rule, threshold=90, recover=90)).run((0, now_s), now_s)

    assert (found["fired"], found["step_s"], found["bounded"]) == (1, 10, None)
    [episode] = found["episodes"]
    assert (episode["labels"], episode["worst"]) == ({"room": "red"}, 50)
    assert episode["pending_at"] < episode["fired_at"] < episode["resolved_at"]
    assert none["fired"] == 0
    assert set(none["bounded"]) >= {"kept_from", "window_s"}


async def test_a_back_test_says_what_a_live_evaluator_said(store: Store) -> None:
    hall = Hall(store)
    rule = await hall.a_rule(
        metric="calls", agg="ratio", of=(("ok", "no"),), threshold=0.3, recover=0.1, window_s=120,
        for_s=30, keep_firing_s=60, min_samples=10,
    )  # fmt: skip
    began_s = hall.clock.now_ms() // 1_000
    for n in range(300):
        hall.clock.advance(10_000)
        await hall.record("calls", 2 if 90 <= n < 120 or n > 250 else 0, "f", ok="no")
        await hall.record("calls", 3, "f", ok="yes")
        await hall.evaluator.round(hall.token)
    now_s = hall.clock.now_ms() // 1_000

    found = await trial(hall, rule).run((began_s, now_s), now_s)

    assert await hall.said() == ["fired", "resolved", "fired"]
    assert found["fired"] == 2
    assert [bool(one["resolved_at"]) for one in found["episodes"]] == [True, False]


def trial(hall: Hall, rule: Rule) -> Trial:
    """A back-test without a log."""
    return Trial(rule, hall.answers, None, SystemClock())  # type: ignore[arg-type]  # no rule about lines
