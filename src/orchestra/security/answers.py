"""What an outgoing request may take, and how it may end. `outbound` has them for its callers."""

import itertools
from collections.abc import AsyncGenerator, AsyncIterator

import anyio
import anyio.lowlevel
import msgspec

from orchestra.errors import Invalid, OrchestraError

PARTS_AT_ONCE = 16


class DestinationNotAllowed(Invalid):
    """The URL must not be called. One text for every cause: nobody maps our network with it."""


class NotReached(OrchestraError):
    """Nothing was sent: the connection did not come about."""


class AnswerLost(OrchestraError):
    """The request was sent, or a part of it, and the answer did not come whole."""


class AnswerEncoded(AnswerLost):
    """The body is compressed. That was not asked for, and nothing of it is unpacked."""


class AnswerTooLarge(OrchestraError):
    """The answer is over the limit."""


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds: for everything; until the head of the answer; between two parts of its body; for
    the connection.

    None is as long as `total_s`, which includes what the caller does with the parts.
    """

    total_s: float
    first_s: float | None = None
    idle_s: float | None = None
    connect_s: float = 3.0


class Reply(msgspec.Struct, frozen=True):
    """An answer, read whole. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Stream:
    """An answer whose body is still to be read. Names of headers are in lower case.

    `address` is the one that was dialled.
    """

    def __init__(
        self,
        status: int,
        headers: dict[str, str],
        parts: AsyncIterator[bytes],
        idle_s: float | None,
        most: int,
        address: str = "",
    ) -> None:
        self.status, self.headers, self.address = status, headers, address
        self._parts, self._idle_s, self._most = parts, idle_s, most

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed, so that it will not be read."""
        return self.headers.get("content-encoding", "identity").lower() not in ("identity", "")

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The parts of the body, as they come. Raises what `Outbound.stream` raises."""
        if self.encoded:
            raise AnswerEncoded("the answer is encoded, which was not asked for")
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._most:
            raise self._too_large()
        size = 0
        for n in itertools.count(1):
            with anyio.fail_after(self._idle_s):
                part = await anext(self._parts, None)
            if part is None:
                return
            size += len(part)
            if size > self._most:
                raise self._too_large()
            yield part
            if n % PARTS_AT_ONCE == 0:  # tiny parts come from memory: let others have their turn
                await anyio.lowlevel.checkpoint()

    def _too_large(self) -> AnswerTooLarge:
        return AnswerTooLarge("the answer is over its limit", limit_bytes=self._most)

    async def read(self) -> bytes:
        """The whole body."""
        body = bytearray()
        async for part in self.chunks():
            body += part
        return bytes(body)
