"""What a process says to Prometheus, judged by Prometheus' own parser."""

import pytest
from products import a_product
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text
from webhook_products import come_as

from orchestra.instruments import OTHER, counter
from orchestra.security import Role

pytestmark = pytest.mark.anyio


async def test_prometheus_reads_what_is_scraped(store_url: str) -> None:
    async with a_product(store_url) as one:
        for _ in range(3):
            await one.http.get("/api/workflows")
        await one.http.get("/api/no/such/path")
        plain = await one.http.get("/metrics")
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        openmetrics = await one.http.get("/metrics", headers=accept)

    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {one.name: one for one in read_text(plain.text)}
    requests = families["orchestra_http_requests"].samples
    # Others in this process have asked, too.
    listed = [one for one in requests if one.labels["route"] == "/api/workflows"]
    [got] = [
        one for one in listed if (one.labels["method"], one.labels["status"]) == ("GET", "200")
    ]
    assert got.value >= 3
    assert [one for one in requests if one.labels["route"] == "none"]
    seconds = families["orchestra_http_seconds"]
    buckets = [
        one
        for one in seconds.samples
        if one.name.endswith("_bucket") and one.labels["route"] == "/api/workflows"
    ]
    assert [one.value for one in buckets] == sorted(one.value for one in buckets)
    assert buckets[-1].labels["le"] == "+Inf"
    assert buckets[-1].value == sum(one.value for one in listed)
    assert not [one for one in requests if one.labels["route"] == OTHER]
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text")
    names = {one.name for one in read_openmetrics(openmetrics.text)}
    assert {"orchestra_http_requests", "orchestra_http_seconds"} <= names


async def test_a_tenant_is_shown_nothing_of_another(store_url: str) -> None:
    async with a_product(store_url) as one:
        counter("orchestra_test_hidden_total", ("tenant", "of")).add(1, "default", "hush-hush")
        scraped: list[str] = []
        callers: list[tuple[Role, str]] = [
            ("viewer", "default"), ("admin", "else"), ("platform_admin", "else"),
        ]  # fmt: skip
        for role, tenant in callers:
            come_as(one, role, tenant)
            scraped.append((await one.http.get("/metrics")).text)

    assert ["hush-hush" in text for text in scraped] == [True, False, True]
    assert all("orchestra_http_requests_total" in text for text in scraped)


async def test_scraping_needs_a_key_from_elsewhere(store_url: str) -> None:
    async with a_product(store_url, own=False) as one:
        assert (await one.http.get("/metrics")).status_code == 401


async def test_monitoring_can_be_turned_off(store_url: str) -> None:
    async with a_product(store_url, monitoring="off") as one:
        statuses = [
            (await one.http.get(path)).status_code
            for path in ("/metrics", "/api/metrics/", "/api/dashboard/overview", "/api/workflows")
        ]

    assert statuses == [404, 404, 404, 200]
