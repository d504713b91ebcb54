"""The embedded store: the bundled Valkey server, started, watched and stopped by us.

It listens on a socket file only we may open, holds the lock of the data directory with us, dies
with us, and is started again when it exits while we run.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.store.datadir import (
    DataDamaged,
    has_room,
    locked,
    memory_bytes,
    repair_tail,
    server_binary,
    socket_path,
)

log = structlog.get_logger(__name__)

_SOCKET_PATH_MAX = 100  # sun_path holds 108 bytes
_SHORT = "orchestra-store-"
_RESTART_S = (0.0, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 30.0
_WATCH_S = 0.1
_PR_SET_PDEATHSIG = 1
# Looked up before any fork: nothing may be loaded between fork and exec.
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)

_FIXED = {
    "port": "0",  # no TCP at all: the socket file's mode is the access control
    "unixsocketperm": "600",
    "appendonly": "yes",
    "aof-load-truncated": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
    "timeout": "0",
    "daemonize": "no",
    "enable-debug-command": "no",
    "enable-module-command": "no",
    "latency-monitor-threshold": "100",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "64mb",
}


class Embedded(msgspec.Struct, frozen=True):
    """How the bundled server is run.

    `appendfsync` is always, everysec or no. `memory_max_bytes` None: 75 % of what there is.
    `environment` is all the server gets of ours: no secret of the process is in it.
    """

    directory: Path
    appendfsync: str = "always"
    memory_max_bytes: int | None = None
    start_s: float = 30.0
    environment: Mapping[str, str] = {}
    options: Mapping[str, str] = {}


class Server:
    """One server process. Start it from the main thread: it dies with the thread that did."""

    def __init__(self, settings: Embedded, lock: int, clock: Clock) -> None:
        self._settings, self._lock, self._clock = settings, lock, clock
        path = socket_path(settings.directory)
        if len(str(path)) > _SOCKET_PATH_MAX:
            path = Path(tempfile.mkdtemp(prefix=_SHORT)) / path.name  # mkdtemp: 0700
        self.socket = str(path)
        self.process: subprocess.Popen[bytes] | None = None
        self.has_room = True

    async def start(self) -> None:
        """Start and wait until it answers. A damaged tail is cut off once, and a copy is kept.

        Raises DataDamaged, with the server's last words, when it does not come up.
        """
        directory = self._settings.directory
        for attempt in (1, 2):
            self._spawn()
            if await self._came_up():
                return
            await self.stop()
            words = (directory / "store.log").read_text(errors="replace")[-2000:].strip()
            if attempt == 1 and "AOF" in words and repair_tail(directory, self._clock.now_ms()):
                log.warning("store.tail_repaired", evidence=str(directory / "damaged"))
                continue
            reason = words.splitlines()[-1] if words else "no answer"
            raise DataDamaged(f"the embedded store did not start: {reason}")

    async def stop(self, timeout_s: float = 10.0) -> None:
        """End it and wait: it writes what it has to disk first. Safe to repeat."""
        process = self.process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while process.poll() is None:  # noqa: ASYNC110 - nobody sets an event when a child ends
                    await asyncio.sleep(0.005)
        if process.poll() is None:
            process.kill()
            process.wait()

    async def watch(self) -> None:
        """Start it again whenever it exits, after 0, 0.5, 1, 2, 5 s; look after the free space."""
        restarts, up_since = 0, self._clock.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            with contextlib.suppress(FileNotFoundError):  # somebody removed the directory
                self.has_room = has_room(self._settings.directory)
            assert self.process is not None
            if self.process.poll() is None:
                continue
            if self._clock.monotonic() - up_since > _STEADY_S:
                restarts = 0
            delay = _RESTART_S[min(restarts, len(_RESTART_S) - 1)]
            log.error("store.server_exited", status=self.process.returncode, restart_s=delay)
            await asyncio.sleep(delay)
            restarts += 1
            try:
                await self.start()
            except (DataDamaged, OSError) as failed:
                log.error("store.server_not_restarted", reason=str(failed))  # noqa: TRY400 - the trace says nothing
                continue
            up_since = self._clock.monotonic()
            log.info("store.server_restarted", pid=self.process.pid)

    async def _came_up(self) -> bool:
        """Poll in steps of 2 ms: a start takes 40 ms, and a cold start is waited for by people.

        A server that loads its data says so, and may take as long as it needs.
        """
        assert self.process is not None
        heard = self._clock.monotonic()
        while self.process.poll() is None:
            answer = await self._answer()
            if answer.startswith(b"+PONG"):
                return True
            if answer:
                heard = self._clock.monotonic()
            elif self._clock.monotonic() - heard > self._settings.start_s:
                return False
            await asyncio.sleep(0.002)
        return False

    async def _answer(self) -> bytes:
        """To PING: +PONG, -LOADING, or nothing."""
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""

    def _spawn(self) -> None:
        settings, parent = self._settings, os.getpid()
        maximum = settings.memory_max_bytes or memory_bytes() * 3 // 4
        options = _FIXED | {"appendfsync": settings.appendfsync, "maxmemory": str(maximum)}
        arguments = [server_binary(), "--dir", str(settings.directory.absolute())]
        arguments += ["--unixsocket", self.socket]
        for name, value in (options | dict(settings.options)).items():
            arguments += [f"--{name}", value]
        _keep_previous_log(settings.directory / "store.log")
        with (settings.directory / "store.log").open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603 - our own binary, our own options
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=settings.directory,
                start_new_session=True,  # Ctrl-C stops us first, and we stop the store last
                pass_fds=(self._lock,),
                # A larger thread cache saves the allocator a fifth to two fifths of its CPU.
                env={"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000"}
                | dict(settings.environment),
                preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - one system call, no Python state
            )


@contextlib.asynccontextmanager
async def running(settings: Embedded, clock: Clock) -> AsyncIterator[Server]:
    """The bundled server for the duration of the block. Raises DataInUse, DataDamaged."""
    with locked(settings.directory) as lock:
        server = Server(settings, lock, clock)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()
            if (short := Path(server.socket).parent).name.startswith(_SHORT):
                shutil.rmtree(short, ignore_errors=True)


def _keep_previous_log(path: Path) -> None:
    if path.exists() and path.stat().st_size:
        path.replace(path.with_suffix(".log.1"))


def _die_with(parent: int) -> None:
    """In the child: SIGTERM when our parent thread ends. macOS has no such thing."""
    if sys.platform == "linux" and _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)
