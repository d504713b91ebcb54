"""What tracing costs: nothing where it is off, and what of W1 where it is on.

The same executions with no collector, with one beside, with one that takes 1 % of the traces, with
one that is not there, and with one that never answers; in turn, so that the machine's moods are
the same for all. Milliseconds of CPU of the server tell more than rates on a machine that is busy.

`python -m bench.tracing PORT`: a collector that takes everything. `… PORT silent`: never answers.
"""

import contextlib
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from bench.load import drive, request
from bench.machine import cpu_ms, fsync_ms
from bench.scenarios import SCENARIOS
from bench.serving import served
from orchestra import tracing
from orchestra.cli.child import free_port
from orchestra.clock import SystemClock

NAME: Final = "OT"
ROUNDS, EXECUTIONS, WARM_UP, CLIENTS = 5, 1_000, 200, 20
SPANS, REPEATS = 1_000, 200
FORMS: Final = ("off", "on", "one in a hundred", "dead", "silent")
SCENARIO: Final = SCENARIOS["W1a"]


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of OT."""
    disk_ms, part = fsync_ms(place), 10 if quick else 1
    found: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
    for turn in range(1 if quick else ROUNDS):
        for form in FORMS[turn % len(FORMS) :] + FORMS[: turn % len(FORMS)]:
            found[form].append(_run(form, durability, place, EXECUTIONS // part))
    return {
        "scenario": NAME,
        "what": f"{SCENARIO.what}: CPU, rate and latency with a collector and without",
        "durability": {"appendfsync": mode},
        "executions": EXECUTIONS // part,
        "forms": {form: _middle(runs) for form, runs in found.items()},
        "span_us": {"off": _span_us(), "on": _span_us(Discarded())},
        "fsync_ms": disk_ms,
    }


def _run(form: str, durability: str, place: Path, executions: int) -> dict[str, float]:
    """One server, warmed up, and what the executions cost."""
    with _collector(form) as options, served(place, durability, options=options) as server:
        workflow = server.call("POST", "/api/workflows/", SCENARIO.definition)["id"]
        path = f"/api/workflows/{workflow}/execute"
        host, body = f"127.0.0.1:{server.port}", b'{"input_data":{}}'
        one = request("POST", host, path, body, "Prefer: wait=30")
        drive(server.port, [one] * WARM_UP, CLIENTS)
        before = cpu_ms(server.pid)
        run = drive(server.port, [one] * executions, CLIENTS)
        used = cpu_ms(server.pid) - before
    return {
        "server_cpu_ms_per_execution": used / executions,
        "executions_per_s": executions / run.seconds,
        "p50_ms": run.quantile(0.5),
        "p99_ms": run.quantile(0.99),
    }


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


@contextlib.contextmanager
def _collector(form: str) -> Iterator[list[str]]:
    """Options of a server, and who takes its traces meanwhile."""
    if form == "off":
        yield []
        return
    port = free_port()
    options = ["--otel-endpoint", f"http://127.0.0.1:{port}"]
    options += ["--otel-sample", "0.01"] if form == "one in a hundred" else []
    if form == "dead":
        yield options
        return
    words = [sys.executable, "-m", "bench.tracing", str(port)]
    words += ["silent"] if form == "silent" else []
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield options
    finally:
        process.kill()
        process.wait()


class Discarded:
    """A `Sink`."""

    def take(self, span: tracing.Span) -> None:
        """One more."""


def _span_us(sink: tracing.Sink | None = None) -> float:
    """Microseconds for a span, with what is known of it."""
    if sink is not None:
        tracing.configure(sink, SystemClock(), random.Random(1))
    best = 1e9
    for _ in range(REPEATS):  # the least of many short ones: nobody came between
        began = time.perf_counter()
        for _ in range(SPANS):
            with tracing.span("name", "internal", answer=42):
                pass
        best = min(best, (time.perf_counter() - began) / SPANS)
    if sink is not None:
        tracing.close(sink)
    return round(best * 1e6, 3)


def collect(port: int, *, silent: bool) -> None:
    """Take what comes, until killed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """One batch."""
            self.rfile.read(int(self.headers["content-length"]))
            if silent:
                time.sleep(3_600)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    collect(int(sys.argv[1]), silent="silent" in sys.argv[2:])
