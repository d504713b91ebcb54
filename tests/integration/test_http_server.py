"""A whole process: it starts, says when it is ready, drains, and ends with the right code."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

SOURCE = Path(__file__).parents[2] / "src"
PROGRAM = "from orchestra.server import serve; from orchestra.settings import load; serve(load())"


class Process:
    """One server on a port of its own."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.port, self.data = free_port(), data
        self.url = f"http://127.0.0.1:{self.port}"
        named = {"port": str(self.port), "data": str(data), "log_format": "json", **settings}
        kept = {name: value for name, value in os.environ.items() if "ORCHESTRA_" not in name}
        self.began_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=kept
            | {f"ORCHESTRA_{name.upper()}": value for name, value in named.items()}
            | {"PYTHONPATH": str(SOURCE)},
            cwd=data,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> float:
        """Seconds from the start to the first 200 of `/readyz`."""
        while self.process.poll() is None and time.monotonic() - self.began_s < 120:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=60).status_code == 200:
                    return time.monotonic() - self.began_s
            except httpx.TransportError:
                os.sched_yield()
        raise AssertionError(self.end()[1])

    def get(self, path: str, **headers: str) -> httpx.Response:
        """The answer, however long this machine takes for it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(self.url + path, headers=named, timeout=60)

    def end(self, *signals: signal.Signals) -> tuple[int, str]:
        """Send these, wait; the exit code and the log."""
        for one in signals:
            self.process.send_signal(one)
        _, log = self.process.communicate(timeout=300)
        return self.process.returncode, log


@contextmanager
def running(data: Path, **settings: str) -> Iterator[Process]:
    server = Process(data, **settings)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_server_starts_answers_and_ends_in_order(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.ready()
        page = server.get("/docs")

        code, log = server.end(signal.SIGTERM)

    assert page.status_code == 200
    assert code == 0
    events = [line for line in log.splitlines() if '"server.' in line]
    assert ['"server.ready"' in events[0], '"server.stopped"' in events[-1]] == [True, True]
    assert "Traceback" not in log


def test_two_signals_skip_the_waiting(tmp_path: Path) -> None:
    with running(tmp_path, drain_notice_s="30") as server:
        server.ready()
        code, log = server.end(signal.SIGTERM, signal.SIGINT, signal.SIGTERM)

    assert code == 0
    assert '"hurried":true' in log


def test_while_it_drains_it_is_not_ready_and_still_answers(tmp_path: Path) -> None:
    with running(tmp_path, drain_notice_s="30") as server:
        server.ready()
        with httpx.Client(base_url=server.url) as client:
            server.process.send_signal(signal.SIGTERM)
            while (probe := client.get("/readyz")).status_code == 200:
                os.sched_yield()
            answer = client.get("/api/agents/")
        server.end(signal.SIGTERM)

    assert (probe.json()["status"], probe.json()["phase"]) == ("not-ready", "draining")
    assert answer.status_code == 200


def test_a_second_server_on_the_same_data_is_refused_and_named(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        first.ready()
        with running(tmp_path) as second:
            code, log = second.end()

    assert code == 2
    assert f"in use by process {first.process.pid}" in log


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running(tmp_path, port=str(taken.getsockname()[1])) as server,
    ):
        code, log = server.end()

    assert code == 1
    assert "cannot listen on" in log


def test_required_mode_writes_the_first_key_into_a_file(tmp_path: Path) -> None:
    with running(tmp_path, auth_mode="required") as server:
        server.ready()
        key = (tmp_path / "admin.key").read_text().strip()
        without = server.get("/api/agents/")
        known = server.get("/api/agents/", x_api_key=key)
        bearer = server.get("/readyz", authorization=f"Bearer {key}")
        _, log = server.end(signal.SIGTERM, signal.SIGTERM)

    assert (without.status_code, known.status_code) == (401, 200)
    assert bearer.json()["durability"]["effective"] == "fsync"
    assert key not in log
    assert str(tmp_path / "admin.key") in log


def test_a_shared_store_without_a_key_refuses_the_start(tmp_path: Path, store_url: str) -> None:
    settings = {"store_url": store_url, "auth_mode": "required", "durability": "no"}
    with running(tmp_path, allow_weaker_durability="true", **settings) as server:
        code, log = server.end()

    assert code == 2
    assert "orchestra keys create --admin" in log
    assert "ORCHESTRA_ADMIN_KEY_FILE" in log


def test_raw_requests_that_can_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    requests = {
        b"GET / HTTP/1.1\r\n\r\n": b"400",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n": b"400",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n": b"421",
        b"POST /api/agents/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
        b"GET /api/agents/ HTTP/1.0\r\nHost: localhost\r\n\r\n": b"401",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 30_000 + b"\r\n\r\n": b"431",
    }
    with running(tmp_path) as server:
        server.ready()
        answers = [ask(server.port, request) for request in requests]
        server.end(signal.SIGTERM, signal.SIGTERM)

    assert [answer.split(b" ")[1] for answer in answers] == list(requests.values())


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(request)
        return client.recv(65_536)
