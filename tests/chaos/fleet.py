"""A store and the replicas that share it, all child processes, all of which can be killed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import redis
from valkey_servers import Valkey, free_port

ROOT = Path(__file__).parents[2]
START_S = 90.0
_PRCTL = ctypes.CDLL(None).prctl  # looked up before any fork
_PR_SET_PDEATHSIG = 1


@dataclass
class Server:
    """One `orchestra serve`, with the benchmarks' agents in it."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    modules: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Death:
    """A replica or the store (`port` 0) was killed at this instant, by the wall clock."""

    at_ms: int
    port: int


@dataclass
class Fleet:
    """Replicas on one store, each with these modules (`agents,bus`; "" for all).

    Who was killed when is in `deaths`.
    """

    folder: Path
    modules: tuple[str, ...] = ("", "")
    servers: list[Server] = field(default_factory=list[Server])
    deaths: list[Death] = field(default_factory=list[Death])
    seen: dict[str, int] = field(default_factory=dict[str, int])
    """Session -> the lease deadline it was last seen with."""

    def __post_init__(self) -> None:
        port = free_port()
        options = ("--appendonly", "yes", "--appendfsync", "always")
        options += ("--maxmemory-policy", "noeviction")
        self.valkey = Valkey(self.folder / "store", port, *options)
        self.store_url = f"redis://127.0.0.1:{port}/0"

    def client(self) -> redis.Redis:
        """A client of the store, for looking only."""
        return redis.Redis.from_url(self.store_url, socket_timeout=60, decode_responses=True)

    def start(self) -> None:
        self.valkey.start()
        for modules in self.modules:
            self.servers.append(self._spawn(modules))

    def stop(self) -> None:
        for server in self.servers:
            server.process.kill()
            server.process.wait()
        self.valkey.kill()

    def _spawn(self, modules: str) -> Server:
        port = free_port()
        log = self.folder / f"replica-{port}.log"
        words = ["-m", "bench.server", "--port", str(port), "--store-url", self.store_url]
        words += ["--data", str(self.folder / f"data-{port}"), "--log-level", "info"]
        words += ["--modules", modules] if modules else []
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),  # noqa: PLW1509  # one call into libc
            )
        return Server(port, process, log, modules)

    def kill_replica(self, server: Server) -> None:
        """kill -9, and another one in its place."""
        self.deaths.append(Death(_now_ms(), server.port))
        server.process.kill()
        server.process.wait()
        self.servers[self.servers.index(server)] = self._spawn(server.modules)

    async def kill_store(self) -> None:
        """kill -9 of the store, and its restart on the same files.

        From this thread: a child's parent-death signal follows the thread that started it.
        """
        self.deaths.append(Death(_now_ms(), 0))
        self.valkey.kill()
        await anyio.sleep(0.2)
        self.valkey.start()

    async def ready(self, client: httpx.AsyncClient) -> None:
        """Return when every replica says that it is ready."""
        deadline = anyio.current_time() + START_S
        for server in list(self.servers):
            while not await _says_ready(client, server):
                if anyio.current_time() > deadline or server.process.poll() is not None:
                    tail = server.log.read_text(errors="replace")[-2_000:]
                    raise AssertionError(f"replica {server.port} is not ready:\n{tail}")
                await anyio.sleep(0.05)

    def look(self, prefixes: list[str]) -> None:
        """Note which sessions live, and until when."""
        with contextlib.suppress(redis.RedisError), self.client() as client:
            for prefix in prefixes:
                pairs: Any = client.zrange(f"{prefix}wk", 0, -1, withscores=True)
                for name, deadline in pairs:
                    self.seen[name] = max(self.seen.get(name, 0), int(deadline))


async def _says_ready(client: httpx.AsyncClient, server: Server) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await client.get(f"{server.url}/readyz")).status_code == 200
    return False


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
