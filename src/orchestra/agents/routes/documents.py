"""Bodies and answers of the agents routes, as the description of the API shows them.

Bodies are read by `registration` and `direct`, answers are plain dicts;
`tests/integration/test_described.py` holds what is really sent against these shapes.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Count = Annotated[int, Meta(ge=0)]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class Doer(Closed, frozen=True):
    """The agent that did it."""

    id: str
    name: str
    version: str


class TaskUsage(msgspec.Struct, frozen=True):
    """Tokens and cost, as far as the agent told; it may tell more."""

    input_tokens: Count
    output_tokens: Count
    cost_usd: float | None
    cost_source: str | UnsetType = UNSET


class CallShown(msgspec.Struct, frozen=True):
    """One call to one agent. Its provider may tell more: what it knows of the answer."""

    n: int
    agent: str
    queue_ms: Count
    duration_ms: Count
    outcome: Literal["ok", "failed", "unknown", "cancelled"]
    error: dict[str, str] | None
    why: Annotated[dict[str, Any], Meta(description="Why this agent was picked.")]
    incomplete: Annotated[bool | UnsetType, Meta(description="Cut off at a limit.")] = UNSET
    model: Annotated[str | UnsetType, Meta(description="Of models: which one answered.")] = UNSET
    response_id: str | UnsetType = UNSET
    finish_reason: str | UnsetType = UNSET
    ttft_ms: Annotated[Count | UnsetType, Meta(description="Until the first token.")] = UNSET
    prompt_version: str | UnsetType = UNSET
    repaired: Annotated[bool | UnsetType, Meta(description="Asked for once more.")] = UNSET
    tools: Annotated[list[dict[str, Any]] | UnsetType, Meta(description="That it used.")] = UNSET


class TaskDone(Closed, frozen=True):
    """A task that was done."""

    task_id: Annotated[str, Meta(examples=["tsk_019ab12e-5b21-7d44-93ab-2c7f6e1d0845"])]
    status: Literal["completed"]
    agent: Doer
    degraded: Annotated[bool, Meta(description="Not by the best agent.")]
    capability: str | None
    output: Annotated[Any, Meta(description="JSON, as the agent gave it.")]
    usage: TaskUsage
    cached: bool
    attempts: tuple[CallShown, ...]
    created_at: Instant | UnsetType = UNSET
