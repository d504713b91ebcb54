"""Whatever is sent to a route of monitoring: never a fault of ours, and memory stays as it is.

Each route that the description of the API has, with its own parameters and with others, right and
hostile. `ORCHESTRA_TEST_FUZZ=10000` sends so many to each: `make fuzz`.
"""

import json
import os
import random
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from products import Product, a_product

pytestmark = pytest.mark.anyio

EACH = int(os.environ.get("ORCHESTRA_TEST_FUZZ", "25"))
PATHS = ("/api/metrics", "/api/logs", "/api/dashboard", "/api/alerts", "/api/analytics", "/metrics")
GROWTH_MAX_KB = 60_000
HOSTILE = (
    "", "x", "NaN", "-1", "0", "1", "9" * 400, "\x00", "💥", "%", "a:b", ":", ",", "-1h", "now",
    "{}", "[]", "null", "true", "1e309", "-0", "9223372036854775808", "2026-11-23T08:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+23:59", "-9999999w", "10s", "1h", "7d",
    "p95", "ratio", "orchestra_", "#h", "../../etc/passwd", "' OR 1=1 --", "<script>", "${jndi:x}",
    "\u202e", "a" * 129, "é" * 300, "/(a+)+$/", '"', '\\"', "level>=warn", "-", "--", "a.b.c:*",
    "x>=nan", "/[/", "*", "exe_", "alr_", "0-0", "1-1,2-2",
)  # fmt: skip
NAMES = (
    "metric", "agg", "by", "where", "from", "to", "step", "limit", "offset", "of", "format",
    "window", "metric_name", "value", "type", "unit", "timestamp", "label.a", "labels", "q",
    "cursor", "order", "at", "n", "buckets", "after", "state", "severity", "rule", "id",
)  # fmt: skip
FIELDS = (
    "metric_name", "value", "labels", "type", "unit", "timestamp", "metrics", "logs", "ts",
    "level", "event", "message", "name", "kind", "metric", "agg", "of", "threshold", "op",
    "window", "for", "a", "/~", "",
)  # fmt: skip
TYPES = (
    "application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain",
    "", "application/json; charset=utf-16", "multipart/form-data; boundary=x",
)  # fmt: skip
Route = tuple[str, str, Mapping[str, Any]]


def routes_of(schema: Mapping[str, Any]) -> Iterator[Route]:
    """Method, path and what is said about it."""
    for path, methods in schema["paths"].items():
        if path.startswith(PATHS):
            for method, told in methods.items():
                yield method.upper(), path, told


class Fuzz:
    """Makes requests from a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def anything(self, depth: int = 3) -> Any:
        """Some JSON."""
        chance = self._chance
        scalars = (*HOSTILE, None, True, 0, -1, 1e308, 10**18, 0.1, -(2**63))
        if depth == 0 or chance.random() < 0.4:
            return chance.choice(scalars)
        if chance.random() < 0.4:
            return [self.anything(depth - 1) for _ in range(chance.randrange(5))]
        return {
            chance.choice((*FIELDS, *HOSTILE[:9])): self.anything(depth - 1)
            for _ in range(chance.randrange(7))
        }

    def query(self, told: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Its own parameters mostly, and with values of any kind."""
        chance = self._chance
        own = [one["name"] for one in told.get("parameters", ()) if one["in"] == "query"]
        names = [*own * 3, *NAMES, *HOSTILE[:3]]
        found = [(chance.choice(names), self.value()) for _ in range(chance.randrange(6))]
        return [one for one in found if one[0] != "follow"]

    def value(self) -> str:
        """Of a parameter."""
        one = self._chance.choice(HOSTILE)
        return one if self._chance.random() < 0.8 else one + self._chance.choice(HOSTILE)

    def body(self) -> tuple[bytes, str]:
        """Of a request, and what it is declared as."""
        chance = self._chance
        made = self.anything()
        text = json.dumps(made).encode()
        if chance.random() < 0.1:
            cut = chance.randrange(len(text) + 1)
            text = text[:cut] + bytes([chance.randrange(256)]) + text[cut:]
        return text, TYPES[0] if chance.random() < 0.7 else chance.choice(TYPES)

    async def send(self, product: Product, route: Route) -> tuple[int, str]:
        """One request: its status, and what it was."""
        method, path, told = route
        while "{" in path:
            begin, _, rest = path.partition("{")
            path = begin + (quote(self.value()[:80], safe="") or "x") + rest.partition("}")[2]
        query = self.query(told)
        if path.endswith(("/tail", "/stream")):
            query.append(("follow", "false"))
        content, kind = self.body() if method in ("POST", "PUT", "PATCH") else (b"", "")
        headers = {"content-type": kind} if kind else {}
        target = f"{path}?{urlencode(query)}"
        answer = await product.http.request(method, target, content=content, headers=headers)
        return answer.status_code, f"{method} {path} {query} {content!r} {answer.text[:200]}"


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
