"""One request to an LLM API and its answer: what the three wires share.

A wire builds a body and reads documents; here is everything between: the request, the events, the
deadlines, and what became of it. Nothing is sent twice.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Protocol, cast

import anyio
import msgspec

from orchestra.agents import TaskError
from orchestra.agents.llm import Said
from orchestra.agents.llm.faults import failure_of_reply
from orchestra.agents.llm.fields import Document
from orchestra.agents.llm.quotas import gate_ms
from orchestra.agents.providers import Emit, Failure, Usage
from orchestra.agents.providers.decoding import NotReadable, decoded
from orchestra.agents.providers.sse import Events, Malformed
from orchestra.clock import Clock
from orchestra.security.outbound import (
    AnswerEncoded,
    AnswerLost,
    AnswerTooLarge,
    DestinationNotAllowed,
    NotReached,
    Outbound,
    Reply,
    Stream,
    Timeouts,
)

IDLE_S = 30.0
ANSWER_MAX_BYTES = 32 * 1024 * 1024
"""A token of a stream takes some 250 bytes on the wire; long answers have 10⁵ of them."""
WHOLE_MAX_BYTES = 8 * 1024 * 1024
EVENT_MAX_BYTES = 8 * 1024 * 1024
DRAIN_S = 0.25
DONE = "[DONE]"
NOTHING: Document = {}
REQUEST_IDS = ("x-request-id", "request-id")

encode = msgspec.json.Encoder().encode


class Reader(Protocol):
    """Reads one answer. Made for it, and used once."""

    def whole(self, document: Document) -> Said | Failure:
        """The answer, when it came in one piece."""
        ...

    def event(self, name: str, document: Document) -> bool:
        """One event of a stream, `[DONE]` among them. True: it was the last one."""
        ...

    def end(self) -> Said | Failure:
        """The answer, after the last event."""
        ...

    def usage(self) -> Usage | None:
        """What was used so far, as far as the stream has told."""
        ...


class Hearing:
    """Who listens while the answer comes, and when it began to."""

    def __init__(self, clock: Clock, emit: Emit | None) -> None:
        self._clock, self._emit = clock, emit
        self._started = clock.monotonic()
        self.ttft_ms: int | None = None

    def elapsed_s(self) -> float:
        """Seconds since the request was made."""
        return self._clock.monotonic() - self._started

    def token(self, text: str = "") -> None:
        """A piece of the answer came; `text` is what listeners hear of it."""
        if self.ttft_ms is None:
            self.ttft_ms = round(self.elapsed_s() * 1_000)
        if text and self._emit is not None:
            self._emit({"event": "delta", "text": text})


class Request(msgspec.Struct, frozen=True):
    """What is sent. `headers` have names in lower case; `secrets` must not be quoted."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    streamed: bool
    secrets: tuple[str, ...] = ()


class Sending:
    """Sends requests to LLM APIs. `idle_s` is the longest silence of a stream, from its start."""

    def __init__(self, outbound: Outbound, clock: Clock, idle_s: float = IDLE_S) -> None:
        self._outbound, self._clock, self._idle_s = outbound, clock, idle_s

    def hearing(self, emit: Emit | None) -> Hearing:
        """For one answer that is asked for now."""
        return Hearing(self._clock, emit)

    async def exchange(self, request: Request, reader: Reader, hearing: Hearing) -> Said | Failure:
        """Ask once. Raises nothing but cancellation."""
        idle_s = self._idle_s if request.streamed else None
        timeouts = Timeouts(request.timeout_s, idle_s, idle_s)
        most = ANSWER_MAX_BYTES if request.streamed else WHOLE_MAX_BYTES
        headers: Mapping[str, str] = {}
        try:
            async with self._outbound.stream(
                "POST", request.url, request.headers, request.body, timeouts, most
            ) as answer:
                headers = answer.headers
                said = await _read(request, answer, reader, hearing)
        except (NotReached, DestinationNotAllowed) as unreached:
            return _failure(TaskError("agent.unavailable", unreached.detail))
        except TimeoutError:
            said = self._late(request, hearing, reader)
        except AnswerEncoded:
            said = invalid("answered in an encoding that was not asked for")
        except AnswerLost:
            said = truncated("the connection broke before the answer was complete", reader.usage())
        except Malformed:
            said = truncated("the stream was malformed", reader.usage())
        except AnswerTooLarge:
            error = TaskError("agent.too_large", "the answer is over its limit")
            said = Failure(error, usage=reader.usage())
        return _marked(said, headers, hearing)

    async def check(
        self, url: str, headers: Mapping[str, str], timeout_s: float
    ) -> TaskError | None:
        """Whether a GET of `url`, which must be free, shows that the API answers and knows us."""
        try:
            reply = await self._outbound.send("GET", url, headers, b"", timeout_s, ANSWER_MAX_BYTES)
        except (NotReached, DestinationNotAllowed, AnswerLost) as down:
            return TaskError("agent.unavailable", down.detail)
        except TimeoutError:
            return TaskError("timeout.attempt", f"no answer within {timeout_s:g} s")
        except AnswerTooLarge:
            return None
        match reply.status:
            case 401 | 403:
                return failure_of_reply(reply).error
            case status if 300 <= status < 400 or status >= 500:
                return TaskError("agent.unavailable", f"the API answered {status}")
            case _:
                return None

    def _late(self, request: Request, hearing: Hearing, reader: Reader) -> Failure:
        if hearing.elapsed_s() < request.timeout_s - 0.05:
            return truncated(f"the stream was silent for {self._idle_s:g} s", reader.usage())
        late = f"no answer within {round(request.timeout_s * 1_000)} ms"
        error = TaskError("timeout.attempt", late, definite=False)
        return Failure(error, "fail", elsewhere=True, usage=reader.usage())


def truncated(why: str, usage: Usage | None) -> Failure:
    """A stream that ended too early, whatever of it arrived. The model may have done its work."""
    error = TaskError("agent.lost", f"stream_truncated: {why}", definite=False, retryable=True)
    facts = {"failure": "stream_truncated"}
    return Failure(error, "fail", elsewhere=True, usage=usage, facts=facts)


def invalid(what: str) -> Failure:
    """An answer that is none."""
    return _failure(TaskError("agent.invalid_response", f"the API {what}"))


def secrets_of(credentials: Mapping[str, str]) -> tuple[str, ...]:
    """What must never be quoted from an answer."""
    values = (value.removeprefix("Bearer ") for value in credentials.values())
    return tuple(value for value in values if len(value) >= 4)


def json_headers(credentials: Mapping[str, str]) -> dict[str, str]:
    """What every request says, and who asks."""
    own = {"content-type": "application/json", "user-agent": "orchestra"}
    return own | {name.lower(): value for name, value in credentials.items()}


def _failure(error: TaskError) -> Failure:
    return Failure(error, "fail", elsewhere=True)


async def _read(
    request: Request, answer: Stream, reader: Reader, hearing: Hearing
) -> Said | Failure:
    if answer.status >= 400:
        reply = Reply(answer.status, answer.headers, await _error_body(answer))
        return failure_of_reply(reply, request.secrets)
    if answer.status != 200:
        return invalid(f"answered {answer.status}")
    kind = answer.headers.get("content-type", "").lower()
    # Some servers do not stream, and say so only by the type of their answer.
    streamed = kind.startswith("text/event-stream") or (request.streamed and "json" not in kind)
    if streamed:
        return await _streamed(answer, reader)
    try:
        document = _document(await answer.read())
    except Malformed:
        return invalid("answered with something that is not a JSON object")
    said = reader.whole(document)
    if request.streamed and isinstance(said, Said):
        hearing.token(said.text)
    return said


async def _streamed(answer: Stream, reader: Reader) -> Said | Failure:
    events = Events(EVENT_MAX_BYTES)
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            for event in events.feed(chunk):
                if not event.data:
                    continue
                done = event.data == DONE
                name, document = (DONE, NOTHING) if done else (event.event, _document(event.data))
                if reader.event(name, document):
                    await _drain(chunks)
                    return reader.end()
    return truncated("it ended without its last event", reader.usage())


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read what is left, mostly the end itself, so that the connection can be used again."""
    with anyio.move_on_after(DRAIN_S):
        try:
            async for _ in chunks:
                pass
        except (AnswerLost, AnswerTooLarge, TimeoutError):
            return  # the answer is complete, whatever happens to its connection


async def _error_body(answer: Stream) -> bytes:
    """The status alone says enough, so that a body which does not come is none."""
    try:
        return await answer.read()
    except (AnswerLost, AnswerTooLarge, TimeoutError):
        return b""


def _document(data: str | bytes) -> Document:
    try:
        document = decoded(data)
    except NotReadable as broken:
        raise Malformed(str(broken)) from broken
    if not isinstance(document, dict):
        raise Malformed("not an object")
    return cast("Document", document)


def _marked(said: Said | Failure, headers: Mapping[str, str], hearing: Hearing) -> Said | Failure:
    """With what the headers say: the id to ask the vendor about, and the quota that is left."""
    request_id = next((headers[name] for name in REQUEST_IDS if name in headers), "")[:256]
    if isinstance(said, Failure):
        if not request_id:
            return said
        return msgspec.structs.replace(said, facts={**said.facts, "request_id": request_id})
    return msgspec.structs.replace(
        said, request_id=request_id, ttft_ms=hearing.ttft_ms, gate_ms=gate_ms(headers)
    )
