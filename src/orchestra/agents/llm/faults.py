"""What the errors of LLM APIs mean, whether they come as a status or in the middle of a stream.

The status says most of it (AGENTS.md, section 7); the names below say the rest. OpenAI has
`error.code` and `error.type`, Anthropic `error.type`; compatible servers use some of both.
"""

import re
from typing import cast

import msgspec

from orchestra.agents.llm.fields import Document, inner, text, whole
from orchestra.agents.llm.quotas import gate_ms
from orchestra.agents.providers import Failure, Usage
from orchestra.agents.providers.decoding import NotReadable, decoded
from orchestra.agents.providers.failures import failure_of
from orchestra.security.outbound import Reply

_STATUS = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "internal_error": 500,
    "api_error": 500,
    "vector_store_timeout": 500,
    "service_unavailable": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_ASKED_WRONG = re.compile(r"invalid|image|policy|unsupported|mismatch|context_length|too_large")
_TOO_LONG = re.compile(
    r"prompt is too long|maximum context length|exceeds? the available context|input is too long",
    re.IGNORECASE,
)

_encode = msgspec.json.Encoder().encode


def failure_of_reply(reply: Reply, secrets: tuple[str, ...] = ()) -> Failure:
    """The failure an answer of 400 and above stands for. `secrets` are struck from what it says."""
    error = _error(reply)
    message = _quoted(text(error, "message"), reply.status, secrets)
    names = {name: _plain(text(error, name)) for name in ("code", "type")}
    if _TOO_LONG.search(message):
        names["code"] = "context_length_exceeded"
    read = _encode({"error": {"message": message, **names}})
    failure = failure_of(Reply(reply.status, reply.headers, read))
    if reply.status == 429 and not failure.gate_ms:
        failure = msgspec.structs.replace(failure, gate_ms=gate_ms(reply.headers))
    # Told not to come back is told for this agent: another vendor's may do it all the same.
    elsewhere = failure.outcome in ("fail", "deny", "rate")
    return msgspec.structs.replace(failure, elsewhere=elsewhere)


def failure_of_event(
    error: Document, usage: Usage | None, secrets: tuple[str, ...] = ()
) -> Failure:
    """The failure that an error inside an answer of 200 stands for."""
    status = _status(error)
    failure = failure_of_reply(Reply(status, {}, _encode({"error": error})), secrets)
    message = failure.error.message.replace(
        f"the agent answered {status}", "the model failed while it answered", 1
    )
    told = msgspec.structs.replace(failure.error, message=message)
    return msgspec.structs.replace(failure, error=told, usage=usage)


def _status(error: Document) -> int:
    for name in ("code", "status"):  # OpenRouter puts the status of the provider behind it here
        number = whole(error, name)
        if number is not None and 400 <= number < 600:
            return number
    for name in (text(error, "code"), text(error, "type")):
        if name in _STATUS:
            return _STATUS[name]
        if name and _ASKED_WRONG.search(name):
            return 400
    return 500


def _error(reply: Reply) -> Document:
    """`{"error": {…}}`; some servers leave out the outer object, or say it in plain text."""
    try:
        body = decoded(reply.body)
    except NotReadable:
        return {}
    if not isinstance(body, dict):
        return {}
    document = cast("Document", body)
    said = document.get("error")
    if isinstance(said, str):
        return {"message": said}
    return inner(document, "error") or {
        "message": document.get("message") or document.get("detail"),
        "type": document.get("type"),
        "code": document.get("code"),
    }


def _quoted(message: str, status: int, secrets: tuple[str, ...]) -> str:
    """What it says, without our key: OpenAI repeats the ends of a wrong one, others all of it."""
    if status == 401:
        return ""
    for secret in secrets:
        message = message.replace(secret, "***")
    return message


def _plain(name: str) -> str:
    """A name as the vendors have them; one with a dot would be an agent's own code."""
    return name if "." not in name else ""
