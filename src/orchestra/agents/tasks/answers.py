"""What agents say later, in callbacks and as workers: as answers and failures."""

import re
from typing import cast

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Failure
from orchestra.agents.providers.usage import usage_of

MESSAGE_MAX_CHARS = 4_096
WAIT_MAX_MS = 1 << 40
# Codes that only we may say; whoever says them is quoted without the code.
OURS = frozenset(
    {
        "agent", "timeout", "expression", "input", "output", "budget", "loop", "approval", "step",
        "child", "rollback",
    }
)  # fmt: skip
_CODE = re.compile(r"^[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,31}$")

LOST = Failure(
    TaskError("agent.lost", "the agent was silent for too long", definite=False),
    outcome="fail",
    elsewhere=True,
    again=True,
)


def too_late(timeout_s: float, *, begun: bool = True) -> Failure:
    """No answer in time: if it was begun, the work may have been done."""
    message = f"no answer within {round(timeout_s * 1_000)} ms"
    if not begun:
        error = TaskError("timeout.attempt", "no worker came for it in time")
        return Failure(error, elsewhere=True, again=True)
    error = TaskError("timeout.attempt", message, definite=False)
    return Failure(error, outcome="fail", elsewhere=True, again=True)


def reply_of(said: object) -> Answer | Failure:
    """The answer in `{"output", "usage"?}`, or the failure in `{"error", "usage"?}`."""
    document = cast("dict[str, object]", said) if isinstance(said, dict) else {}
    usage = usage_of(document.get("usage"))
    if "error" not in document:
        return Answer(document.get("output"), usage)
    error = document["error"]
    fields = cast("dict[str, object]", error) if isinstance(error, dict) else {"message": error}
    code, message = fields.get("code"), fields.get("message")
    retryable, wait_ms = fields.get("retryable"), fields.get("retry_after_ms")
    own = isinstance(code, str) and _CODE.match(code) and code.split(".")[0] not in OURS
    refused = retryable is False
    told = TaskError(
        code
        if own and isinstance(code, str)
        else "agent.bad_request"
        if refused
        else "agent.error",
        message[:MESSAGE_MAX_CHARS] if isinstance(message, str) else "the agent failed",
        retryable=retryable if isinstance(retryable, bool) else None,
        retry_after_ms=wait_ms if type(wait_ms) is int and 0 <= wait_ms < WAIT_MAX_MS else None,
    )
    # A code of its own, a refusal, or a wish to be asked again say nothing about its health.
    if own or retryable is not None:
        return Failure(told, usage=usage, again=retryable is True)
    return Failure(told, outcome="fail", elsewhere=True, again=True, usage=usage)
