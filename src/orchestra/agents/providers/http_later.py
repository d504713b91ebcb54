"""Answers that come later: a 202, and then looks at its `poll_url` (AGENTS.md, section 4)."""

from typing import Final, cast
from urllib.parse import urljoin, urlsplit

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Call, Credentials, CredentialsUnusable, Failure
from orchestra.agents.providers.decoding import NotReadable, decoded
from orchestra.agents.providers.failures import failure_in_answer, failure_of
from orchestra.agents.providers.http_answer import read_reply
from orchestra.agents.providers.http_request import trace_headers
from orchestra.agents.providers.mishaps import invalid, mishap
from orchestra.agents.providers.usage import usage_of
from orchestra.agents.records import Agent, HttpReach
from orchestra.clock import Clock
from orchestra.security.outbound import (
    AnswerLost,
    AnswerTooLarge,
    DestinationNotAllowed,
    NotReached,
    Outbound,
    Reply,
)

LOOK_S = 10.0
LOOKS_LOST_MAX = 3
GROWTH = 1.5
WAIT_MAX_S = 86_400
"""More is as much: no look waits that long."""
RUNNING: Final = frozenset({"running", "accepted", "queued", "pending", "working"})
_GONE = frozenset({404, 410})
_WEB_PORTS = {"http": 80, "https": 443}


class Accepted(msgspec.Struct, frozen=True):
    """A 202: where to look, and when. Without `poll_url` it calls back."""

    poll_url: str | None = None
    retry_after_s: float | None = None


def accepted_of(reach: HttpReach, reply: Reply, *, calls_back: bool) -> Accepted | Failure:
    """What a 202 says. Without a way to the answer it is no answer."""
    fields = _fields(reply)
    given = fields.get("poll_url")
    url = _joined(reach.endpoint, given) if isinstance(given, str) and given else None
    if url is not None and not _is_web(url):
        return invalid("answered 202 with a poll_url that is no http or https URL")
    if url is None and not calls_back:
        return invalid('answered 202 without poll_url, and it is not registered with "async"')
    return Accepted(url, _wait_s(fields, reply))


def _joined(endpoint: str, given: str) -> str:
    """The URL; '' for what cannot be read as one."""
    try:
        return urljoin(endpoint, given)
    except ValueError:
        return ""


def _is_web(url: str) -> bool:
    try:
        scheme, host, _ = _origin(url)
    except ValueError:
        return False
    return scheme in _WEB_PORTS and bool(host)


class Follower:
    """Looks at `poll_url` until the task there has ended."""

    def __init__(
        self, outbound: Outbound, clock: Clock, credentials: Credentials,
        min_s: float, max_s: float,
    ) -> None:  # fmt: skip
        self._outbound, self._clock, self._credentials = outbound, clock, credentials
        self._min_s, self._max_s = min_s, max_s

    async def follow(
        self, agent: Agent, reach: HttpReach, call: Call, accepted: Accepted
    ) -> Answer | Failure:
        """The answer. The caller bounds the time."""
        url, said_s = accepted.poll_url, accepted.retry_after_s
        assert url is not None
        wait_s, lost = self._min_s, 0
        while True:
            chosen_s = wait_s if said_s is None else said_s
            await self._clock.sleep(min(max(chosen_s, self._min_s), self._max_s))
            wait_s = min(wait_s * GROWTH, self._max_s)
            try:
                reply = await self._look(agent, reach, call, url)
            except (CredentialsUnusable, DestinationNotAllowed) as unusable:
                return _unknown(mishap(unusable, call))
            except (NotReached, AnswerLost, AnswerTooLarge, TimeoutError) as error:
                lost, said_s = lost + 1, None
                if lost >= LOOKS_LOST_MAX:
                    return _unknown(mishap(error, call))
                continue
            if reply.status >= 500 or reply.status == 429:
                lost, said_s = lost + 1, _wait_s({}, reply)
                if lost >= LOOKS_LOST_MAX:
                    return _unknown(failure_of(reply))
                continue
            lost = 0
            ended = _ended(reach, call, reply)
            if ended is not None:
                return ended
            said_s = _wait_s(_fields(reply), reply)

    async def _look(self, agent: Agent, reach: HttpReach, call: Call, url: str) -> Reply:
        headers = {
            "accept": "application/json",
            "user-agent": "orchestra",
            "orchestra-task": call.task.id,
            **trace_headers(call),
        }
        if _origin(url) == _origin(reach.endpoint):
            # An agent that names another host gets no proof that was meant for this one.
            headers |= await self._credentials.headers(agent, url, b"", f"poll-{call.task.id}")
        return await self._outbound.send("GET", url, headers, b"", LOOK_S)


def _ended(reach: HttpReach, call: Call, reply: Reply) -> Answer | Failure | None:
    """How the task ended; None while it runs."""
    if reply.status in _GONE:
        return _unknown(Failure(TaskError("agent.lost", "the agent has forgotten the task")))
    if reply.status >= 400:
        return _unknown(failure_of(reply))
    fields = _fields(reply)
    status = fields.get("status")
    if reply.status == 202 or status in RUNNING:
        if call.emit is not None and "progress" in fields:
            call.emit({"event": "progress", "progress": fields["progress"]})
        return None
    if status == "failed":
        return failure_in_answer(fields.get("error"), usage_of(fields.get("usage")))
    if status in ("cancelled", "input_required"):
        return Failure(TaskError("agent.error", f"the agent's task is {status}"))
    return read_reply(reach, reply)


def _unknown(failure: Failure) -> Failure:
    """The task was accepted: what became of it nobody knows."""
    error = msgspec.structs.replace(failure.error, definite=False)
    if error.code != "agent.lost":
        error = msgspec.structs.replace(error, code="agent.lost", retryable=None)
    return msgspec.structs.replace(failure, error=error, elsewhere=True)


def _fields(reply: Reply) -> dict[str, object]:
    try:
        said = decoded(reply.body)
    except NotReadable:
        return {}
    return cast("dict[str, object]", said) if isinstance(said, dict) else {}


def _wait_s(fields: dict[str, object], reply: Reply) -> float | None:
    said = fields.get("retry_after_s")
    if isinstance(said, int | float) and not isinstance(said, bool) and said >= 0:
        return float(min(said, WAIT_MAX_S))
    after = reply.headers.get("retry-after", "")
    return float(after) if after.isdecimal() and len(after) <= 8 else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _WEB_PORTS.get(parts.scheme)
