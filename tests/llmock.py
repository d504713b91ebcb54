"""llmock: a server that answers as OpenAI and Anthropic do, fails as told, and judges clients."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import peers

STARTING_S = 90.0
TRIES = 5


@dataclass(frozen=True)
class LlMock:
    """A running server. Every call of it waits for the answer."""

    port: int

    @property
    def openai(self) -> str:
        """The `base_url` of Chat Completions and Responses."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def anthropic(self) -> str:
        """The `base_url` of Messages."""
        return f"http://127.0.0.1:{self.port}/anthropic"

    def behaves(self, *behaviors: dict[str, Any]) -> None:
        """Do these, one for each of the next requests that they fit."""
        self._ask("POST", "scenario", {"behaviors": behaviors})

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked since it was reset, once all of it has ended."""
        return self._ask("GET", "requests")["requests"]

    def verdict(self) -> dict[str, Any]:
        """What it makes of its clients: errors, warnings, findings."""
        return self._ask("GET", "verdict")

    def reset(self) -> None:
        """Forget all."""
        self._ask("POST", "reset")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        url = f"http://127.0.0.1:{self.port}/_llmock/{path}"
        content = None if body is None else msgspec.json.encode(body)
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, url, content=content).raise_for_status().json()


@contextlib.contextmanager
def running() -> Iterator[LlMock]:
    """A server on a free port, from when it is well until it is left."""
    python = peers.python("llmock")
    # -E: a PYTHONPATH of ours would give it this file for itself.
    server, port = _started([python, "-E", python.with_name("llmock")])
    try:
        yield LlMock(port)
    finally:
        server.terminate()
        server.wait(60)


def _started(program: Sequence[str | Path]) -> tuple[subprocess.Popen[bytes], int]:
    """A server that is well, and its port: another one where somebody else was quicker."""
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        command = [*program, "serve", "--port", str(port), "--log-level", "error"]
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if _is_well(server, port):
            return server, port
    raise AssertionError(f"llmock ended {TRIES} times")


def _is_well(server: subprocess.Popen[bytes], port: int) -> bool:
    """Once it answers; False when it has ended."""
    deadline = time.monotonic() + STARTING_S
    with httpx.Client(trust_env=False, timeout=1) as client:
        while server.poll() is None:
            if time.monotonic() > deadline:
                server.kill()
                raise AssertionError("llmock did not start")
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"http://127.0.0.1:{port}/health").is_success:
                    return True
            time.sleep(0.05)  # between two looks at what another process does
    return False
