"""Agents behind HTTP: one POST, and its answer at once, in parts, or later (AGENTS.md §4)."""

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import anyio
import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Call, Credentials, Expected, Failure, Later
from orchestra.agents.providers.http_answer import read_reply
from orchestra.agents.providers.http_cancels import Cancels
from orchestra.agents.providers.http_later import Accepted, Follower, accepted_of
from orchestra.agents.providers.http_request import (
    HEARTBEAT_S,
    body_of,
    headers_of,
    message_id,
)
from orchestra.agents.providers.mishaps import MISHAPS, down, mishap
from orchestra.agents.providers.python import late
from orchestra.agents.providers.streams import kind_of, read_stream
from orchestra.agents.providers.templates import MissingInput
from orchestra.agents.records import Agent, HttpReach
from orchestra.clock import Clock
from orchestra.security.outbound import Outbound, Reply, Stream, Timeouts
from orchestra.store.failures import StoreAway

CHECK_MAX_BYTES = 65_536
_PASSIVE = frozenset({404, 405})
"""It has no such address, or too many callers: it is there, and calls show the rest."""


class Patience(msgspec.Struct, frozen=True):
    """Seconds: silence within an answer; between two looks at a task, at least and at most."""

    idle_s: float = 30.0
    look_min_s: float = 1.0
    look_max_s: float = 15.0
    heartbeat_s: float = HEARTBEAT_S


class HttpProvider:
    """Calls the `endpoint` of an agent. `serve` must run for cancelled tasks to be told of."""

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        credentials: Credentials,
        later: Later | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._outbound, self._clock = outbound, clock
        self._credentials, self._later = credentials, later
        self._patience = patience or Patience()
        self._follower = Follower(
            outbound, clock, credentials, self._patience.look_min_s, self._patience.look_max_s
        )
        self._cancels = Cancels(outbound, credentials)
        self.serve = self._cancels.serve

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Post the task once, and see it through to its answer."""
        reach = agent.spec.reach
        assert isinstance(reach, HttpReach)
        expected: Expected | None = None
        wanted = True  # until it is known how it ended; nobody wants it after that
        try:
            with anyio.fail_after(call.timeout_ms / 1_000):
                # Only the envelope has room for where to call back; the others are looked at.
                if reach.later and reach.format == "envelope" and self._later is not None:
                    expected = await self._later.expect(
                        call.task, agent, call.fence, call.timeout_ms
                    )
                found = await self._ask(agent, reach, call, expected)
                if isinstance(found, Accepted):
                    found = await self._see_through(agent, reach, call, found, expected)
            wanted = False
        except TimeoutError:
            return late(call)
        except MissingInput as missing:
            wanted = False
            return Failure(TaskError("agent.bad_request", str(missing)))
        except StoreAway:
            wanted = False
            return Failure(TaskError("agent.unavailable", "the store is away"), again=True)
        except MISHAPS as error:
            wanted = False
            return mishap(error, call)
        else:
            return found
        finally:
            if wanted and reach.cancel_url:
                self._cancels.tell(agent, reach.cancel_url, call.task.id)
            if expected is not None:
                with anyio.CancelScope(shield=True):
                    await expected.close()

    async def check(self, agent: Agent, timeout_s: float) -> TaskError | None:
        """GET the agent's health path: 2xx is well. Without such a path only its tasks tell."""
        reach = agent.spec.reach
        assert isinstance(reach, HttpReach)
        url = _at_origin(reach.endpoint, agent.spec.health.path)
        try:
            proof = await self._credentials.headers(agent, url, b"", f"check-{agent.id}")
            timeouts = Timeouts(timeout_s)
            async with self._outbound.stream(
                "GET", url, {"user-agent": "orchestra", **proof}, b"", timeouts, CHECK_MAX_BYTES
            ) as answer:
                return _health(answer.status)
        except MISHAPS as error:
            return down(error, timeout_s)

    async def _ask(
        self, agent: Agent, reach: HttpReach, call: Call, expected: Expected | None
    ) -> Answer | Failure | Accepted:
        """The one request. Raises MISHAPS."""
        body = body_of(agent, reach, call, self._clock, expected)
        proof = await self._credentials.headers(agent, reach.endpoint, body, message_id(call))
        headers: Mapping[str, str] = {**headers_of(reach, call, self._clock), **proof}
        timeouts = Timeouts(call.timeout_ms / 1_000, None, self._patience.idle_s)
        async with self._outbound.stream("POST", reach.endpoint, headers, body, timeouts) as answer:
            kind = kind_of(answer.headers) if answer.status in (200, 201) else None
            if kind is not None:
                return await read_stream(reach, answer, kind, call.emit, self._clock)
            reply = await _whole(answer)
        if reply.status == 202:
            return accepted_of(reach, reply, calls_back=expected is not None)
        return read_reply(reach, reply)

    async def _see_through(
        self, agent: Agent, reach: HttpReach, call: Call, accepted: Accepted,
        expected: Expected | None,
    ) -> Answer | Failure:  # fmt: skip
        """What the agent says later: by calling back, or when it is asked; whichever is first."""
        if accepted.poll_url is None:
            assert expected is not None
            return await self._called_back(call, expected)
        if expected is None:
            return await self._follower.follow(agent, reach, call, accepted)
        found: list[Answer | Failure] = []
        async with anyio.create_task_group() as group:

            async def hear(waited: Expected) -> None:
                with suppress(StoreAway):  # then it is heard of by looking
                    found.append(await self._called_back(call, waited))
                    group.cancel_scope.cancel()

            group.start_soon(hear, expected)
            found.append(await self._follower.follow(agent, reach, call, accepted))
            group.cancel_scope.cancel()
        return found[0]

    async def _called_back(self, call: Call, expected: Expected) -> Answer | Failure:
        return await expected.wait(call.timeout_ms / 1_000, self._patience.heartbeat_s, call.emit)


async def _whole(answer: Stream) -> Reply:
    """An error's body is a help, and no more: one that cannot be read is left out."""
    if answer.status >= 400 and answer.encoded:
        return Reply(answer.status, answer.headers, b"")
    return Reply(answer.status, answer.headers, await answer.read())


def _at_origin(endpoint: str, path: str) -> str:
    parts = urlsplit(endpoint)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _health(status: int) -> TaskError | None:
    if 200 <= status < 300 or status == 429:  # who counts requests is alive
        return None
    if status in _PASSIVE:
        return TaskError("agent.not_checkable", "the agent has no health path")
    if status in (401, 403):
        return TaskError("agent.auth", f"the health path answered {status}")
    return TaskError("agent.unavailable", f"the health path answered {status}")
