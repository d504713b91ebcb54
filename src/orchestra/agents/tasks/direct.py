"""Tasks that callers ask for directly: what they may write, and what they are told."""

import hashlib
from base64 import b32encode
from collections.abc import Mapping
from typing import Literal, cast

import msgspec

from orchestra import tracing
from orchestra.agents import (
    NoAgentAvailable,
    PoolSaturated,
    Strategy,
    Task,
    TaskError,
    TaskResult,
)
from orchestra.agents.pools.wishes import STRATEGIES
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.policies import micro_usd
from orchestra.agents.registration.versions import BadRange, matches
from orchestra.errors import (
    Invalid,
    OrchestraError,
    Problem,
    TooMany,
    Unavailable,
)
from orchestra.schemas.judging import fault_of
from orchestra.security import hops
from orchestra.store.keys import Tenant

TIMEOUT_MS = 60_000
TIMEOUT_MAX_MS = 3_600_000
GRACE_S = 0.25
SPILLS = ("failure", "load")
ENVELOPE = frozenset(
    {
        "agent_type", "agent", "capability", "input_data", "version", "labels", "timeout_ms",
        "session_id", "output_schema", "strategy", "spill",
        "budget_usd",
    }
)  # fmt: skip


class InputAmbiguous(Invalid):
    """The input is given twice: as `input_data`, and as fields beside it."""


class InputInvalid(Invalid):
    """The agent refuses its input, or the request is wrong. `findings` say where."""


class RateLimited(TooMany):
    """The agent has a limit, and it is reached. Context: `retry_after_ms`, `attempts`."""


class OutputInvalid(Invalid):
    """The answer does not fit its schema, from nobody who was asked. Context: `attempts`."""


class BudgetExhausted(OrchestraError):
    """The call may cost more than a budget has left, and was not made. Context: `attempts`."""

    status = 402


class AgentFailed(OrchestraError):
    """The agent failed. Context: `attempts`."""

    status = 502


class RetryBudgetExhausted(Unavailable):
    """So much failed lately that nothing is tried again. Context: `attempts`."""


class DeadlineExceeded(OrchestraError):
    """There was no answer in time; the work may have been done. Context: `attempts`."""

    status = 504
    retryable = True


def document_of(task_id: str, capability: str | None, result: TaskResult) -> dict[str, object]:
    """A task that was done, as callers see it."""
    return {
        "task_id": task_id,
        "status": "completed",
        "agent": {
            "id": result.agent_id,
            "name": result.agent_name,
            "version": result.agent_version,
        },
        "degraded": result.degraded,
        "capability": capability,
        "output": result.output,
        "usage": {
            "input_tokens": 0,
            "output_tokens": 0,
            "cost_usd": None,
            "cost_source": "unknown",
        }
        | (result.usage or {}),
        "cached": False,
        "attempts": result.calls,
    }


def read_task(body: object, task_id: str, tenant: Tenant, key: str | None) -> Task:
    """The task in a request body. Raises InputInvalid, InputAmbiguous."""
    if not isinstance(body, dict):
        raise InputInvalid("a task is a JSON object", [Problem("", "type", "must be an object")])
    fields = Fields(cast("Mapping[str, object]", body), "", [])
    beside = {name: value for name, value in fields.body.items() if name not in ENVELOPE}
    if beside and "input_data" in fields.body:
        for name in beside:
            fields.find(name, "input_ambiguous", "move it into input_data")
        raise InputAmbiguous("the input is given twice", fields.findings)
    agent_type, agent, capability = (
        fields.text(name, "", most=64) or None for name in ("agent_type", "agent", "capability")
    )
    if agent_type is None and agent is None and capability is None and not fields.findings:
        fields.find("agent_type", "missing_field", "one of agent_type, agent, capability is needed")
    if agent_type is not None and agent is not None:
        fields.find("agent", "ambiguous_target", "an agent has its type: give one of the two")
    schema = fields.inner("output_schema")
    if schema is not None and (fault := fault_of(schema.body)):
        fields.find("output_schema", "bad_schema", fault)
    timeout_ms = fields.whole("timeout_ms", TIMEOUT_MS, 100, TIMEOUT_MAX_MS)
    task = Task(
        id=task_id,
        tenant=tenant,
        input_data=fields.body.get("input_data", beside),
        agent_type=agent_type,
        agent=agent,
        capability=capability,
        version=_version(fields),
        labels=fields.texts("labels", 64),
        timeout_ms=timeout_ms,
        queue_timeout_ms=timeout_ms,
        key=_key(tenant, key) if key else "",
        session=fields.text("session_id", "", most=256) or None,
        output_schema=dict(schema.body) if schema else None,
        budget_micro_usd=micro_usd(fields, "budget_usd"),
        hop=hops.come_so_far(),
        trace=tracing.text(),
        strategy=_strategy(fields),
        spill=fields.one_of("spill", "failure", SPILLS) == "load",
    )
    if fields.findings:
        raise InputInvalid("the request is wrong", fields.findings)
    return task


REFUSALS: Mapping[str, type[OrchestraError]] = {
    "budget-exhausted": BudgetExhausted,
    "no-agent-available": NoAgentAvailable,
    "retry-budget-exhausted": RetryBudgetExhausted,
    "store-away": Unavailable,
    "pool-saturated": PoolSaturated,
}
"""By the problem that a failure names."""


def refusal_of(result: TaskResult, error: TaskError) -> OrchestraError:
    """The problem that a failed result is over HTTP."""
    context: dict[str, object] = {"attempts": result.calls}
    if error.retry_after_ms is not None:
        context["retry_after_ms"] = error.retry_after_ms
    if error.problem == "input-invalid":
        return InputInvalid(error.message, error.findings, **context)
    if error.code == "output.invalid":
        return OutputInvalid(error.message, (), **context)
    if (kind := REFUSALS.get(error.problem or "")) is not None:
        return kind(error.message, **context)
    match error.code:
        case "timeout.queue":
            return PoolSaturated(error.message, **context)
        case "agent.rate_limited":
            return RateLimited("the agent's limit is reached", **context)
        case "timeout.attempt" | "timeout.heartbeat":
            return DeadlineExceeded("no answer in time", **context)
        case _:
            return AgentFailed("the agent failed", **(context | {"error": told_error(error)}))


def _strategy(fields: Fields) -> Strategy:
    named = fields.one_of("strategy", "least_load", STRATEGIES)
    if named == "affinity" and not fields.has("session_id"):
        fields.find("session_id", "missing_field", "affinity is to a session: name it")
    return next(one for one in STRATEGIES if one == named)


def told_error(error: TaskError) -> dict[str, object]:
    return {"code": error.code, "message": error.message, "retryable": error.retryable}


def _version(fields: Fields) -> str | None:
    version = fields.text("version", "", most=256) or None
    if version is not None:
        try:
            matches("0.0.0", version)
        except BadRange as bad:
            fields.find("version", "format", str(bad))
    return version


def _key(tenant: Tenant, key: str) -> str:
    """The agent's key for the caller's: the same for the same, and no other tenant's."""
    digest = hashlib.sha256(f"{tenant}|{key}".encode()).digest()
    return "orc-" + b32encode(digest).decode().lower()[:26]


class TaskBody(msgspec.Struct, frozen=True):
    """What `execute` takes. Without `input_data`, fields that are none of these are the input."""

    agent_type: str | None = None
    agent: str | None = None
    capability: str | None = None
    input_data: dict[str, object] = {}
    version: str | None = None
    labels: dict[str, str] = {}
    timeout_ms: int = TIMEOUT_MS
    session_id: str | None = None
    output_schema: dict[str, object] | None = None
    budget_usd: float | None = None
    strategy: Strategy = "least_load"
    spill: Literal["failure", "load"] = "failure"
