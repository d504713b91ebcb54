"""Whatever is sent to a route of monitoring: never a fault of ours, and memory stays as it is.

Each route that the description of the API has, with its own parameters and with others, right and
hostile. `ORCHESTRA_TEST_FUZZ=10000` sends so many to each: `make fuzz`.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fuzzing import Fuzz, Route
from products import a_product

pytestmark = pytest.mark.anyio

EACH = int(os.environ.get("ORCHESTRA_TEST_FUZZ", "25"))
PATHS = ("/api/metrics", "/api/logs", "/api/dashboard", "/api/alerts", "/api/analytics", "/metrics")
GROWTH_MAX_KB = 60_000


def routes_of(schema: Mapping[str, Any]) -> Iterator[Route]:
    """Method, path and what is said about it."""
    for path, methods in schema["paths"].items():
        if path.startswith(PATHS):
            for method, told in methods.items():
                yield Route(method.upper(), path, told)


def resident_kb() -> int:
    with open("/proc/self/status", encoding="ascii") as lines:  # noqa: PTH123 -- of the machine
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def test_no_request_to_monitoring_is_a_fault_of_ours(store_url: str) -> None:
    async with a_product(store_url) as one:
        await one.post(
            "/api/metrics/record", {"metric_name": "x", "value": 1, "labels": {"a": "b"}}
        )
        schema = (await one.http.get("/openapi.json")).json()
        every = sorted(routes_of(schema), key=lambda route: route[:2])
        assert len(every) > 15
        fuzz = Fuzz(11)
        half = 0
        for number in range(EACH):
            if number == EACH // 2:
                half = resident_kb()
            for route in every:
                status, told = await fuzz.send(one, route)
                assert status < 500, (status, told)
        assert EACH < 1_000 or resident_kb() - half < GROWTH_MAX_KB
