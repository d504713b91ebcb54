"""The server's edge: sockets, signals, and the order in which a process starts and stops.

Start: listen (probes answer), open the store, start the modules, say ready. Stop, on the first
SIGTERM or Ctrl-C: `/readyz` says 503, a moment for balancers to notice, no new connections, answer
what is in flight and let running steps end, leave the store. A second signal skips the waiting.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import anyio
import structlog
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from orchestra import __version__
from orchestra.app import BuildModules, Ports, Running, Stage, build_modules, prepare, running
from orchestra.errors import OrchestraError, Unavailable
from orchestra.log import EXPORTED, TAP, configure
from orchestra.module import quiesce
from orchestra.security.connection_guard import Bounds, guarded, guarded_socket
from orchestra.settings import Settings

log = structlog.get_logger(__name__)

CONNECTIONS_MAX: Final = 2_000
IDLE_S: Final = 75
ANSWER_S: Final = 20
NOTICE_S: Final = 2.0
LEAVE_S: Final = 5.0
SAID_MAX_BYTES: Final = 4_096
"""Of one message of a WebSocket client: none has much to say."""
YOUNG_MAX: Final = 10_000
REFUSED: Final = 2
FAILED: Final = 1


def serve(settings: Settings, build: BuildModules = build_modules) -> None:
    """Run until told to stop. Exits with 2 when the start is refused, 1 when it cannot be done."""
    configure(settings)
    TAP.open, TAP.replica = settings.log_keep_mb > 0, f"{socket.gethostname()}:{os.getpid()}"[-64:]
    EXPORTED.replica = TAP.replica
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_serve(settings, build))
    if code:
        sys.exit(code)


class Server(uvicorn.Server):
    """Uvicorn without its signal handling, which ends the process before we could tidy up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.finished = anyio.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until `should_exit`; then answer what is in flight, close every connection."""
        try:
            await super().serve(sockets)
        finally:
            self.finished.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_Signals`."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Never called: see `capture_signals`."""


class _Lifetime:
    """Why and how fast this process ends. The first signal asks, the second insists."""

    def __init__(self) -> None:
        self.stopping = anyio.Event()
        self.scope = anyio.CancelScope()
        self.up = False

    async def watch_signals(self) -> None:
        """Until cancelled."""
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for received in signals:
                if self.stopping.is_set() or not self.up:
                    log.warning("server.stop_hurried", signal=signal.Signals(received).name)
                    self.scope.cancel()
                self.stopping.set()


async def _serve(settings: Settings, build: BuildModules) -> int:
    try:
        listener = _listen(settings)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        return _refuse(f"cannot listen on {where}: {error.strerror or error}", FAILED)
    ports = Ports.of_the_machine()
    stage = prepare(settings, [listener.getsockname()[:2]], ports)
    server, life = Server(_uvicorn(settings, stage)), _Lifetime()
    code = 0
    async with anyio.create_task_group() as group:
        group.start_soon(life.watch_signals)
        async with _answering(server, listener):
            try:
                with life.scope:
                    await _live(settings, stage, server, life, build)
            except* Unavailable as away:
                code = _refuse(_told(away), FAILED)
            except* OrchestraError as refused:
                code = _refuse(_told(refused), REFUSED)
        group.cancel_scope.cancel()
    log.info("server.stopped", hurried=life.scope.cancelled_caught)
    return code


async def _live(
    settings: Settings, stage: Stage, server: Server, life: _Lifetime, build: BuildModules
) -> None:
    """From the first part's start to the last part's end."""
    async with running(settings, stage, build) as parts:
        life.up = True
        # What is there now stays: no collection need walk through it. What comes now goes without
        # the collector, but for few cycles: it need not look after every 700 objects.
        gc.freeze()
        gc.set_threshold(YOUNG_MAX)
        _say_ready(settings, stage, parts, server)
        await life.stopping.wait()
        stage.health.phase = "draining"
        notice_s = settings.drain_notice_s
        if notice_s is None:
            notice_s = 0.0 if stage.mode == "developer" else NOTICE_S
        log.info("server.draining", notice_s=notice_s, drain_s=settings.drain_s)
        await anyio.sleep(notice_s)
        server.should_exit = True
        # Together: a request may wait for a step, and is told when nothing more ends here.
        async with anyio.create_task_group() as ending:
            ending.start_soon(quiesce, parts.modules)  # bounded by drain_s
            await server.finished.wait()  # bounded by its own timeout_graceful_shutdown
        # Leaving the block stops the modules; what is not done by then is found in the store.
        life.scope.deadline = anyio.current_time() + LEAVE_S


@contextlib.asynccontextmanager
async def _answering(server: Server, listener: socket.socket) -> AsyncIterator[None]:
    """Requests are taken for the duration of the block, or until the server was told to stop."""
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await task


def _listen(settings: Settings) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.create_server(address, family=family, backlog=2_048)
    listener.setblocking(False)
    return listener


def _uvicorn(settings: Settings, stage: Stage) -> uvicorn.Config:
    bounds = Bounds(uncounted=(*Bounds().uncounted, *settings.trusted_proxies))
    return uvicorn.Config(
        stage.gateway,
        interface="asgi3",
        http=guarded(HttpToolsProtocol, bounds),
        ws=guarded_socket(WSProtocol),
        ws_max_size=SAID_MAX_BYTES,
        ws_per_message_deflate=False,  # it costs memory for each connection
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # its default lets 127.0.0.1 rewrite the peer's address
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=ANSWER_S,
    )


def _say_ready(settings: Settings, stage: Stage, parts: Running, server: Server) -> None:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    store = "embedded" if settings.embedded else "external"
    facts = {
        "version": __version__,
        "address": address,
        "mode": stage.mode,
        "store": store,
        "durability": parts.durability.effective,
        "data": str(settings.data_path) if settings.embedded else None,
        "ready_s": _age_s(),
    }
    if settings.log_format == "json" or not sys.stderr.isatty():
        log.info("server.ready", **{name: value for name, value in facts.items() if value})
        return
    hint = "no key needed" if stage.mode == "developer" else "an API key is needed"
    lines = [
        f"orchestra {__version__}",
        f"  address     {address}   API: {address}/docs",
        f"  mode        {stage.mode}: {stage.reason} ({hint})",
        f"  store       {store}, durability {parts.durability.effective}",
        f"  data        {facts['data']}" if facts["data"] else "",
        f"ready in {facts['ready_s']} s; Ctrl-C stops it in order",
    ]
    sys.stderr.write("\n".join(line for line in lines if line) + "\n")
    sys.stderr.flush()


def _age_s() -> float | None:
    """Seconds since this process was started; None where the system does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / 100
    except (OSError, AttributeError, ValueError):
        return None
    return round(age, 2)


def _refuse(text: str, code: int) -> int:
    log.error("server.start_refused", reason=text)
    if sys.stderr.isatty():
        sys.stderr.write(f"orchestra: {text}\n")
    return code


def _told(group: BaseExceptionGroup[OrchestraError]) -> str:
    """The first reason in a tree of them."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error.__cause__, OrchestraError):  # what lies behind a time that ran out
        error = error.__cause__
    return error.detail if isinstance(error, OrchestraError) else "an unknown reason"
