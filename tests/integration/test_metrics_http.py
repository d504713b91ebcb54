"""Metrics over HTTP: recorded as the original does, asked for again; everything that is wrong."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from products import Product, a_product

pytestmark = pytest.mark.anyio


async def answered(product: Product, query: str, within_s: float = 10.0) -> dict[str, Any]:
    """The answer to a query, once there is a value in it."""
    with anyio.fail_after(within_s):
        while True:
            answer = await product.http.get(f"/api/metrics/query?{query}")
            if answer.status_code == 200 and values(answer.json()):
                return answer.json()
            await anyio.sleep(0.05)


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
