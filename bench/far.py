"""An HTTP agent that answers at once: `python -m bench.far PORT`. As cheap as one can be."""

import asyncio
import sys
from typing import cast

BODY = b'{"status":"completed","output":{"done":true}}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
) + BODY


class Agent(asyncio.Protocol):
    """Answers every request as soon as it is complete."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self._buffer[:head].lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) >= head + 4 + length and self._transport is not None:
            self._buffer = self._buffer[head + 4 + length :]
            self._transport.write(ANSWER)


async def main(port: int) -> None:
    """Until killed."""
    server = await asyncio.get_running_loop().create_server(Agent, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
