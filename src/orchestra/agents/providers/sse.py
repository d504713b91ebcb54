"""Server-sent events, read as the bytes come (HTML Living Standard, section 9.2.6).

Stricter than a browser in two things: bytes that are not UTF-8 are an error, and so is an event
that grows without end. An event without its closing blank line was cut, and is not told.
"""

from collections.abc import AsyncIterator

import msgspec

from orchestra.security.outbound import AnswerTooLarge

LINE_MAX_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data", b"event", b"id")


class Malformed(Exception):
    """The bytes are no event stream. Another attempt may do better."""


class Event(msgspec.Struct, frozen=True):
    """One event. `event` is `message` unless the stream names it; `id` is the last one told."""

    event: str
    data: str
    id: str = ""


class Lines:
    """Bytes in pieces of any size, lines out, ended by LF, CR or CRLF. For NDJSON, too."""

    def __init__(self, line_max_bytes: int = LINE_MAX_BYTES) -> None:
        self._line_max_bytes = line_max_bytes
        self._rest = bytearray()  # and no list: of tiny pieces each would take 40 bytes
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes. Raises AnswerTooLarge."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        last = lines.pop()
        joined_bytes = 0
        if self._rest and lines:
            joined_bytes = len(self._rest)
            self._rest += lines[0]
            lines[0] = bytes(self._rest)
            self._rest = bytearray()
        if last:
            self._rest += last
        # A line is no longer than what it came from, so this is rarely looked at.
        most = self._line_max_bytes
        if len(self._rest) > most or (
            len(chunk) + joined_bytes > most and any(len(line) > most for line in lines)
        ):
            raise AnswerTooLarge("a line is over its limit", limit_bytes=self._line_max_bytes)
        return lines

    def rest(self) -> bytes:
        """What came after the last line end: NDJSON may leave out the last one."""
        return bytes(self._rest)


class Events:
    """The same for events: bytes in, events out. No input, no output, so it is tested whole."""

    def __init__(self, line_max_bytes: int = LINE_MAX_BYTES) -> None:
        self._lines = Lines(line_max_bytes)
        self._max_bytes = line_max_bytes
        self._event, self._id = "", ""
        self._data: list[str] = []
        self._data_bytes = 0
        self._started = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises Malformed, AnswerTooLarge."""
        done: list[Event] = []
        for line in self._lines.feed(chunk):
            if not self._started:
                self._started = True
                line = line.removeprefix(_BOM)  # noqa: PLW2901 -- once, for the first line
            if line:
                self._field(line)
                continue
            if self._data:
                done.append(Event(self._event or "message", "\n".join(self._data), self._id))
            self._event, self._data, self._data_bytes = "", [], 0
        return done

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name not in _FIELDS:
            return  # a comment, which has no name, `retry`, and what a later version may add
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise Malformed("the stream is not UTF-8") from None
        text = text.removeprefix(" ")
        if name == b"data":
            self._data.append(text)
            self._data_bytes += len(value)
            if self._data_bytes > self._max_bytes:
                raise AnswerTooLarge("an event is over its limit", limit_bytes=self._max_bytes)
        elif name == b"event":
            self._event = text
        elif "\0" not in text:
            self._id = text


async def sse(
    chunks: AsyncIterator[bytes], line_max_bytes: int = LINE_MAX_BYTES
) -> AsyncIterator[Event]:
    """Events as they come. Raises Malformed, AnswerTooLarge, and what `chunks` raises.

    Ends when the bytes end: whether that was too early is for the caller to say, who knows
    which event is the last.
    """
    events = Events(line_max_bytes)
    async for chunk in chunks:
        for event in events.feed(chunk):
            yield event
