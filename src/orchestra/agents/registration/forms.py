"""A registration written down again, as somebody would have to write it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from orchestra.agents import Capability
from orchestra.agents.records import (
    A2AReach,
    Auth,
    HttpReach,
    LlmReach,
    McpReach,
    Prompt,
    Registration,
)

Form = dict[str, object]

MICRO = 1_000_000


def registration_of(spec: Registration) -> Form:
    """The body of a registration that reads as `spec`. Secrets stand in it as references.

    Capabilities that the agent tells of itself are left out: they are not in the registration.
    """
    declared = {"capabilities": [capability_of(one) for one in spec.capabilities]}
    return {
        "name": spec.name,
        "agent_type": spec.agent_type,
        "provider": spec.provider,
        **({} if spec.told else declared),
        "description": spec.description,
        "version": spec.version,
        "labels": spec.labels,
        "metadata": spec.metadata,
        "ephemeral": spec.ephemeral,
        "priority": spec.priority,
        "weight": spec.weight,
        "max_concurrency": spec.max_concurrency,
        "limits": {"rpm": spec.limits.rpm or None, "tpm": spec.limits.tpm or None},
        "timeout_ms": spec.timeout_ms,
        "hedge": spec.hedge,
        "heartbeat": _plain(spec.heartbeat),
        "health": _plain(spec.health),
        "auth": auth_of(spec.auth),
        "fallbacks": list(spec.fallbacks),
        "budget": {
            "usd_per_day": _usd(spec.budget.day_micro_usd),
            "usd_per_task": _usd(spec.budget.task_micro_usd),
        },
        "price": {
            "input_per_mtok": _usd(spec.price.input_micro_usd),
            "output_per_mtok": _usd(spec.price.output_micro_usd),
        },
        **reach_of(spec),
    }


def capability_of(one: Capability) -> Form:
    """Name and types always; the rest only where somebody said something."""
    document: Form = {
        "name": one.name,
        "input_types": list(one.input_types),
        "output_types": list(one.output_types),
    }
    for field in ("description", "input_schema", "output_schema", "idempotent", "timeout_ms"):
        if value := getattr(one, field):
            document[field] = value
    return document


def auth_of(auth: Auth) -> Form:
    """How we prove who we are: the reference to the secret, never the secret."""
    match auth.type:
        case "none":
            return {"type": "none"}
        case "header":
            return {"type": "header", "secret": auth.secret, "header": auth.header}
        case _:
            return {"type": auth.type, "secret": auth.secret}


def reach_of(spec: Registration) -> Form:
    """The provider's own fields."""
    match spec.reach:
        case None:
            return {}
        case HttpReach() as reach:
            return _http(reach)
        case LlmReach() as reach:
            return _llm(reach, openai=spec.provider == "openai")
        case A2AReach() as reach:
            return {"card_url": reach.card_url, "binding": reach.binding}
        case McpReach() as reach:
            return {"url": reach.url, "tools": list(reach.tools)}


def _http(reach: HttpReach) -> Form:
    form: Form = {
        "endpoint": reach.endpoint,
        "format": reach.format,
        "response_path": reach.response_path or None,
        "async": reach.later,
        "cancel_url": reach.cancel_url,
    }
    if reach.format == "template":
        form["request_template"] = reach.request_template
    return form


def _llm(reach: LlmReach, *, openai: bool) -> Form:
    form: Form = {
        "base_url": reach.base_url,
        "model": reach.model,
        "params": reach.params,
        "prompts": {name: _prompt(one) for name, one in reach.prompts.items()},
        "tools": list(reach.tools),
        "max_tool_rounds": reach.max_tool_rounds,
    }
    return form | {"api": reach.api} if openai else form


def _prompt(prompt: Prompt) -> Form:
    return {name: value for name, value in _plain(prompt).items() if value}


def _plain(struct: msgspec.Struct) -> Mapping[str, Any]:
    return msgspec.structs.asdict(struct)


def _usd(micro: int | None) -> float | None:
    return None if micro is None else micro / MICRO
