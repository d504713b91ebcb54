"""Agents behind HTTP: one POST, one JSON answer (AGENTS.md, section 4)."""

import hashlib
from base64 import b32encode
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from orchestra.agents import Task, TaskError
from orchestra.agents.providers import Answer, Call, Failure, Usage
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.python import late
from orchestra.agents.providers.templates import MissingInput, fill, walk
from orchestra.agents.providers.usage import usage_of
from orchestra.agents.records import Agent, HttpReach
from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.security.outbound import (
    AnswerLost,
    AnswerTooLarge,
    DestinationNotAllowed,
    NotReached,
    Outbound,
    Reply,
)

SPEC = "orchestra.task/1"
DEPTH_MAX = 64

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class HttpProvider:
    """Calls the `endpoint` of an agent. Synchronous answers only, in this version."""

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        self._outbound, self._clock = outbound, clock

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Post the task once."""
        try:
            reach = agent.spec.reach
            assert isinstance(reach, HttpReach)
            body = _body(agent, reach, call, self._clock)
            headers = _headers(call, self._clock)
            reply = await self._outbound.send(
                "POST", reach.endpoint, headers, body, call.timeout_ms / 1_000
            )
        except MissingInput as missing:
            return Failure(TaskError("agent.bad_request", str(missing)))
        except TimeoutError:
            return late(call)
        except (NotReached, DestinationNotAllowed) as unreached:
            error = TaskError("agent.unavailable", unreached.detail)
            return Failure(error, outcome="fail", elsewhere=True)
        except AnswerLost as lost:
            error = TaskError("agent.lost", lost.detail, definite=False)
            return Failure(error, outcome="fail", elsewhere=True)
        except AnswerTooLarge:
            return Failure(TaskError("agent.too_large", "the answer is larger than 8 MiB"))
        return read_reply(reach, reply)


def read_reply(reach: HttpReach, reply: Reply) -> Answer | Failure:
    """What an answer means."""
    match reply.status:
        case 204:
            return Answer(None)
        case 202:
            return _invalid("answered 202: answers that come later are not in this version")
        case 200 | 201 | 203:
            return _output(reach, reply)
        case status if 300 <= status < 400:
            return _invalid("answered with a redirect, and redirects are not followed")
        case status if status < 300:
            return _invalid(f"answered {status}")
        case _:
            return failure_of(reply)


def _output(reach: HttpReach, reply: Reply) -> Answer | Failure:
    """The output in an answer that says it is one."""
    if reply.headers.get("content-encoding", "identity") != "identity":
        return _invalid("answered in an encoding that was not asked for")
    try:
        value: object = _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _invalid("answered with something that is not JSON")
    if _too_deep(value):
        return _invalid(f"answered with JSON nested deeper than {DEPTH_MAX}")
    usage = None
    if reach.format == "envelope":
        value, usage = _unwrapped(value)
    if reach.response_path:
        try:
            value = walk(value, reach.response_path)
        except MissingInput:
            return _invalid("answered without what response_path names")
    return Answer(value, usage)


def _unwrapped(value: object) -> tuple[object, Usage | None]:
    """`{"status": "completed", "output", "usage"?}`; any other body is itself the output."""
    if not isinstance(value, dict):
        return value, None
    answer = cast("dict[str, object]", value)
    if answer.get("status") != "completed" or "output" not in answer:
        return answer, None
    return answer["output"], usage_of(answer.get("usage"))


def idempotency_key(task: Task) -> str:
    """`orc-` and 26 characters. The engine's own key, or one of the task's id (ENGINE.md §16)."""
    if task.key:
        return task.key
    digest = hashlib.sha256(f"{task.tenant}|{task.id}|{task.attempt}".encode()).digest()
    return "orc-" + b32encode(digest).decode().lower()[:26]


def _headers(call: Call, clock: Clock) -> dict[str, str]:
    task = call.task
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": "orchestra",
        "idempotency-key": idempotency_key(task),
        "orchestra-task": task.id,
        "orchestra-attempt": str(task.attempt),
        "orchestra-fence": str(call.fence),
        "orchestra-timeout-ms": str(call.timeout_ms),
        "orchestra-deadline": instant(clock.now_ms() + call.timeout_ms),
    }
    if task.execution:
        headers["orchestra-execution"] = task.execution
    if task.step:
        # A path of ours is ASCII but for names that people chose.
        headers["orchestra-step"] = task.step.encode("ascii", "replace").decode()
    return headers


def _body(agent: Agent, reach: HttpReach, call: Call, clock: Clock) -> bytes:
    match reach.format:
        case "input":
            return _encode(call.task.input_data)
        case "template":
            return _encode(fill(reach.request_template, _scope(call)))
        case "envelope":
            return _encode(_envelope(agent, call, clock))


def _scope(call: Call) -> Mapping[str, object]:
    task = call.task
    return {"input": task.input_data, "capability": call.capability, "task_id": task.id}


def _envelope(agent: Agent, call: Call, clock: Clock) -> dict[str, object]:
    task = call.task
    return {
        "spec": SPEC,
        "task_id": task.id,
        "attempt": task.attempt,
        "fence": call.fence,
        "agent": {
            "id": agent.id,
            "name": agent.spec.name,
            "type": agent.spec.agent_type,
            "version": agent.spec.version,
        },
        "capability": call.capability,
        "input": task.input_data,
        "context": {
            "workflow_id": task.workflow,
            "execution_id": task.execution,
            "step_id": task.step,
            "session_id": task.session,
        },
        "output_schema": task.output_schema,
        "stream": False,
        "timeout_ms": call.timeout_ms,
        "deadline": instant(clock.now_ms() + call.timeout_ms),
    }


def _invalid(what: str) -> Failure:
    error = TaskError("agent.invalid_response", f"the agent {what}")
    return Failure(error, outcome="fail", elsewhere=True)


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
