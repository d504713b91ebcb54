"""An HTTP agent for tests: a real server on a free port, answering as it is told."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec
import uvicorn


@dataclass
class Asked:
    """One request it got."""

    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    path: str = "/run"

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


@dataclass
class Peer:
    """What it answers, and what it was asked. `hold` is waited for before each answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hold: Callable[[], Awaitable[None]] | None = None
    replies: Callable[["Asked"], tuple[int, bytes, dict[str, str]]] | None = None
    """Instead of the same answer each time."""
    checks: bool = False
    """Whether health checks are like any request; else they are answered and leave no trace, for
    they come when they like: a second after the last success of a task."""
    port: int = 0
    asked: list[Asked] = field(default_factory=list[Asked])

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}/run"

    def says(self, body: object, status: int = 200, **headers: str) -> None:
        """Answer this from now on."""
        self.status, self.body = status, msgspec.json.encode(body)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        asked = Asked(headers, body, scope["method"], scope["path"])
        if self.checks or (asked.method, asked.path) != ("GET", "/healthz"):
            self.asked.append(asked)
            if self.hold is not None:
                await self.hold()
            if self.replies is not None:
                self.status, self.body, self.headers = self.replies(asked)
        content = b"" if self.status == 204 else self.body
        fields = {"content-type": "application/json", **self.headers}
        if self.status != 204:
            fields["content-length"] = str(len(content))
        raw = [(name.encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


@contextlib.asynccontextmanager
async def a_peer(**given: Any) -> AsyncIterator[Peer]:
    """A running peer."""
    peer = Peer(**given)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer.port = listener.getsockname()[1]
        config = uvicorn.Config(peer, lifespan="off", log_level="critical", access_log=False)
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup([listener])
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(server.main_loop)
                try:
                    yield peer
                finally:
                    server.should_exit = True
                    server.force_exit = True
                    group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await server.shutdown([listener])
