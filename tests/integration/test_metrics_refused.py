"""Each row of the limits of metrics and logs (MONITORING.md §10): what is sent, what comes back."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from products import Product, a_product
from webhook_products import come_as

from orchestra.clock import SystemClock
from orchestra.instants import instant
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.series import HISTOGRAMS_MAX, METRIC_MAX, TENANT_MAX
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio
NOW_MS = SystemClock().now_ms
NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with a_product(store_url) as one:
        yield one


async def refused(product: Product, body: Mapping[str, Any], *, to: str = "record") -> Any:
    """What comes back as (status, code, findings)."""
    answer = await product.post(f"/api/metrics/{to}", body)
    found = answer.json()
    rows = {row["pointer"]: row["code"] for row in found.get("errors", ())}
    return answer.status_code, found.get("code"), rows


def a_value(**more: Any) -> dict[str, Any]:
    return {"metric_name": "m", "value": 1} | more


async def nothing_is_stored(product: Product) -> bool:
    """Whether no metric of ours is known."""
    listed = (await product.http.get("/api/metrics/")).json()["metrics"]
    return not [row for row in listed if not row["own"]]


async def test_row_1_values_that_are_no_numbers_or_beyond(product: Product) -> None:
    for text in ("NaN", "inf", "-Infinity", "x", "", "1e16", "-1e15.5", "0x10", "1_000", "٣"):
        answer = await product.http.post(
            "/api/metrics/record", params={"metric_name": "m", "value": text}
        )
        assert answer.status_code == 422, text
        errors = answer.json()["errors"]
        assert [(row["pointer"], row["code"]) for row in errors] == [
            ("/query/value", "value_invalid")
        ], text
    for value in ("5", None, True, [1], 1.1e15, -1e300):
        assert await refused(product, a_value(value=value)) == (
            422, "metric_invalid", {"/value": "value_invalid"},
        )  # fmt: skip
    batch = {"metrics": [a_value(), a_value(value=2e15), a_value(value="x")]}
    assert await refused(product, batch, to="batch") == (
        422, "metric_invalid",
        {"/metrics/1/value": "value_invalid", "/metrics/2/value": "value_invalid"},
    )  # fmt: skip
    answer = await product.http.post(
        "/api/metrics/record",
        content=b'{"metric_name": "m", "value": NaN}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 400
    assert await nothing_is_stored(product)


async def test_row_2_names_and_labels(product: Product) -> None:
    for name in ("", "1a", "a-b", "a b", "ä", "a" * 129, "a\n", 7):
        status, code, rows = await refused(product, a_value(metric_name=name))
        assert (status, code, rows) == (422, "metric_invalid", {"/metric_name": "name_invalid"})
    reserved = await refused(product, a_value(metric_name="orchestra_mine"))
    assert reserved == (422, "metric_invalid", {"/metric_name": "name_reserved"})
    wrong: list[tuple[Any, dict[str, str]]] = [
        ({f"l{i}": "x" for i in range(9)}, {"/labels": "too_many"}),
        ({"A": "x"}, {"/labels/A": "name_invalid"}),
        ({"a/b~c": "x"}, {"/labels/a~1b~0c": "name_invalid"}),
        ({"a" * 33: "x"}, {f"/labels/{'a' * 33}": "name_invalid"}),
        ({"a": "x" * 129, "b": 1}, {"/labels/a": "too_long", "/labels/b": "type"}),
        ({"a": "x\n"}, {"/labels/a": "too_long"}),
        (["a"], {"/labels": "type"}),
    ]
    for labels, rows in wrong:
        assert await refused(product, a_value(labels=labels)) == (422, "metric_invalid", rows)
    assert await nothing_is_stored(product)


async def test_row_3_another_type_or_unit_and_times_too_far(product: Product) -> None:
    assert (await product.post("/api/metrics/record", a_value(unit="s"))).status_code == 202
    for more in ({"type": "gauge"}, {"unit": "ms"}, {"type": "counter", "unit": "s"}):
        status, code, _ = await refused(product, a_value(**more))
        assert (status, code) == (409, "metric_type_fixed")
        status, code, _ = await refused(product, {"metrics": [a_value(**more)]}, to="batch")
        assert (status, code) == (409, "metric_type_fixed")
    mixed = [a_value(metric_name="n"), a_value(metric_name="n", type="gauge")]
    assert (await refused(product, {"metrics": mixed}, to="batch"))[0] == 409
    for seconds in (-3_700, 400):
        at_ms = NOW_MS() + seconds * 1_000
        for stamp in (at_ms / 1_000, instant(at_ms)):
            status, _, rows = await refused(product, a_value(timestamp=stamp))
            assert (status, rows) == (422, {"/timestamp": "timestamp_out_of_range"})
    for stamp in (instant(NOW_MS() - 3_000_000), (NOW_MS() + 200_000) / 1_000):
        assert (await refused(product, a_value(timestamp=stamp)))[0] == 202
    unknown = await product.http.get("/api/metrics/query?metric=n")
    assert unknown.status_code == 404


async def test_row_4_series_beyond_what_there_may_be(product: Product, store: Store) -> None:
    def rows(metric: str, begin: int, end: int, kind: str = "counter") -> dict[str, Any]:
        some = [
            a_value(metric_name=metric, type=kind, labels={"i": str(i)}) for i in range(begin, end)
        ]
        return {"metrics": some}  # fmt: skip

    register = Admission(store, SystemClock())
    assert (await refused(product, rows("m", 0, METRIC_MAX), to="batch"))[0] == 202
    beyond = await product.post("/api/metrics/batch", rows("m", METRIC_MAX - 1, METRIC_MAX + 1))
    assert (beyond.status_code, beyond.json()["code"]) == (429, "series_exhausted")
    assert beyond.json()["limit"] == METRIC_MAX
    assert (await refused(product, rows("m", 0, 9), to="batch"))[0] == 202
    # A batch that does not fit leaves nothing behind, so that what fits still does.
    assert (await refused(product, rows("n", 0, METRIC_MAX + 1), to="batch"))[0] == 429
    assert "n" not in await register.metrics(DEFAULT_TENANT)
    assert (await refused(product, rows("n", 0, METRIC_MAX), to="batch"))[0] == 202

    spreads = HISTOGRAMS_MAX - await histograms(register)
    assert (await refused(product, rows("h", 0, 200, "histogram"), to="batch"))[0] == 202
    left = await product.post("/api/metrics/batch", rows("h2", 0, spreads - 199, "histogram"))
    assert (left.status_code, left.json()["limit"]) == (429, TENANT_MAX)

    for number in range(TENANT_MAX // METRIC_MAX):
        await product.post("/api/metrics/batch", rows(f"c{number}", 0, METRIC_MAX))
    full = await refused(product, rows("last", 0, METRIC_MAX), to="batch")
    assert full[:2] == (429, "series_exhausted")
    names = list(await register.metrics(DEFAULT_TENANT))
    # What is counted under `other` is beside the bound: a series for each of our own metrics.
    assert sum(await register.counts(DEFAULT_TENANT, names)) <= TENANT_MAX + len(names)
    assert (await refused(product, rows("m", 0, 9), to="batch"))[0] == 202


async def histograms(register: Admission) -> int:
    """How many series of this tenant are histograms."""
    every = await register.metrics(DEFAULT_TENANT)
    names = [name for name, about in every.items() if about.kind == "h"]
    return sum(await register.counts(DEFAULT_TENANT, names))


async def test_row_5_questions_that_cannot_be_answered(product: Product) -> None:
    await product.post("/api/metrics/record", a_value(metric_name="latency", labels={"of": "x"}))

    async def asked(query: str) -> Any:
        answer = await product.http.get(f"/api/metrics/query?{query}")
        return answer.status_code, answer.json()

    status, name = await asked("metric=latenci")
    assert (status, name["code"], name["near"]) == (404, "metric_unknown", ["latency"])
    status, label = await asked("metric=latency&where=off:x")
    assert (status, label["code"], label["near"]) == (404, "label_unknown", ["of"])
    status, turned = await asked("metric=latency&from=now&to=-1h")
    assert (status, turned["errors"][0]["pointer"]) == (422, "/query/from")
    status, kept = await asked("metric=latency&from=-399d&to=now")
    assert status == 200
    assert "kept_from" in kept["bounded"]
    status, gone = await asked("metric=latency&from=-399d&to=-300d&agg=count")
    assert status == 200
    assert not [one for row in gone["series"] for one in row["values"] if one is not None]


async def test_row_7_patterns_queries_cursors_and_lines(product: Product) -> None:
    async def search(**params: Any) -> tuple[int, str]:
        answer = await product.http.get("/api/logs/search", params=params)
        return answer.status_code, answer.json().get("code", "")

    for pattern in ("/(/", r"/(?<=a)b/", r"/(a)\1/", "/a{1001}/", "/(a.{0,1000})z/"):
        assert await search(q=pattern) == (422, "query_invalid"), pattern
    assert await search(q="x " * 513) == (422, "query_invalid")
    body = b'{"message": "here"}\n' * 3
    kept = await product.http.post("/api/logs/ingest", content=body, headers=NDJSON)
    assert kept.status_code == 202
    first = await product.http.get("/api/logs/search?q=here&limit=1")
    cursor = first.json()["next_cursor"]
    assert await search(q="here", limit=1, cursor=cursor) == (200, "")
    assert await search(q="there", cursor=cursor) == (400, "log_cursor_invalid")
    assert await search(q="here", cursor="e30") == (400, "log_cursor_invalid")

    async def ingest(content: bytes) -> Any:
        answer = await product.http.post("/api/logs/ingest", content=content, headers=NDJSON)
        return answer.status_code, [row["pointer"] for row in answer.json().get("errors", ())]

    marked = b'{"message": "only-if-all-are-good"}\n'
    assert await ingest(marked * 4 + b"{no json}\n[1]\n") == (422, ["/4", "/5"])
    assert (await ingest(marked * 1_001))[0] == 413
    assert (await ingest(b'{"message": "' + b"x" * 1_048_576 + b'"}'))[0] == 413
    found = await product.http.get("/api/logs/search?q=event:only-if-all-are-good")
    assert found.json()["lines"] == []


async def test_a_form_is_recorded_as_a_query_is(product: Product) -> None:
    form = {"metric_name": "m", "value": "45.2", "label.shop": "berlin", "unit": "seconds"}
    answer = await product.http.post("/api/metrics/record", data=form)
    twice = b"metric_name=m&metric_name=n&value=NaN"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    wrong = await product.http.post("/api/metrics/record", content=twice, headers=headers)
    odd = await product.http.post("/api/metrics/record", content=b"value=%ff", headers=headers)
    both = await product.http.post("/api/metrics/record?value=1", content=twice, headers=headers)
    text = await product.http.post(
        "/api/metrics/record", content=b"x", headers={"content-type": "text/plain"}
    )
    shown = await product.http.get("/api/metrics/m")

    assert (answer.status_code, answer.json()["value"]) == (202, 45.2)
    assert [row["pointer"] for row in wrong.json()["errors"]] == ["/metric_name", "/value"]
    assert [one.status_code for one in (wrong, odd, both, text)] == [422, 422, 422, 415]
    assert shown.json()["labels"] == {"shop": ["berlin"]}


async def test_another_tenant_sees_nothing_and_takes_nothing(product: Product) -> None:
    await product.post("/api/metrics/record", a_value(labels={"hush": "hush-hush"}))
    line = b'{"message": "hush-hush"}'
    await product.http.post("/api/logs/ingest", content=line, headers=NDJSON)
    come_as(product, "admin", "else")
    paths = ["/api/metrics/", "/api/logs/search", "/api/logs/export", "/api/logs/tail?follow=false"]
    paths += ["/api/logs/context?at=now", "/api/metrics/query?metric=n", "/api/dashboard/overview"]
    shown = [(await product.http.get(path)).text for path in paths]
    unknown = [
        (await product.http.request(method, path)).status_code
        for method, path in (
            ("GET", "/api/metrics/m"),
            ("GET", "/api/metrics/query?metric=m"),
            ("GET", "/api/metrics/export?metric=m"),
            ("DELETE", "/api/metrics/m"),
        )
    ]
    again = await product.post("/api/metrics/record", a_value(type="gauge"))
    come_as(product, "admin", "default")
    mine = await product.http.get("/api/metrics/m")

    assert not [text for text in shown if "hush" in text]
    assert unknown == [404] * 4
    assert again.status_code == 202
    assert (mine.json()["type"], mine.json()["labels"]) == ("histogram", {"hush": ["hush-hush"]})


async def test_what_lies_beside_the_metrics_is_none_of_them(product: Product) -> None:
    await product.post("/api/metrics/record", a_value())
    answers = [
        await product.http.request(method, "/api/metrics/%23h") for method in ("GET", "DELETE")
    ]
    long = await product.http.get("/api/metrics/" + "m" * 4_000)

    assert [one.status_code for one in (*answers, long)] == [404, 404, 404]


async def test_what_there_is_no_data_of_is_null(product: Product) -> None:
    for kind, agg in (("counter", "rate"), ("gauge", "avg"), ("histogram", "p95")):
        await product.post("/api/metrics/record", a_value(metric_name=kind, type=kind))
        for one in (agg, "ratio&of=a:b" if kind != "gauge" else "last"):
            path = f"/api/metrics/query?metric={kind}&agg={one}&from=-3h&to=-2h&step=10m"
            answer = await product.http.get(path)
            if answer.status_code == 404:
                continue  # it has no labels
            assert answer.status_code == 200, answer.text
            assert {v for row in answer.json()["series"] for v in row["values"]} == {None}
