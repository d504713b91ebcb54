"""A server as a child process: started, awaited, stopped. For `orchestra demo`.

Its output goes to a file, so that it disturbs no display and can be shown when it does not start.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from orchestra.cli.client import Client
from orchestra.cli.problems import Failed, Refused, Unreachable

START_S = 60.0
STOP_S = 30.0
POLL_S = 0.03


class Child(msgspec.Struct, frozen=True):
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def server(data_dir: Path, port: int | None, more: Sequence[str] = ()) -> Iterator[Child]:
    """A server on `data_dir`, ready when the block is entered and gone when it is left."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"{data_dir} cannot be made: {error.strerror}") from error
    chosen = free_port() if port is None else port
    log = data_dir / "server.log"
    with log.open("ab") as output:
        options = ["--host", "127.0.0.1", "--port", str(chosen), "--data", str(data_dir)]
        # A session of its own, so that Ctrl-C reaches us first and the server is stopped in order.
        process = subprocess.Popen(  # noqa: S603  # our own program, arguments as a list
            [*program(), "serve", *options, *more],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    child = Child(f"http://127.0.0.1:{chosen}", process, log)
    try:
        await_ready(child)
        yield child
    finally:
        stop(process)


def program() -> list[str]:
    """How to run this very program again: a frozen one is its own interpreter."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "orchestra"]


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def await_ready(child: Child) -> None:
    """Return when `/readyz` says 200. Raises Failed with the log's end when it never does."""
    client = Client(child.url, timeout_s=2.0)
    ends = time.monotonic() + START_S
    while time.monotonic() < ends:
        if child.process.poll() is not None:
            raise Failed(f"the server stopped at once:\n{tail(child.log)}")
        try:
            client.get("/readyz")
        except (Unreachable, Refused):
            time.sleep(POLL_S)
        else:
            return
    raise Failed(f"the server is not ready after {START_S:g} s:\n{tail(child.log)}")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    text = log.read_text("utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in text)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop, and make it when it does not. Safe when it is gone."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
