"""Metrics over HTTP: recorded as the original does, asked for again; everything that is wrong."""

import os
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from products import Product, a_product

from orchestra.clock import SystemClock
from orchestra.monitoring.metrics.admission import Admission
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio


async def answered(product: Product, query: str) -> dict[str, Any]:
    """The answer to a query, at once: this process shows what it took."""
    answer = await product.http.get(f"/api/metrics/query?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def values(answer: Mapping[str, Any]) -> list[float]:
    """All values of an answer that are there."""
    return [one for series in answer["series"] for one in series["values"] if one is not None]


async def test_the_originals_record_is_answered_and_found(store_url: str) -> None:
    async with a_product(store_url) as one:
        answer = await one.http.post("/api/metrics/record?metric_name=execution_time&value=45.2")
        found = await answered(one, "metric=execution_time&agg=sum")

    assert answer.status_code == 202
    body = answer.json()
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "status": "recorded",
        "metric_name": "execution_time",
        "value": 45.2,
        "type": "histogram",
    }
    assert values(found) == [45.2]


async def test_values_are_asked_for_by_labels(store_url: str) -> None:
    async with a_product(store_url) as one:
        rows = [
            {"metric_name": "orders", "value": n, "type": "counter", "labels": {"shop": shop}}
            for shop, n in (("berlin", 3), ("berlin", 4), ("oslo", 2))
        ]
        batch = await one.post("/api/metrics/batch", {"metrics": rows})
        by_shop = await answered(one, "metric=orders&agg=increase&by=shop&step=1h&from=-2h")
        limited = await answered(one, "metric=orders&agg=increase&limit=1&step=1h&from=-2h")
        berlin = await answered(one, "metric=orders&agg=increase&where=shop:berlin&step=1h")
        share = await answered(one, "metric=orders&agg=ratio&of=shop:oslo&by=&step=1h&from=-2h")
        shown = (await one.http.get("/api/metrics/orders")).json()
        export = await one.http.get("/api/metrics/export?metric=orders&agg=increase&format=csv")
        lines = await one.http.get("/api/metrics/export?metric=orders&agg=sum&format=ndjson")

    assert batch.status_code == 202
    assert batch.json() == {"status": "recorded", "recorded": 3}
    found = {row["labels"]["shop"]: sum(v or 0 for v in row["values"]) for row in by_shop["series"]}
    assert found == {"berlin": 7.0, "oslo": 2.0}
    assert sum(values(berlin)) == 7.0
    assert [row["labels"] for row in limited["series"]] == [{"shop": "berlin"}]
    assert sum(value or 0 for value in limited["others"]["values"]) == 2.0
    assert limited["bounded"] == {
        "series": 2, "shown": 1, "chosen_by": "sum", "rest": "others",
    }  # fmt: skip
    assert share["series"]
    assert shown["labels"] == {"shop": ["berlin", "oslo"]}
    assert (shown["type"], shown["series"], shown["own"]) == ("counter", 2, False)
    assert export.text.splitlines()[0] == "metric,agg,labels,at,value"
    assert "shop=berlin" in export.text
    assert len(lines.text.splitlines()) >= 2


async def test_what_was_recorded_is_in_the_next_answer_whole(store_url: str) -> None:
    rows = [
        {"metric_name": "spread", "value": 1, "type": "counter", "labels": {"n": str(n)}}
        for n in range(150)
    ]
    async with a_product(store_url) as one:
        wrong: list[tuple[int, list[float]]] = []
        for turn in range(1, 6):
            assert (await one.post("/api/metrics/batch", {"metrics": rows})).status_code == 202
            found = await answered(one, "metric=spread&agg=increase&by=&step=1h&from=-2h")
            if sum(values(found)) != 150.0 * turn:
                wrong.append((turn, values(found)))

    assert wrong == []


async def test_an_answer_that_has_not_changed_is_not_sent_again(store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.post("/api/metrics/record", {"metric_name": "m", "value": 1})
        path = "/api/metrics/query?metric=m&agg=count&from=1794990000&to=1794990600"
        first = await one.http.get(path)
        again = await one.http.get(path, headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    assert not again.content


async def test_the_first_record_of_a_metric_fixes_what_it_is(store_url: str) -> None:
    async with a_product(store_url) as one:
        body = {"metric_name": "stock", "value": 5, "type": "gauge", "unit": "boxes"}
        first = await one.post("/api/metrics/record", body)
        same = await one.post("/api/metrics/record", {"metric_name": "stock", "value": 6})
        other = await one.post("/api/metrics/record", body | {"type": "counter"})
        unit = await one.post("/api/metrics/record", body | {"unit": "bags"})

    assert (first.status_code, same.status_code) == (202, 202)
    assert same.json()["type"] == "gauge"
    for answer in (other, unit):
        assert (answer.status_code, answer.json()["code"]) == (409, "metric_type_fixed")
        assert (answer.json()["type"], answer.json()["unit"]) != ("", "")


async def test_labels_that_explode_are_refused_and_known_series_go_on(store_url: str) -> None:
    async with a_product(store_url) as one:

        def row(i: int) -> dict[str, Any]:
            return {"metric_name": "m", "value": 1, "type": "counter", "labels": {"i": str(i)}}

        full = await one.post("/api/metrics/batch", {"metrics": [row(i) for i in range(200)]})
        more = await one.post("/api/metrics/record", row(200))
        none = await one.post("/api/metrics/batch", {"metrics": [row(7), row(201)]})
        known = await one.post("/api/metrics/record", row(7))
        other = await one.post("/api/metrics/record", row(7) | {"metric_name": "n"})
        listed = (await one.http.get("/api/metrics/")).json()["metrics"]

    assert full.status_code == 202
    for answer in (more, none):
        assert (answer.status_code, answer.json()["code"]) == (429, "series_exhausted")
    assert (known.status_code, other.status_code) == (202, 202)
    assert {row["name"]: row["series"] for row in listed if not row["own"]} == {"m": 200, "n": 1}


async def test_a_forgotten_metric_begins_anew(store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.post("/api/metrics/record", {"metric_name": "m", "value": 1})
        gone = await one.http.delete("/api/metrics/m")
        unknown = await one.http.get("/api/metrics/query?metric=m")
        again = await one.post(
            "/api/metrics/record", {"metric_name": "m", "value": 2, "type": "gauge"}
        )
        found = await answered(one, "metric=m&agg=last")
        own = await one.http.delete("/api/metrics/orchestra_events_total")

    assert (gone.status_code, unknown.status_code, again.status_code) == (204, 404, 202)
    assert values(found) == [2.0]
    assert own.status_code in (404, 409)


async def test_an_unknown_name_tells_what_is_near(store_url: str) -> None:
    async with a_product(store_url) as one:
        body = {"metric_name": "latency", "value": 1, "labels": {"region": "eu"}}
        await one.post("/api/metrics/record", body)
        name = await one.http.get("/api/metrics/query?metric=latencey")
        label = await one.http.get("/api/metrics/query?metric=latency&by=regoin")
        ours = await one.http.get("/api/metrics/query?metric=orchestra_executions_total")
        agg = await one.http.get("/api/metrics/query?metric=latency&agg=last")
        wide = await one.http.get("/api/metrics/query?metric=latency&from=-399d&step=1h")

    assert (name.status_code, name.json()["near"]) == (404, ["latency"])
    assert (label.status_code, label.json()["near"]) == (404, ["region"])
    assert (ours.status_code, ours.json()["series"]) == (200, [])
    assert (agg.status_code, agg.json()["errors"][0]["pointer"]) == (422, "/query/agg")
    assert wide.status_code == 200
    assert set(wide.json()["bounded"]) == {"kept_from", "step_s"}


async def test_a_question_that_would_read_too_much_names_a_range_that_fits(store_url: str) -> None:
    async with a_product(store_url) as one:
        rows = [
            {"metric_name": "m", "value": 1, "type": "counter", "labels": {"i": str(i)}}
            for i in range(200)
        ]
        await one.post("/api/metrics/batch", {"metrics": rows})
        path = "/api/metrics/query?metric=m&agg=rate&step=600s"
        wide = await one.http.get(f"{path}&from=-68h")
        fits = wide.json()["range_s"]
        narrow = await one.http.get(f"{path}&from=-{fits}s")

    assert (wide.status_code, wide.json()["code"]) == (422, "query_too_wide")
    assert narrow.status_code == 200


async def test_what_one_tenant_records_is_nobody_elses(store: Store, store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.post("/api/metrics/record", {"metric_name": "mine", "value": 1})
        register = Admission(store, SystemClock())
        found = await register.metrics(Tenant("other"))
        mine = await register.metrics(DEFAULT_TENANT)

    assert found == {}
    assert "mine" in mine


HOSTILE = ("", "x", "NaN", "-1", "9" * 400, "\x00", "💥", "%", "a:b", ":", ",", "-1h", "now", "{}")
PATHS = (
    ("GET", "/api/metrics/"),
    ("GET", "/api/metrics/query"),
    ("GET", "/api/metrics/export"),
    ("GET", "/api/metrics/{}"),
    ("DELETE", "/api/metrics/{}"),
    ("POST", "/api/metrics/record"),
    ("POST", "/api/metrics/batch"),
    ("GET", "/api/dashboard/overview"),
    ("GET", "/api/dashboard/health"),
    ("GET", "/metrics"),
)
PARAMETERS = (
    "metric", "agg", "by", "where", "from", "to", "step", "limit", "offset", "of", "format",
    "window", "metric_name", "value", "type", "unit", "timestamp", "label.a", "labels",
)  # fmt: skip


def anything(chance: random.Random, depth: int = 3) -> Any:
    """Some JSON."""
    scalars = (*HOSTILE, None, True, 0, -1, 1e308, 10**18, 0.1)
    if depth == 0 or chance.random() < 0.5:
        return chance.choice(scalars)
    if chance.random() < 0.4:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = ("metric_name", "value", "labels", "type", "unit", "timestamp", "metrics", "a", "/~")
    return {chance.choice(names): anything(chance, depth - 1) for _ in range(chance.randrange(6))}


async def test_no_request_whatsoever_is_a_fault_of_ours(store_url: str) -> None:
    chance = random.Random(11)
    rounds = int(os.environ.get("ORCHESTRA_TEST_FUZZ", "600"))
    async with a_product(store_url) as one:
        await one.post("/api/metrics/record", {"metric_name": "x", "value": 1})
        for _ in range(rounds):
            method, path = chance.choice(PATHS)
            path = path.format(quote(chance.choice(HOSTILE)[:64] or "x", safe=""))
            query = {
                chance.choice(PARAMETERS): chance.choice((*HOSTILE, "x", "p95", "10s"))
                for _ in range(chance.randrange(5))
            }
            body = anything(chance) if method == "POST" and chance.random() < 0.7 else None
            answer = await one.http.request(method, path, params=query, json=body)
            assert answer.status_code < 500, (method, path, query, body, answer.text)
