"""Pages that list, with ten thousand executions stored: how long one takes, and what it costs.

Wall is from the request to the last byte, one request at a time; CPU is that of the server's
process. The first visit of each page is told apart: it warms what is kept between requests.
"""

import http.client
import time
from pathlib import Path
from typing import Any, Final

from bench.load import drive, request
from bench.machine import cpu_ms, fsync_ms
from bench.scenarios import SCENARIOS
from bench.serving import Served, served

NAME: Final = "LI"
EXECUTIONS, FAILING, WORKFLOWS = 10_000, 0.05, 12
VISITS: Final = 60
PAGES: Final = (
    "/", "/workflows", "/executions", "/ui/executions/rows", "/queues?tab=failures", "/agents",
    "/events", "/logs", "/monitoring", "/alerts", "/webhooks", "/queues",
)  # fmt: skip
BROKEN: Final = {"id": "boom", "type": "set", "vars": {"x": "${input.nothing.here}"}}


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of LI."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    with served(place, durability) as server:
        fill(server, EXECUTIONS // part)
        pages = {path: _of(server, path, VISITS // part) for path in PAGES}
    return {
        "scenario": NAME,
        "what": f"pages that list, with {EXECUTIONS // part} executions stored, ms",
        "durability": {"appendfsync": mode},
        "executions": EXECUTIONS // part,
        "pages": pages,
        "slowest_p50": max(page["p50"] for page in pages.values()),
        "fsync_ms": disk_ms,
    }


def fill(server: Served, executions: int) -> None:
    """Store so many executions of a dozen workflows; every twentieth fails."""
    scenario, host = SCENARIOS["W1"], f"127.0.0.1:{server.port}"
    sent: list[bytes] = []
    for n in range(WORKFLOWS):
        steps = scenario.steps[:2]
        good = {"name": f"stored-{n}", "steps": steps}
        bad = {"name": f"broken-{n}", "steps": [*steps, BROKEN]}
        for document, share in ((good, 1 - FAILING), (bad, FAILING)):
            workflow = server.call("POST", "/api/workflows", document)["id"]
            path = f"/api/workflows/{workflow}/execute"
            one = request("POST", host, path, b'{"input_data":{}}', "Prefer: wait=30")
            sent += [one] * max(round(executions / WORKFLOWS * share), 1)
    mixed = [sent[(n * 7_919) % len(sent)] for n in range(len(sent))]
    run = drive(server.port, mixed, scenario.concurrency, 600.0)
    assert all(sample.status == 200 for sample in run.samples), run.samples[0]


def _of(server: Served, path: str, visits: int) -> dict[str, Any]:
    """One page, visited by a browser that takes it compressed."""
    visited = [_visit(server.port, path)]
    before = cpu_ms(server.pid)
    visited += [_visit(server.port, path) for _ in range(visits)]
    spent = cpu_ms(server.pid) - before
    took = sorted(ms for ms, _ in visited[1:])
    return {
        "first": round(visited[0][0], 1),
        "p50": round(took[len(took) // 2], 1),
        "p95": round(took[len(took) * 95 // 100], 1),
        "server_cpu_ms": round(spent / visits, 1),
        "kib": round(visited[-1][1] / 1_024, 1),
    }


def _visit(port: int, path: str) -> tuple[float, int]:
    """Milliseconds, and the bytes of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.connect()
        began = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1_000
    finally:
        connection.close()
    assert answer.status == 200, (path, answer.status, body[:300])
    return took, len(body)
