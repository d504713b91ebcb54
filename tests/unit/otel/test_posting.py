"""A collector that answers as none should: with other addresses, without an end, with nonsense."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestra.clock import SystemClock
from orchestra.otel.exporting import Exporting
from orchestra.otel.posting import Posting, Session
from orchestra.tap import Line

WITHIN_S = 60.0
LINE: Line = (1, "info", "", b'{"ts":"2026-11-23T08:00:00.000000Z","level":"info","event":"x"}')


@contextmanager
def a_server(head: bytes, body: bytes = b"", times: int = 0) -> Iterator[tuple[str, list[bytes]]]:
    """Says the same to everybody; the body so many times more."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                asked.append(peer.recv(65_536))
                try:
                    peer.sendall(head + b"\r\n" + body)
                    for _ in range(times):
                        peer.sendall(body)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_collector_that_sends_elsewhere_is_not_followed(status: int) -> None:
    with a_server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n") as (inside, reached):
        head = f"HTTP/1.1 {status} Moved\r\nlocation: {inside}/x\r\ncontent-length: 0\r\n"
        with a_server(head.encode()) as (url, asked):
            exporting = Exporting(url, {"x-api-key": "k"}, "x", "r", SystemClock().monotonic)
            took = [exporting.lines([LINE]), exporting.spans([])]
            exporting.shutdown()

    assert took == [False, False]
    assert len(asked) == 2
    assert reached == []


def test_an_answer_without_an_end_is_not_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with a_server(endless, chunk, 10_000) as (url, asked):
        posting = Posting(url, {}, Session(), WITHIN_S, SystemClock().monotonic)
        took = posting.post(b"x")
        exporting = Exporting(url, {}, "x", "r", SystemClock().monotonic)
        lines = exporting.lines([LINE])
        exporting.shutdown()

    assert (took, lines) == (True, True)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n",
        b"HTTP/1.1 413 Too Large\r\ncontent-length: 99999999999\r\n",
        b"HTTP/1.1 400 Bad\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n",
    ],
)
def test_nonsense_is_a_no(head: bytes) -> None:
    with a_server(head, b"xxx") as (url, _):
        exporting = Exporting(url, {}, "x", "r", SystemClock().monotonic)
        took = exporting.lines([LINE])
        exporting.shutdown()

    assert took is False
