"""`POST /api/agents/select`: who would do a task, and why."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Meta

from orchestra.agents import AgentTypeUnknown, AgentUnknown, NoSuchCapability, Strategy
from orchestra.agents.routing.explaining import Explainer
from orchestra.agents.tasks.direct import InputAmbiguous, InputInvalid, TaskBody, read_task
from orchestra.described import Answer, described
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import JSON_REFUSALS, loads
from orchestra.store.failures import StoreAway

NO_TASK = "tsk_0"

Reason = Literal[
    "free", "half_open", "full", "cooling", "down", "stale", "rate_limited", "incapable",
    "version", "label", "not_named", "draining", "disabled", "waiting", "unknown_to_pool",
]  # fmt: skip


class AgentStands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one agent stands. Eligible are `free` and `half_open`, whose next task is a probe."""

    id: str
    agent: str
    agent_type: str
    eligible: bool
    reason: Reason
    tier: Annotated[int, Meta(description="Its priority: lower ones are picked first.")]
    in_flight: int
    max: Annotated[int | None, Meta(description="null: no limit.")]
    latency_ms: int
    gate_ms: Annotated[int, Meta(description="Until it may be asked again; 0: now.")]


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every agent of the pools in question, in the order of the pick."""

    strategy: Strategy
    capability: str | None
    chosen: Annotated[str | None, Meta(description="Whom a pick would take now; null: nobody.")]
    eligible: int
    retry_after_ms: Annotated[
        int | None, Meta(description="Until the first gate opens, when nobody can be picked.")
    ]
    agents: tuple[AgentStands, ...]


SELECT: Final = described(
    {200: Answer("How everybody stands; no slot is taken.", [Selection])},
    refusals=[
        *JSON_REFUSALS, AgentTypeUnknown, AgentUnknown, NoSuchCapability, InputAmbiguous,
        InputInvalid, StoreAway,
    ],
    body=TaskBody,
    examples={
        "who would": {"agent_type": "text_processor", "capability": "sentiment_analysis"},
        "by price": {"agent_type": "writer", "strategy": "cheapest"},
    },
)  # fmt: skip


class SelectionRoutes(Controller):
    """Why this agent."""

    path = "/api/agents"
    tags = ("agents",)

    @post("/select", status_code=200, guards=[requires(Permission.AGENTS_READ)], opt=SELECT)
    async def select(
        self,
        request: Request[Any, Any, Any],
        principal: NamedDependency[SkipValidation[Principal]],
        explainer: NamedDependency[SkipValidation[Explainer]],
    ) -> dict[str, object]:
        """Who would do this task now, and why the others would not. Takes no slot."""
        task = read_task(loads(await request.body()), NO_TASK, principal.tenant, None)
        return await explainer.explain(task)
