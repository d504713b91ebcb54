"""`python -m bench.models`: what a request to a language model costs us, and a chunk of its stream.

One JSON line for each API. The server is another process that sends canned answers; CPU time is
this process's alone. `chunk_us`: all chunks at once, as a proxy hands them on; `live_chunk_us`:
each on its own, as a model makes them, so that each costs a turn of the event loop as well.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import anyio

from orchestra.agents.llm import Ask, Message, Said, Wire
from orchestra.agents.llm.wires import wires
from orchestra.agents.records import LlmReach
from orchestra.clock import SystemClock
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound

CHUNKS = 400
TEXT = "word "


def event(document: Mapping[str, Any] | str) -> bytes:
    """One event of a stream."""
    data = document if isinstance(document, str) else json.dumps(document)
    return f"data: {data}\n\n".encode()


def chat_chunk(**choice: Any) -> dict[str, Any]:
    """A chunk of Chat Completions."""
    fields = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return head | {"system_fingerprint": None, "choices": [fields | choice], "usage": None}


RESPONSE = {
    "id": "resp_1",
    "status": "completed",
    "model": "m",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}],
    "usage": {"input_tokens": 9, "output_tokens": 9},
}
STREAMS: dict[str, tuple[list[Any], Any, list[Any]]] = {  # what begins it, each piece, its end
    "chat": (
        [chat_chunk(delta={"role": "assistant", "content": ""})],
        chat_chunk(delta={"content": TEXT}),
        [chat_chunk(finish_reason="stop"), "[DONE]"],
    ),
    "responses": (
        [{"type": "response.created", "response": {"id": "resp_1"}}],
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": TEXT},
        [{"type": "response.completed", "response": RESPONSE}],
    ),
    "messages": (
        [
            {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 9}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
        ],
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
    ),
}
WHOLE: dict[str, Any] = {
    "chat": {"id": "c", "choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]},
    "responses": RESPONSE,
    "messages": {"id": "m", "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"},
}


async def serve() -> None:
    """Answer by the first part of the path: the API, how many chunks, and whether one by one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            api, chunks, live = head.split(b" ")[1].decode().split("/")[1:4]
            await say(writer, api, int(chunks), live == "live")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


async def say(writer: asyncio.StreamWriter, api: str, chunks: int, live: bool) -> None:
    """One answer: whole without chunks."""
    if not chunks:
        body = json.dumps(WHOLE[api]).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        writer.write(head.encode() + b"\r\n\r\n" + body)
        return
    begin, piece, end = STREAMS[api]
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
    writer.write(b"transfer-encoding: chunked\r\n\r\n")
    for document in (*begin, *[piece] * chunks, *end):
        data = event(document)
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        if live:
            await asyncio.sleep(0.0005)
    writer.write(b"0\r\n\r\n")


async def cost_ms(wire: Wire, api: str, url: str, *, calls: int, streamed: bool) -> float:
    """CPU of one call."""
    reach = LlmReach(url, api, "m")
    ask = Ask("m", "Be brief.", (Message("user", "hello " * 20),))
    emit = (lambda _: None) if streamed else None
    began = 0.0
    for n in range(calls + 10):
        if n == 10:  # the first ones open connections
            began = time.process_time()
        said = await wire.ask(reach, {"authorization": "Bearer x"}, ask, 30, emit)
        assert isinstance(said, Said), said
    return (time.process_time() - began) / calls * 1_000


async def main(port: int) -> None:
    """Measure all three."""
    outbound = Outbound(policy([f"127.0.0.1/32:{port}"]))
    for api, wire in wires(outbound, SystemClock()).items():

        async def cost(calls: int, path: str, *, api: str = api, wire: Wire = wire) -> float:
            url = f"http://127.0.0.1:{port}/{api}/{path}"
            streamed = not path.startswith("0")
            return await cost_ms(wire, api, url, calls=calls, streamed=streamed)

        whole, short = await cost(300, "0/once"), await cost(300, "1/once")
        long, live = await cost(50, f"{CHUNKS + 1}/once"), await cost(10, f"{CHUNKS + 1}/live")
        line = {
            "api": api,
            "whole_ms": round(whole, 2),
            "stream_of_1_ms": round(short, 2),
            "chunk_us": round((long - short) / CHUNKS * 1_000, 1),
            "live_chunk_us": round((live - short) / CHUNKS * 1_000, 1),
        }
        print(json.dumps(line), flush=True)
    await outbound.aclose()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        command = [sys.executable, "-m", "bench.models", "serve"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            assert server.stdout is not None
            try:
                anyio.run(main, int(server.stdout.readline()), backend_options={"use_uvloop": True})
            finally:
                server.terminate()
