"""A peer that behaves badly in every way we know: `python hostile_peer.py`, a process of its own.

One port for each behaviour; the first line it prints names them: `{"behaviour": port}`. It ends
when its standard input does. `/.well-known/agent-card.json` is answered well unless the path
begins with `/bad`, so that a protocol with a card gets as far as its first call.
"""

import asyncio
import gzip
import json
import re
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

MIB = 1024 * 1024
SILENCE_S = 3_600

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Behaviour = Callable[[Reader, Writer, str], Awaitable[None]]

BOMB = gzip.compress(b" " * (100 * MIB), 9)
DEEP = b"[" * 100_000 + b"]" * 100_000
STREAM = {"json": "application/json", "ndjson": "application/x-ndjson", "sse": "text/event-stream"}


def head(kind: str, *more: str, status: int = 200, length: int | None = None) -> bytes:
    """The head of an answer. Without a length the body is chunked."""
    lines = [f"HTTP/1.1 {status} So", "connection: close", f"content-type: {STREAM[kind]}", *more]
    lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def whole(kind: str, body: bytes, *more: str, status: int = 200) -> bytes:
    """A whole answer."""
    return head(kind, *more, status=status, length=len(body)) + body


def frame(kind: str, text: str) -> bytes:
    """Something said on the way, that means nothing to most readers."""
    line = json.dumps({"event": "delta", "type": "ping", "text": text})
    return f"event: ping\ndata: {line}\n\n".encode() if kind == "sse" else f"{line}\n".encode()


def says(answer: Callable[[str], bytes]) -> Behaviour:
    """Answers that, and hangs up."""

    async def behave(_reader: Reader, writer: Writer, kind: str) -> None:
        writer.write(answer(kind))
        await writer.drain()

    return behave


async def never_answers(_reader: Reader, _writer: Writer, _kind: str) -> None:
    """Takes the request."""
    await asyncio.sleep(SILENCE_S)


async def drips_its_head(_reader: Reader, writer: Writer, kind: str) -> None:
    """A byte at a time: no single read times out."""
    for byte in head(kind, length=2) + b"{}":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def drips_its_body(_reader: Reader, writer: Writer, kind: str) -> None:
    """The same, later."""
    writer.write(head(kind, length=10_000))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.2)


async def falls_silent(_reader: Reader, writer: Writer, kind: str) -> None:
    """In the middle of its answer."""
    writer.write(head(kind) + chunk(frame(kind, "hello")))
    await writer.drain()
    await asyncio.sleep(SILENCE_S)


async def resets(_reader: Reader, writer: Writer, kind: str) -> None:
    """In the middle of its answer."""
    writer.write(head(kind, length=1_000) + frame(kind, "hello"))
    await writer.drain()
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hangs_up(_reader: Reader, writer: Writer, kind: str) -> None:
    """After a part of its answer that looks whole."""
    writer.write(head(kind) + chunk(frame(kind, "hello")))
    await writer.drain()


async def sends_100_mb(_reader: Reader, writer: Writer, kind: str) -> None:
    """As it said."""
    writer.write(head(kind, length=100 * MIB) + b'"')
    for _ in range(100):
        writer.write(b"x" * MIB)
        await writer.drain()


async def never_ends(_reader: Reader, writer: Writer, kind: str) -> None:
    """Says something sensible for ever."""
    writer.write(head(kind))
    said = chunk(frame(kind, "x" * 1_000) * 16)
    while True:
        writer.write(said)
        await writer.drain()


async def one_endless_line(_reader: Reader, writer: Writer, kind: str) -> None:
    """Without an end of line."""
    writer.write(head(kind) + chunk(b'data: {"event": "delta", "text": "'))
    said = chunk(b"x" * 65_536)
    while True:
        writer.write(said)
        await writer.drain()


async def endless_head(_reader: Reader, writer: Writer, _kind: str) -> None:
    """Header fields for ever."""
    writer.write(b"HTTP/1.1 200 So\r\n")
    while True:
        writer.write(b"x-more: " + b"y" * 1_000 + b"\r\n")
        await writer.drain()


async def tiny_chunks(_reader: Reader, writer: Writer, kind: str) -> None:
    """Much work for few bytes."""
    writer.write(head(kind))
    said = chunk(b" ") * 4_096
    while True:
        writer.write(said)
        await writer.drain()


def redirects(kind: str) -> bytes:
    """To itself."""
    return whole(kind, b"", "location: /", status=302)


BEHAVIOURS: dict[str, Behaviour] = {
    "never_answers": never_answers,
    "drips_its_head": drips_its_head,
    "drips_its_body": drips_its_body,
    "falls_silent": falls_silent,
    "resets": resets,
    "hangs_up": hangs_up,
    "sends_100_mb": sends_100_mb,
    "never_ends": never_ends,
    "one_endless_line": one_endless_line,
    "endless_head": endless_head,
    "tiny_chunks": tiny_chunks,
    "redirects": says(redirects),
    "gzip_bomb": says(lambda kind: whole(kind, BOMB, "content-encoding: gzip")),
    "invalid_json": says(lambda kind: whole(kind, b'data: {"event": nonsense\n\n')),
    "not_text": says(lambda kind: whole(kind, b"data: \xff\xfe\xfd\n\n")),
    "deep_json": says(lambda kind: whole(kind, b"data: " * (kind == "sse") + DEEP + b"\n\n")),
    "many_values": says(lambda kind: whole(kind, b"[" + b"[]," * 2_500_000 + b"[]]")),
    "wrong_type": says(lambda kind: whole(kind, b"<html>", "content-type: text/html")),
    "server_error": says(lambda _: whole("json", b"oh", status=500)),
    "too_many": says(lambda _: whole("json", b"", "retry-after: 1", status=429)),
    "bad_status": says(lambda _: b"HTTP/9.9 -7 \r\n\r\n"),
    "tls_noise": says(lambda _: b"\x15\x03\x01\x00\x02\x02\x46" * 100),
}


def card(port: int) -> bytes:
    """An agent card that is as it should be."""
    interfaces = [
        {
            "url": f"http://127.0.0.1:{port}/a2a",
            "protocolBinding": binding,
            "protocolVersion": "1.0",
        }
        for binding in ("JSONRPC", "HTTP+JSON")
    ]
    said = {
        "name": "hostile", "description": "", "version": "1.0.0",
        "supportedInterfaces": interfaces, "capabilities": {"streaming": True},
        "defaultInputModes": ["application/json"], "defaultOutputModes": ["application/json"],
        "skills": [{"id": "echo", "name": "echo", "description": "", "tags": []}],
    }  # fmt: skip
    return whole("json", json.dumps(said).encode())


async def serve(behave: Behaviour, reader: Reader, writer: Writer) -> None:
    """Read the head of a request, and misbehave. The path says in which format."""
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        request = b""
        if behave is not BEHAVIOURS["tls_noise"]:
            request = await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ")[1].decode() if request else "/json"
        if path.endswith("agent-card.json") and not path.startswith("/bad"):
            port: int = writer.get_extra_info("sockname")[1]
            await says(lambda _: card(port))(reader, writer, "json")
            return
        lower = request.lower()
        if sent := re.search(rb"content-length: (\d+)", lower):
            # Closed with something unread, a connection is reset, and the answer may be lost.
            await reader.readexactly(int(sent[1]))
        streams = b"text/event-stream" in lower and "/json" not in path
        kind = "ndjson" if "/ndjson" in path else "sse" if streams else "json"
        await behave(reader, writer, kind)
    with suppress(OSError):
        writer.close()


async def main() -> None:
    """All of them, until nobody listens to us."""
    ports: dict[str, int] = {}
    servers: list[asyncio.Server] = []
    for name, behave in BEHAVIOURS.items():

        async def taken(reader: Reader, writer: Writer, behave: Behaviour = behave) -> None:
            await serve(behave, reader, writer)

        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
    # Never accepted: the kernel shakes hands, and nobody is there.
    half_open = socket.create_server(("127.0.0.1", 0), backlog=64)
    ports["half_open"] = half_open.getsockname()[1]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    # What still misbehaves at the end is left to the end of the process.
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
