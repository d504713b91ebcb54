"""An HTTP server in a thread, for tests that have no event loop: it answers as it is told."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class PlainPeer:
    """What it answers, and what was posted to it."""

    status: int = 200
    answer: Any = field(default_factory=dict[str, Any])
    models: tuple[str, ...] = ()
    """What `GET …/models` tells; nothing: there is no such place."""
    posted: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )
    port: int = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def plain_peer(**given: Any) -> Iterator[PlainPeer]:
    """A running peer."""
    peer = PlainPeer(**given)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            peer.posted.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self._say(peer.status, peer.answer)

        def do_GET(self) -> None:
            if self.path.endswith("/models") and peer.models:
                self._say(200, {"object": "list", "data": [{"id": one} for one in peer.models]})
            elif self.path == "/healthz":
                self._say(200, {})
            else:
                self._say(404, {})

        def _say(self, status: int, answer: object) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        peer.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()
