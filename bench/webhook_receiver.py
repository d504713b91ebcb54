"""A receiver of webhooks in a process of its own: `webhook_receiver.py`.

It answers 204 at once, and after 14 s what was sent to `/slow`; of that it says nothing.

The first line it prints is its port. For each line on its standard input it prints of what came
since the last time how many ms after the event was published it did, as a list in JSON.
`data.sent` of an event is the publisher's `time.monotonic()`, which is one clock for all processes.
"""

import asyncio
import json
import re
import sys
import time

SLOW_S = 14
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Receiver(asyncio.Protocol):
    """One connection."""

    took: list[float] = []  # noqa: RUF012  -- of all connections

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Some of a request, or several."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self._data, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._data) < whole:
                return
            head, body = self._data[:end], self._data[end + 4 : whole]
            self._data = self._data[whole:]
            if head.startswith(b"POST /slow"):
                asyncio.get_running_loop().call_later(SLOW_S, self._transport.write, ANSWER)
                continue
            self._transport.write(ANSWER)
            sent = json.loads(body)["data"]["sent"]
            Receiver.took.append((time.monotonic() - sent) * 1_000)


async def main() -> None:
    """Until nobody asks any more."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        took, Receiver.took = Receiver.took, []
        print(json.dumps([round(ms, 3) for ms in took]), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
