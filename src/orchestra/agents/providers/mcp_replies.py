"""What MCP servers say: one JSON answer, or a stream that ends with it; and what a tool said."""

from collections.abc import Mapping
from typing import Final, cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Emit, Failure
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.mishaps import invalid
from orchestra.agents.providers.rpc import Fault, document, failure_of_fault, responded
from orchestra.agents.providers.sse import sse
from orchestra.security.outbound import AnswerLost, Reply, Stream

MESSAGE_MAX_CHARS = 1_024
_FINAL: Final = frozenset({-32020, -32021, -32022})
_PASSED_ON: Final = frozenset({"progress", "total", "message", "level", "data", "logger"})


class Heard(msgspec.Struct, frozen=True):
    """One answer. `result` is an object, or None: then `fault` or the status says why."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    result: dict[str, object] | None = None
    fault: Fault | None = None


async def heard(stream: Stream, number: int, emit: Emit | None) -> Heard:
    """The answer to request `number`. Raises AnswerLost when a stream ends without it."""
    kind = stream.headers.get("content-type", "").lower()
    if stream.status == 200 and kind.startswith("text/event-stream"):
        async for event in sse(stream.chunks()):
            message = document(event.data)
            if message is None:
                continue  # an older server begins with an empty event
            if "method" in message:
                pass_on(message, emit)
            elif message.get("id") in (number, str(number)):
                return _said(stream, b"", message)
        raise AnswerLost("the stream ended before the answer")
    body = await stream.read()
    return _said(stream, body, document(body))


def heard_in(message: Mapping[str, object]) -> Heard:
    """The answer in a message that came by another way than HTTP."""
    said = responded(message)
    result = cast("dict[str, object]", said) if isinstance(said, dict) else None
    return Heard(200, result=result, fault=said if isinstance(said, Fault) else None)


def _said(stream: Stream, body: bytes, message: Mapping[str, object] | None) -> Heard:
    said = responded(message) if message is not None else None
    fault = said if isinstance(said, Fault) else None
    result = cast("dict[str, object]", said) if isinstance(said, dict) else None
    if stream.status >= 300:
        result = None
    return Heard(stream.status, stream.headers, body, result, fault)


def failure_of_heard(said: Heard) -> Failure:
    """Why there is no result. A status that says more than the error goes before it."""
    if said.status in (401, 402, 403, 408, 425, 429) or said.status >= 500:
        return failure_of(Reply(said.status, dict(said.headers), said.body))
    if said.fault is not None and said.fault.code:
        return failure_of_fault(said.fault, _FINAL)
    if said.status >= 400:
        return failure_of(Reply(said.status, dict(said.headers), said.body))
    if 300 <= said.status < 400:
        return invalid("answered with a redirect, and redirects are not followed")
    return invalid("answered with something that is not a response of MCP")


def pass_on(message: Mapping[str, object], emit: Emit | None) -> None:
    """Progress and log lines, to whoever looks on. Requests to us are for others: ignored."""
    params = message.get("params")
    if emit is None or not isinstance(params, dict):
        return
    event = {"notifications/progress": "progress", "notifications/message": "log"}.get(
        str(message["method"])
    )
    if event:
        fields = cast("dict[str, object]", params).items()
        emit({"event": event} | {name: value for name, value in fields if name in _PASSED_ON})


def answer_of(result: Mapping[str, object]) -> Answer | Failure:
    """What a tool said: structured content, else its text, else its blocks."""
    if result.get("resultType") == "input_required":
        error = TaskError("agent.input_required", "the tool asks for input", retryable=False)
        return Failure(error)
    blocks = _blocks(result.get("content"))
    text = "\n".join(text for one in blocks if isinstance(text := one.get("text"), str))
    if result.get("isError") is True:
        # The server lives and has said so: nothing for the breaker to learn.
        said = f": {text[:MESSAGE_MAX_CHARS]}" if text else ""
        return Failure(TaskError("agent.error", f"the tool failed{said}"))
    if result.get("structuredContent") is not None:
        return Answer(result["structuredContent"])
    if "content" not in result:
        return invalid("answered without content")
    if all(one.get("type") == "text" for one in blocks):
        return Answer(text if blocks else None)
    return Answer({"text": text, "content": blocks} if text else {"content": blocks})


def _blocks(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list):
        return []
    items = cast("list[object]", value)
    return [cast("dict[str, object]", one) for one in items if isinstance(one, dict)]
