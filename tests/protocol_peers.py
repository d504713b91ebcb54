"""Servers that speak A2A and MCP, made with the SDKs of others and run in their own processes."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import peers

SERVERS = Path(__file__).resolve().parent / "peers"
STARTING_S = 90.0
TRIES = 5


@dataclass(frozen=True)
class Served:
    """A running server. Every call of it waits for the answer."""

    port: int

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def card(self) -> str:
        """The agent card of an A2A server."""
        return f"{self.url}/.well-known/agent-card.json"

    @property
    def mcp(self) -> str:
        """Where an MCP server is spoken to."""
        return f"{self.url}/mcp"

    def told(self) -> Any:
        """What an A2A server was asked, and what was cancelled."""
        return self._ask("GET", "/_told")

    def offers(self, *skills: str) -> None:
        """Change the card of an A2A server, or hide tools of an MCP server."""
        self._ask("POST", "/_skills", list(skills))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, self.url + path, json=body).raise_for_status().json()


@contextlib.contextmanager
def served(peer: str, *options: str) -> Iterator[Served]:
    """`a2a` or `mcp`, on a free port, from when it answers until it is left."""
    server, port = _started([str(peers.python(peer)), str(SERVERS / f"{peer}_server.py")], options)
    try:
        yield Served(port)
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()  # it waits for streams that nobody reads any more
            server.wait(60)


def _started(program: Sequence[str], options: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """A server that listens, and its port: another one where somebody else was quicker."""
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        server = subprocess.Popen(
            [*program, str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if _listens(server, port):
            return server, port
    raise AssertionError(f"the peer ended {TRIES} times")


def _listens(server: subprocess.Popen[bytes], port: int) -> bool:
    """Once it does; False when it has ended."""
    deadline = time.monotonic() + STARTING_S
    while server.poll() is None:
        if time.monotonic() > deadline:
            server.kill()
            raise AssertionError("the peer did not start")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)  # between two looks at what another process does
    return False
