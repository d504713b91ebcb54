"""What the answer of an HTTP agent means, read whole (AGENTS.md, section 4)."""

from typing import cast

import msgspec

from orchestra.agents.providers import Answer, Failure, Usage
from orchestra.agents.providers.decoding import NotReadable, decoded
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.mishaps import invalid
from orchestra.agents.providers.templates import MissingInput, walk
from orchestra.agents.providers.usage import usage_of
from orchestra.agents.records import HttpReach
from orchestra.security.outbound import Reply

ARTIFACTS_MAX_BYTES = 65_536

_encode = msgspec.json.Encoder().encode


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
