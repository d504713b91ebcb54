"""What an error answer means: its code, whether to try again, and where (AGENTS.md, section 7)."""

import re
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Failure, Outcome
from orchestra.security.outbound import Reply

MESSAGE_MAX_CHARS = 1_024
GATE_MAX_MS = 900_000
_CODE = re.compile(r"^[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,31}$")
# Codes that only we may say; an agent that says them is quoted without its code.
_OURS = frozenset(
    {
        "agent", "timeout", "expression", "input", "output", "budget", "loop", "approval", "step",
        "child", "rollback",
    }
)  # fmt: skip

_decode = msgspec.json.Decoder().decode


class _Meaning(NamedTuple):
    code: str
    outcome: Outcome = "none"
    gate_ms: int = 0
    elsewhere: bool = False
    again: bool = False


_MEANINGS = {
    401: _Meaning("agent.auth", "deny", 300_000, elsewhere=True),
    402: _Meaning("agent.rate_limited", "rate", 600_000, elsewhere=True),
    403: _Meaning("agent.auth", "deny", 300_000, elsewhere=True),
    408: _Meaning("agent.error", again=True),
    409: _Meaning("agent.error", again=True),
    413: _Meaning("agent.bad_request"),
    425: _Meaning("agent.error", again=True),
    429: _Meaning("agent.rate_limited", "rate", 5_000, elsewhere=True),
}
_SERVER_ERROR = _Meaning("agent.error", "fail", elsewhere=True)
_REFUSED = _Meaning("agent.bad_request")


class _Said(NamedTuple):
    """What the body says about the error, as far as it can be read."""

    code: str | None = None
    message: str = ""
    retryable: bool | None = None
    retry_after_ms: int | None = None


def failure_of(reply: Reply) -> Failure:
    """The failure an answer of 400 and above stands for. The outcome is definite."""
    meaning = _MEANINGS.get(reply.status, _SERVER_ERROR if reply.status >= 500 else _REFUSED)
    said = _said(reply)
    wait_ms = _wait_ms(reply, said)
    gate_ms = meaning.gate_ms
    if meaning.outcome == "rate" and wait_ms is not None:
        gate_ms = min(wait_ms, GATE_MAX_MS)
    message = f"the agent answered {reply.status}"
    error = TaskError(
        said.code or meaning.code,
        f"{message}: {said.message}" if said.message else message,
        retryable=said.retryable,
        retry_after_ms=wait_ms,
    )
    # A code of the agent's own is its business's answer: nobody else is asked.
    elsewhere = meaning.elsewhere and said.code is None and said.retryable is not False
    outcome: Outcome = "none" if said.code else meaning.outcome
    again = meaning.again and said.code is None and said.retryable is not False
    return Failure(error, outcome, gate_ms, elsewhere, again=again)


def _said(reply: Reply) -> _Said:
    """`{"error": {code, message, retryable, retry_after_ms}}`, or a problem document."""
    try:
        body: Any = _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()
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
    return _Said(
        code if own else None,
        message[:MESSAGE_MAX_CHARS] if isinstance(message, str) else "",
        retryable if isinstance(retryable, bool) else None,
        wait_ms if type(wait_ms) is int and 0 <= wait_ms < 1 << 40 else None,
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
