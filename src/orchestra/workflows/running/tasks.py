"""Tasks for agents, made of what the planner wants called; and what is known after the call."""

import base64
import hashlib
from collections.abc import Mapping
from typing import get_args

from orchestra import tracing
from orchestra.agents import Strategy, Task, TaskResult
from orchestra.store.keys import Tenant
from orchestra.workflows.planning.facts import Record, Work
from orchestra.workflows.planning.planner import Call

_STRATEGIES: dict[str, Strategy] = {name: name for name in get_args(Strategy)}


def task_of(work: Work, call: Call, *, timeout_ms: int, waited_ms: int = 0) -> Task:
    """The task of one attempt, forward or compensating: `timeout_ms` is its own, `waited_ms` what
    it has already used of its `queue_timeout`.
    """
    claim, choice, step = work.claim, call.choice, work.node.step
    undoing = claim.path[0] == "~"
    task_type = step.compensate.task_type if undoing and step.compensate else step.task_type
    assert work.facts.envelope is not None
    return Task(
        id=f"tsk_{claim.execution.removeprefix('exe_')}.{claim.path}.{claim.n}",
        tenant=Tenant(claim.tenant),
        input_data=call.request,
        agent_type=choice.type,
        agent=choice.id,
        capability=choice.capability or task_type,
        version=choice.version,
        labels=choice.labels,
        fallbacks=choice.fallbacks,
        timeout_ms=timeout_ms,
        queue_timeout_ms=max(1, call.queue_timeout_ms - waited_ms),
        key=key_of(claim.execution, claim.path, claim.k),
        attempt=claim.attempt,
        fence=claim.n,
        execution=claim.execution,
        step=claim.path,
        workflow=work.facts.envelope.workflow_id,
        output_schema=None if undoing else step.output_schema,
        hop=work.facts.envelope.hop,
        trace=_trace_of(work),
        strategy=_STRATEGIES.get(choice.strategy or "", "least_load"),
    )


def key_of(execution: str, path: str, logical: int) -> str:
    """The idempotency key of a logical try: `orc-` and 26 base32 characters (ENGINE.md §16)."""
    digest = hashlib.sha256(f"{execution}|{path}|{logical}".encode()).digest()
    return "orc-" + base64.b32encode(digest).decode()[:26].lower()


def call_record(work: Work, call: Call, result: TaskResult | None, ended_ms: int) -> Record:
    """What is known about a step whose agent was called, before its outcome is."""
    made: Record = {
        "input": call.request,
        "attempts": work.claim.attempt,
        "started_ms": work.claim.claimed_ms,
        "ended_ms": ended_ms,
    }
    if call.filled:
        made["filled"] = call.filled
    if result is not None:
        if result.agent_name:
            made |= {"agent": result.agent_name, "agent_id": result.agent_id}
        made["queued_ms"] = result.queue_ms
        if result.degraded:
            made["degraded"] = True
        if result.usage:
            made["usage"] = result.usage
        if result.error is not None or any(_tells(call) for call in result.calls):
            made["calls"] = list(result.calls)
    return made


def _tells(call: Mapping[str, object]) -> bool:
    """Whether a call is worth keeping: there was a choice, or a repeat. One quick call of an agent
    in this process is told by the record itself.
    """
    why = call.get("why")
    return call.get("n") != 1 or (isinstance(why, dict) and "skipped" in why)


def _trace_of(work: Work) -> str:
    """The trace of an attempt: at its span, which has the same id wherever it is made."""
    envelope, claim = work.facts.envelope, work.claim
    assert envelope is not None
    if not tracing.collected():
        return envelope.trace
    above = tracing.read(envelope.trace) or tracing.begun(claim.tenant, claim.execution)
    return above.at(tracing.of_attempt(claim.execution, claim.path, claim.n)).text
