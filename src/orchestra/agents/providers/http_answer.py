"""What the answer of an HTTP agent means, read whole (AGENTS.md, section 4)."""

import re
from typing import Any, cast

import msgspec

from orchestra.agents.providers import Answer, Failure, Usage
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.mishaps import invalid
from orchestra.agents.providers.templates import MissingInput, walk
from orchestra.agents.providers.usage import usage_of
from orchestra.agents.records import HttpReach
from orchestra.security.outbound import Reply

DEPTH_MAX = 64
VALUES_MAX = 500_000
ARTIFACTS_MAX_BYTES = 65_536

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class NotReadable(Exception):
    """It is no JSON, or more of it than we take. The text says which."""


def read_reply(reach: HttpReach, reply: Reply) -> Answer | Failure:
    """What an answer means. 202 is none: its reader knows where to look later."""
    match reply.status:
        case 204:
            return Answer(None)
        case 200 | 201 | 203:
            return _output(reach, reply)
        case status if 300 <= status < 400:
            return invalid("answered with a redirect, and redirects are not followed")
        case status if status < 300:
            return invalid(f"answered {status}")
        case _:
            return failure_of(reply)


def decoded(body: bytes) -> object:
    """The JSON in `body`. Raises NotReadable."""
    if _values(body) > VALUES_MAX and _values(_TEXT.sub(b"", body)) > VALUES_MAX:
        raise NotReadable(f"answered with more than {VALUES_MAX} values")
    try:
        value: object = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotReadable("answered with something that is not JSON") from None
    if _too_deep(value):
        raise NotReadable(f"answered with JSON nested deeper than {DEPTH_MAX}")
    return value


def output_at(reach: HttpReach, value: object, usage: Usage | None) -> Answer | Failure:
    """The answer, of what `response_path` names in `value`."""
    if reach.response_path:
        try:
            value = walk(value, reach.response_path)
        except MissingInput:
            return invalid("answered without what response_path names")
    return Answer(value, usage)


def _output(reach: HttpReach, reply: Reply) -> Answer | Failure:
    """The output in an answer that says it is one."""
    try:
        value = decoded(reply.body)
    except NotReadable as unreadable:
        return invalid(str(unreadable))
    if reach.format != "envelope" or not isinstance(value, dict):
        return output_at(reach, value, None)
    envelope = cast("dict[str, object]", value)
    if envelope.get("status") != "completed" or "output" not in envelope:
        return output_at(reach, envelope, None)
    answer = output_at(reach, envelope["output"], usage_of(envelope.get("usage")))
    return with_artifacts(answer, envelope.get("artifacts"))


def with_artifacts(answer: Answer | Failure, artifacts: object) -> Answer | Failure:
    """Artifacts are kept with the attempt, where they are small enough to be kept."""
    if not isinstance(answer, Answer) or not isinstance(artifacts, list) or not artifacts:
        return answer
    if len(_encode(artifacts)) > ARTIFACTS_MAX_BYTES:
        return answer
    facts = {**answer.facts, "artifacts": cast("list[object]", artifacts)}
    return msgspec.structs.replace(answer, facts=facts)


def _values(body: bytes) -> int:
    """At least as many as there are: each but the first stands behind one of these. Counted
    before memory is taken for them.
    """
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _too_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += cast("dict[str, Any]", item).values()
            elif isinstance(item, list):
                below += cast("list[Any]", item)
        if not below:
            return False
        level = below
    return True
