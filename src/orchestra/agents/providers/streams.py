"""Answers as they come: NDJSON or server-sent events, one frame each (AGENTS.md, section 4).

A stream without its terminal frame has failed, whatever it said before.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Emit, Failure, Usage
from orchestra.agents.providers.decoding import NotReadable, decoded
from orchestra.agents.providers.failures import failure_in_answer
from orchestra.agents.providers.http_answer import output_at, with_artifacts
from orchestra.agents.providers.mishaps import invalid
from orchestra.agents.providers.sse import Lines, Malformed, sse
from orchestra.agents.providers.usage import usage_of
from orchestra.agents.records import HttpReach
from orchestra.clock import Clock
from orchestra.security.outbound import AnswerEncoded, AnswerLost, Stream

STREAMS: Final = {
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonlines": "ndjson",
    "text/event-stream": "sse",
}
SHOWN: Final = frozenset({"delta", "progress", "artifact", "log", "usage"})


def kind_of(headers: dict[str, str]) -> str | None:
    """`ndjson` or `sse`; None for an answer in one piece."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return STREAMS.get(media_type)


class Told:
    """What a stream has told so far. No input, no output."""

    def __init__(self, reach: HttpReach, emit: Emit | None) -> None:
        self._reach, self._emit = reach, emit
        self.usage: Usage | None = None
        self.spoke = False

    def take(self, name: str, data: str | bytes) -> Answer | Failure | None:
        """One frame: what it ends the stream with, if it does. Raises Malformed."""
        try:
            said = decoded(data)
        except NotReadable as unreadable:
            raise Malformed(str(unreadable)) from None
        if not isinstance(said, dict):
            raise Malformed("a frame is an object")
        frame = cast("dict[str, object]", said)
        given = frame.get("event", frame.get("type"))
        event = given if isinstance(given, str) else name
        if event == "result":
            usage = usage_of(frame.get("usage")) or self.usage
            answer = output_at(self._reach, frame.get("output"), usage)
            return with_artifacts(answer, frame.get("artifacts"))
        if event == "error":
            return failure_in_answer(frame.get("error", frame), self.usage)
        if event == "usage":
            self.usage = usage_of(frame.get("usage", frame)) or self.usage
        if event in SHOWN:
            self.spoke = True
            if self._emit is not None:
                self._emit({**frame, "event": event})
        return None  # and what a later version of an agent may add


async def read_stream(
    reach: HttpReach, answer: Stream, kind: str, emit: Emit | None, clock: Clock
) -> Answer | Failure:
    """Frames until the last one. Raises AnswerTooLarge; TimeoutError for all the time there is."""
    told, began = Told(reach, emit), clock.monotonic()
    first_ms: int | None = None
    frames = _frames(answer, kind)
    try:
        async with aclosing(frames):
            async for name, data in frames:
                ended = told.take(name, data)
                if first_ms is None and told.spoke:
                    first_ms = int((clock.monotonic() - began) * 1_000)
                if isinstance(ended, Answer) and first_ms is not None:
                    return Answer(ended.output, ended.usage, {**ended.facts, "ttft_ms": first_ms})
                if ended is not None:
                    return ended
    except AnswerEncoded:
        return invalid("answered in an encoding that was not asked for")
    except AnswerLost as lost:
        return _truncated(lost.detail, told)
    except Malformed:
        return _truncated("a frame was malformed", told)
    return _truncated("it ended before its result", told)


def _truncated(why: str, told: Told) -> Failure:
    """The agent may have done its work; what it used so far is known."""
    error = TaskError("agent.lost", f"stream_truncated: {why}", definite=False, retryable=True)
    facts = {"failure": "stream_truncated"}
    return Failure(error, "fail", elsewhere=True, usage=told.usage, facts=facts)


async def _frames(answer: Stream, kind: str) -> AsyncGenerator[tuple[str, str | bytes], None]:
    """Name and data of each frame; NDJSON names them inside."""
    chunks = answer.chunks()
    async with aclosing(chunks):
        try:
            if kind == "sse":
                async for event in sse(chunks):
                    yield event.event, event.data
                return
            lines = Lines()
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    if _says_something(line):
                        yield "", line
            if _says_something(lines.rest()):
                yield "", lines.rest()
        except TimeoutError as silent:
            raise AnswerLost("it fell silent before its result") from silent


def _says_something(line: bytes) -> bool:
    """Blank lines and comments only show that somebody is there."""
    return bool(line.strip()) and not line.startswith(b":")
