"""What an error answer means: its code, whether to try again, and where (AGENTS.md, section 7)."""

import re
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Failure, Outcome, Usage
from orchestra.agents.providers.decoding import NotReadable, decoded
from orchestra.security.outbound import Reply

MESSAGE_MAX_CHARS = 1_024
GATE_MAX_MS = 900_000
UNPAID_MS = 600_000
_CODE = re.compile(r"^[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,31}$")
# Codes that only we may say; an agent that says them is quoted without its code.
_OURS = frozenset(
    {
        "agent", "timeout", "expression", "input", "output", "budget", "loop", "approval", "step",
        "child", "rollback",
    }
)  # fmt: skip
_UNPAID = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached"})
_TOO_LONG = frozenset({"context_length_exceeded", "context_too_long"})
_SAYS_TOO_LONG = re.compile(
    r"prompt is too long|maximum context length|context (?:window|length)|too many tokens",
    re.IGNORECASE,
)


class _Meaning(NamedTuple):
    code: str
    outcome: Outcome = "none"
    gate_ms: int = 0
    elsewhere: bool = False
    again: bool = False


_UNPAID_FOR = _Meaning("agent.rate_limited", "rate", UNPAID_MS, elsewhere=True)
_MEANINGS: Final = {
    401: _Meaning("agent.auth", "deny", 300_000, elsewhere=True),
    402: _UNPAID_FOR,
    403: _Meaning("agent.auth", "deny", 300_000, elsewhere=True),
    408: _Meaning("agent.error", again=True),
    409: _Meaning("agent.error", again=True),
    425: _Meaning("agent.error", again=True),
    # Without a time of its own the gate is the store's to choose: longer after each one.
    429: _Meaning("agent.rate_limited", "rate", elsewhere=True),
}
_SERVER_ERROR = _Meaning("agent.error", "fail", elsewhere=True)
_REFUSED = _Meaning("agent.bad_request")


class _Said(NamedTuple):
    """What the body says about the error, as far as it can be read."""

    code: str | None = None
    message: str = ""
    retryable: bool | None = None
    retry_after_ms: int | None = None
    names: frozenset[str] = frozenset()
    """Its code and type as they stand: words that many APIs share."""


def failure_of(reply: Reply) -> Failure:
    """The failure an answer of 400 and above stands for. The outcome is definite."""
    said = _said(reply.body)
    hint = reply.headers.get("x-should-retry", "").strip().lower()
    if hint in ("true", "false"):
        said = said._replace(retryable=hint == "true")
    return _failure(reply.status, f"the agent answered {reply.status}", said, _wait_ms(reply, said))


def failure_in_answer(error: object, usage: Usage | None = None) -> Failure:
    """The failure that `{"error": …}` stands for in an answer that began well."""
    said = _read({"error": error})
    failure = _failure(500, "the agent failed", said, said.retry_after_ms)
    return msgspec.structs.replace(failure, usage=usage)


def _failure(status: int, message: str, said: _Said, wait_ms: int | None) -> Failure:
    meaning = _MEANINGS.get(status, _SERVER_ERROR if status >= 500 else _REFUSED)
    if said.names & _UNPAID:
        meaning = _UNPAID_FOR
    error = TaskError(
        said.code or meaning.code,
        f"{message}: {said.message}" if said.message else message,
        retryable=said.retryable,
        retry_after_ms=wait_ms,
    )
    if said.code and status != 429:
        # A code of the agent's own is its business's answer: nobody else is asked.
        return Failure(error, again=said.retryable is True and status < 500)
    gate_ms = meaning.gate_ms
    if status == 429 and not gate_ms and wait_ms is not None:
        gate_ms = min(wait_ms, GATE_MAX_MS)
    final = said.retryable is False
    return Failure(
        error,
        meaning.outcome,
        gate_ms,
        elsewhere=meaning.elsewhere and not final,
        fallback=_too_long(status, said),
        again=(meaning.again or (said.retryable is True and not meaning.elsewhere)) and not final,
    )


def _too_long(status: int, said: _Said) -> bool:
    """The input is good, and more than this agent takes: another one may take more."""
    if status not in (400, 413, 422):
        return False
    return bool(said.names & _TOO_LONG) or bool(_SAYS_TOO_LONG.search(said.message))


def _said(body: bytes) -> _Said:
    """`{"error": {code, message, retryable, retry_after_ms}}`, or a problem document."""
    try:
        document = decoded(body)
    except NotReadable:
        return _Said()
    return _read(document)


def _read(body: object) -> _Said:
    if not isinstance(body, dict):
        return _Said()
    document = cast("dict[str, Any]", body)
    inner: Any = document.get("error", document)
    if isinstance(inner, str):
        return _Said(message=inner[:MESSAGE_MAX_CHARS])
    if not isinstance(inner, dict):
        return _Said()
    fields = cast("dict[str, Any]", inner)
    code, retryable = fields.get("code"), fields.get("retryable")
    message: Any = fields.get("message") or fields.get("detail") or fields.get("title") or ""
    wait_ms: Any = fields.get("retry_after_ms")
    own = isinstance(code, str) and _CODE.match(code) and code.split(".")[0] not in _OURS
    names = (name for name in (code, fields.get("type")) if isinstance(name, str))
    return _Said(
        code if own else None,
        message[:MESSAGE_MAX_CHARS] if isinstance(message, str) else "",
        retryable if isinstance(retryable, bool) else None,
        wait_ms if type(wait_ms) is int and 0 <= wait_ms < 1 << 40 else None,
        frozenset(names),
    )


def _wait_ms(reply: Reply, said: _Said) -> int | None:
    """How long to wait, by the hints in their order: ours in the body, then the headers."""
    if said.retry_after_ms is not None:
        return said.retry_after_ms
    exact = reply.headers.get("retry-after-ms", "")
    if exact.isdecimal() and len(exact) <= 10:
        return int(exact)
    after = reply.headers.get("retry-after", "")
    if after.isdecimal() and len(after) <= 8:
        return int(after) * 1_000
    return _until(after, reply.headers.get("date", ""))


def _until(after: str, date: str) -> int | None:
    """A date is measured against the answer's own: the clocks of two machines differ."""
    try:
        wait = parsedate_to_datetime(after) - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return max(0, round(wait.total_seconds() * 1_000))
