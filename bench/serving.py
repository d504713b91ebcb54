"""The server under test: a child process on a fresh data directory."""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import child_named
from orchestra.cli.child import free_port

START_S = 60.0


@dataclass(frozen=True)
class Served:
    """A running server, and the store it started."""

    port: int
    pid: int
    store_pid: int
    cold_start_s: float

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; the decoded answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:500]!r}")
        return json.loads(content)

    def durability(self) -> dict[str, Any]:
        """The mode in force, as the server says it."""
        return self.call("GET", "/readyz")["durability"]


@contextmanager
def served(
    directory: Path, durability: str, *, profile: Path | None = None, options: Sequence[str] = ()
) -> Iterator[Served]:
    """A server in a process of its own. `profile`: where it writes cProfile's figures."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as data:
        command = [sys.executable]
        command += ["-m", "cProfile", "-o", str(profile)] if profile else []
        command += ["-m", "bench.server", "--port", str(port), "--data", data]
        command += ["--durability", durability, "--log-level", "warning", *options]
        log = Path(data) / "server.log"
        began = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            await_ready(process, port, log)
            took = time.monotonic() - began
            store = child_named(process.pid, "valkey-server")
            assert store is not None, "the server has no store of its own"
            yield Served(port, process.pid, store, round(took, 3))
        finally:
            process.terminate()
            process.wait(40)


def await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when it says so."""
    ends = time.monotonic() + START_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise RuntimeError(f"the server does not start:\n{log.read_text(errors='replace')[-3000:]}")
