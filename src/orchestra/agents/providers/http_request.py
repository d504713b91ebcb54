"""The request to an HTTP agent: body, headers, idempotency key, trace (AGENTS.md, section 4)."""

import hashlib
from base64 import b32encode
from collections.abc import Mapping

import msgspec

from orchestra import tracing
from orchestra.agents import Task
from orchestra.agents.providers import Call, Expected
from orchestra.agents.providers.templates import fill
from orchestra.agents.records import Agent, HttpReach
from orchestra.clock import Clock
from orchestra.instants import instant

SPEC = "orchestra.task/1"
ACCEPTED = "application/json, application/x-ndjson, text/event-stream"
HEARTBEAT_S = 30

_encode = msgspec.json.Encoder().encode


def idempotency_key(task: Task, failures: int = 0) -> str:
    """`orc-` and 26 characters: the engine's own key, or one of the task's id (ENGINE.md §16).

    Another one after each definite failure: an agent that keeps its answers would repeat it.
    """
    if task.key and not failures:
        return task.key
    of = task.key or f"{task.tenant}|{task.id}|{task.attempt}"
    digest = hashlib.sha256(f"{of}|{failures}".encode() if failures else of.encode()).digest()
    return "orc-" + b32encode(digest).decode().lower()[:26]


def message_id(call: Call) -> str:
    """What tells this message from all others, for those who check its signature."""
    made = f"{call.task.id}.{call.task.attempt}"
    return made if call.n == 1 else f"{made}.{call.n}"


def trace_of(call: Call) -> tracing.Trace:
    """The caller's trace, or one of the execution; the span is this call's."""
    task = call.task
    above = tracing.read(task.trace) or tracing.begun(task.tenant, task.execution or task.id)
    return above.at(tracing.derived("call", task.id, task.attempt, call.fence, call.n))


def trace_headers(call: Call) -> dict[str, str]:
    """W3C Trace Context of this call."""
    return tracing.headers(trace_of(call))


def headers_of(reach: HttpReach, call: Call, clock: Clock) -> dict[str, str]:
    """All headers but the agent's own credentials and signature."""
    task = call.task
    headers = {
        "content-type": "application/json",
        "accept": ACCEPTED,
        "user-agent": "orchestra",
        "idempotency-key": idempotency_key(task, call.failures),
        "orchestra-task": task.id,
        "orchestra-attempt": str(task.attempt),
        "orchestra-fence": str(call.fence),
        "orchestra-timeout-ms": str(call.timeout_ms),
        "orchestra-deadline": instant(clock.now_ms() + call.timeout_ms),
        **trace_headers(call),
    }
    if task.execution:
        headers["orchestra-execution"] = task.execution
    if task.step:
        # A path of ours is ASCII but for names that people chose.
        headers["orchestra-step"] = task.step.encode("ascii", "replace").decode()
    if reach.later:
        headers["prefer"] = "respond-async"
    return headers


def body_of(
    agent: Agent, reach: HttpReach, call: Call, clock: Clock, expected: Expected | None = None
) -> bytes:
    """The body in the format the agent wants. Raises MissingInput."""
    match reach.format:
        case "input":
            return _encode(call.task.input_data)
        case "template":
            return _encode(fill(reach.request_template, _scope(call)))
        case "envelope":
            envelope = envelope_of(agent, call, clock)
            if expected is not None:
                envelope["callback"] = {
                    "url": expected.callback_url,
                    "token": expected.token,
                    "heartbeat_s": HEARTBEAT_S,
                }
            return _encode(envelope)


def envelope_of(agent: Agent, call: Call, clock: Clock) -> dict[str, object]:
    """The task as agents get it, pull agents included."""
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
            **trace_headers(call),
        },
        "output_schema": task.output_schema,
        "stream": call.emit is not None,
        "timeout_ms": call.timeout_ms,
        "deadline": instant(clock.now_ms() + call.timeout_ms),
        "limits": _limits(agent, task),
    }


def _limits(agent: Agent, task: Task) -> dict[str, object]:
    """What one call may use; null is no limit. Money as text: it is no float anywhere."""
    known = [
        budget
        for budget in (task.budget_micro_usd, agent.spec.budget.task_micro_usd)
        if budget is not None
    ]
    cost = f"{min(known) / 1_000_000:.6f}".rstrip("0").rstrip(".") if known else None
    return {"max_output_tokens": None, "max_cost_usd": cost}


def _scope(call: Call) -> Mapping[str, object]:
    task = call.task
    return {"input": task.input_data, "capability": call.capability, "task_id": task.id}
