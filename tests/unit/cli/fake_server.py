"""A small real HTTP server that answers in the documented shapes."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import msgspec

Scripted = tuple[int, object]


class Request(msgspec.Struct, frozen=True):
    """What the server was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any


class FakeServer:
    """Answers what it was told to; the last answer of a route repeats."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.kinds: dict[str, str] = {}
        """Content type by path; JSON where nothing is said."""
        self._answers: dict[tuple[str, str], list[Scripted]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answers(self, method: str, path: str, *answers: Scripted) -> None:
        """From now on, `method path` is answered with these, in order."""
        self._answers[method, path] = list(answers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length)
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = json.loads(sent) if sent else None
                fake.requests.append(Request(self.command, parts.path, parts.query, headers, body))
                scripted = fake._answers.get((self.command, parts.path))
                missing = (404, {"title": "Not found", "detail": "no such route", "code": "x"})
                status, document = missing if not scripted else scripted[0]
                if scripted and len(scripted) > 1:
                    scripted.pop(0)
                content = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", fake.kinds.get(parts.path, "application/json"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815  # the names it looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
                pass

        return Handler
