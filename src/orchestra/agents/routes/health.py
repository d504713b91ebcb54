"""How agents are, over HTTP: health, events, performance, a check, a test."""

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from orchestra.agents.routes import descriptions_health as descriptions
from orchestra.agents.routes.clinic import Clinic
from orchestra.agents.routes.showing import Document
from orchestra.agents.tasks.desk import Asked, Desk
from orchestra.security import Permission, Principal, requires

Caller = NamedDependency[SkipValidation[Principal]]
Patients = NamedDependency[SkipValidation[Clinic]]
Tasks = NamedDependency[SkipValidation[Desk]]

TEST_S = 3_600.0
"""A test is waited for until its own timeout."""


class AgentHealthRoutes(Controller):
    """Whether agents are well, and what they did."""

    path = "/api/agents"
    tags = ("agents",)

    @get(
        "/{agent_id:str}/health",
        guards=[requires(Permission.AGENTS_READ)],
        opt=descriptions.HEALTH,
    )
    async def health(
        self, agent_id: FromPath[str], principal: Caller, clinic: Patients
    ) -> Document:
        """How the agent is, since when, and why, in words."""
        return await clinic.health(principal.tenant, agent_id)

    @get(
        "/{agent_id:str}/events",
        guards=[requires(Permission.AGENTS_READ)],
        opt=descriptions.EVENTS,
    )
    async def events(
        self,
        agent_id: FromPath[str],
        principal: Caller,
        clinic: Patients,
        after: Annotated[str | None, QueryParameter(max_length=128)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> Document:
        """What happened to the agent: the latest, or what came after a cursor; oldest first."""
        return await clinic.events(principal.tenant, agent_id, after, limit)

    @get(
        "/{agent_id:str}/performance",
        guards=[requires(Permission.AGENTS_READ)],
        opt=descriptions.PERFORMANCE,
    )
    async def performance(
        self,
        agent_id: FromPath[str],
        principal: Caller,
        clinic: Patients,
        window: Annotated[str, QueryParameter(max_length=8)] = "1h",
    ) -> Document:
        """What the agent did in a window of 1m to 24h: tasks, success, percentiles, cost."""
        return await clinic.performance(principal.tenant, agent_id, window)

    @post(
        "/{agent_id:str}/check",
        status_code=200,
        guards=[requires(Permission.AGENTS_OPERATE)],
        opt=descriptions.CHECK,
    )
    async def check(self, agent_id: FromPath[str], principal: Caller, clinic: Patients) -> Document:
        """Ask the agent now whether it is well, where asking is free."""
        return await clinic.check(principal.tenant, agent_id)

    @post(
        "/{agent_id:str}/test",
        status_code=200,
        guards=[requires(Permission.AGENTS_EXECUTE)],
        opt=descriptions.TEST,
    )
    async def test(
        self,
        request: Request[Any, Any, Any],
        agent_id: FromPath[str],
        principal: Caller,
        clinic: Patients,
        desk: Tasks,
    ) -> Document:
        """Have this very agent do one real task: it may cost money. Nobody else does it instead."""
        body = await clinic.as_task(principal.tenant, agent_id, await request.body())
        told = await desk.execute(Asked(principal.tenant, body, wait_s=TEST_S))
        return told.document | {"test": True}
