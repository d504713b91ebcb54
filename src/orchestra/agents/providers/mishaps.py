"""What a request that ended without an answer means (AGENTS.md, section 7)."""

from typing import Final

from orchestra.agents import TaskError
from orchestra.agents.providers import Call, CredentialsUnusable, Failure
from orchestra.agents.providers.python import late
from orchestra.agents.providers.sse import Malformed
from orchestra.security.outbound import (
    AnswerEncoded,
    AnswerLost,
    AnswerTooLarge,
    DestinationNotAllowed,
    NotReached,
)

MISHAPS: Final = (
    TimeoutError, NotReached, DestinationNotAllowed, AnswerLost, AnswerTooLarge, Malformed,
    CredentialsUnusable,
)  # fmt: skip


class Ended(Exception):
    """There will be no answer: `failure` says why. Never leaves a provider."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error.message)
        self.failure = failure


def mishap(error: BaseException, call: Call) -> Failure:
    """The failure that one of MISHAPS stands for."""
    match error:
        case TimeoutError():
            return late(call)
        case NotReached() | DestinationNotAllowed():
            found = TaskError("agent.unavailable", error.detail)
            return Failure(found, outcome="fail", elsewhere=True)
        case AnswerEncoded():
            return invalid("answered in an encoding that was not asked for")
        case AnswerLost():
            found = TaskError("agent.lost", error.detail, definite=False)
            return Failure(found, outcome="fail", elsewhere=True)
        case Malformed():
            found = TaskError("agent.lost", "the agent's stream is malformed", definite=False)
            return Failure(found, outcome="fail", elsewhere=True)
        case AnswerTooLarge():
            return Failure(TaskError("agent.too_large", "the answer is larger than 8 MiB"))
        case CredentialsUnusable():
            found = TaskError("agent.auth", error.detail)
            return Failure(found, outcome="deny", gate_ms=300_000, elsewhere=True)
        case _:
            raise AssertionError("no mishap") from error


def invalid(what: str) -> Failure:
    """The agent answered with what is no answer."""
    error = TaskError("agent.invalid_response", f"the agent {what}")
    return Failure(error, outcome="fail", elsewhere=True)


def down(error: BaseException, timeout_s: float) -> TaskError:
    """The same for a check: what keeps the agent from being well."""
    match error:
        case TimeoutError():
            return TaskError("timeout.attempt", f"no answer within {timeout_s:g} s")
        case CredentialsUnusable():
            return TaskError("agent.auth", error.detail)
        case NotReached() | DestinationNotAllowed() | AnswerLost() | AnswerTooLarge():
            return TaskError("agent.unavailable", error.detail)
        case _:
            return TaskError("agent.unavailable", "the answer is malformed")
