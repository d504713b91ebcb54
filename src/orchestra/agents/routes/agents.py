"""Agents over HTTP: `/api/agents`."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter, SkipValidation

from orchestra.agents import Provider, Status
from orchestra.agents.registry.registry import RevisionMismatch
from orchestra.agents.routes import descriptions
from orchestra.agents.routes.discoverer import Discoverer
from orchestra.agents.routes.plugins import Shelves, shown_plugin
from orchestra.agents.routes.registrar import Registrar, Wanted
from orchestra.agents.routes.showing import Document
from orchestra.agents.tasks.workers import Workers
from orchestra.security import Permission, Principal, requires
from orchestra.store.keys import DEFAULT_TENANT

Caller = NamedDependency[SkipValidation[Principal]]
Agents = NamedDependency[SkipValidation[Registrar]]
Finder = NamedDependency[SkipValidation[Discoverer]]

IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=32)]


class AgentRoutes(Controller):
    """Who can do what, and doing it."""

    path = "/api/agents"
    tags = ("agents",)

    @post(
        "/register",
        status_code=201,
        guards=[requires(Permission.AGENTS_REGISTER)],
        opt=descriptions.REGISTER,
    )
    async def register(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        registrar: Agents,
        workers: NamedDependency[SkipValidation[Workers]],
        if_none_match: IfNoneMatch = None,
    ) -> Response[Document]:
        """Register an agent, or change it: the same name is the same agent."""
        document, written = await registrar.register(
            principal.tenant, await request.body(), new_only=if_none_match == "*"
        )
        if document["provider"] == "pull":
            document["pull"] = await workers.welcome(
                principal.tenant, str(document["id"]), new=written == "new"
            )
        headers = {"Location": f"/api/agents/{document['id']}", "ETag": _etag(document)}
        return Response(document, status_code=201 if written == "new" else 200, headers=headers)

    @post(
        "/discover",
        status_code=200,
        guards=[requires(Permission.AGENTS_REGISTER)],
        opt=descriptions.DISCOVER,
    )
    async def discover(
        self, request: Request[Any, Any, Any], principal: Caller, discoverer: Finder
    ) -> Document:
        """What is behind a URL: agents, tools, models; to be registered, or at once."""
        return await discoverer.discover(principal.tenant, await request.body())

    @get("/", guards=[requires(Permission.AGENTS_READ)], opt=descriptions.LIST)
    async def page(
        self,
        *,
        principal: Caller,
        registrar: Agents,
        agent_type: Annotated[str | None, QueryParameter(name="type")] = None,
        capability: FromQuery[str | None] = None,
        status: FromQuery[Status | None] = None,
        provider: FromQuery[Provider | None] = None,
        label: FromQuery[list[str] | None] = None,
        q: Annotated[
            str, QueryParameter(max_length=200, description="In the name or the description.")
        ] = "",
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> Document:
        """Agents, by registration; `label` is `name` or `name:value`."""
        wanted = Wanted(agent_type, capability, status, provider, tuple(label or ()), q)
        return await registrar.page(principal.tenant, wanted, limit, cursor)

    @get("/types", guards=[requires(Permission.AGENTS_READ)], opt=descriptions.TYPES)
    async def types(self, principal: Caller, registrar: Agents) -> Document:
        """Agent types, and the capabilities their agents declare."""
        return await registrar.types(principal.tenant)

    @get("/{agent_id:str}", guards=[requires(Permission.AGENTS_READ)], opt=descriptions.ONE)
    async def one(
        self, agent_id: FromPath[str], principal: Caller, registrar: Agents, plugins: Shelves
    ) -> Response[Document]:
        """One agent, by id or name. `ETag` is its revision."""
        document = await registrar.one(principal.tenant, agent_id)
        first = principal.tenant == DEFAULT_TENANT
        plugin = plugins.of(str(document["agent_type"])) if first else None
        if plugin is not None and document["provider"] == "python":
            document["plugin"] = shown_plugin(plugin)
        return Response(document, headers={"ETag": _etag(document)})

    @patch(
        "/{agent_id:str}",
        status_code=200,
        guards=[requires(Permission.AGENTS_REGISTER)],
        opt=descriptions.CHANGE,
    )
    async def change(
        self,
        request: Request[Any, Any, Any],
        agent_id: FromPath[str],
        principal: Caller,
        registrar: Agents,
        if_match: IfMatch = None,
    ) -> Response[Document]:
        """Change some of a registration: a JSON merge patch. `If-Match: "n"` guards it (412)."""
        document = await registrar.change(
            principal.tenant, agent_id, await request.body(), _revision(if_match)
        )
        return Response(document, headers={"ETag": _etag(document)})

    @delete(
        "/{agent_id:str}",
        status_code=204,
        guards=[requires(Permission.AGENTS_REGISTER)],
        opt=descriptions.REMOVE,
    )
    async def remove(
        self,
        agent_id: FromPath[str],
        principal: Caller,
        registrar: Agents,
        drain_s: Annotated[int, QueryParameter(ge=0, le=3_600)] = 30,
    ) -> None:
        """Forget an agent. What runs has `drain_s` to end, and gets no company meanwhile."""
        await registrar.remove(principal.tenant, agent_id, drain_s)

    @post(
        "/{agent_id:str}/heartbeat",
        status_code=200,
        guards=[requires(Permission.AGENTS_REGISTER)],
        opt=descriptions.HEARTBEAT,
    )
    async def heartbeat(
        self,
        request: Request[Any, Any, Any],
        agent_id: FromPath[str],
        principal: Caller,
        registrar: Agents,
    ) -> Document:
        """The agent lives. 404: register again."""
        return await registrar.heartbeat(principal.tenant, agent_id, await request.body())

    @post(
        "/{agent_id:str}/drain",
        status_code=200,
        guards=[requires(Permission.AGENTS_OPERATE)],
        opt=descriptions.DRAIN,
    )
    async def drain(
        self, agent_id: FromPath[str], principal: Caller, registrar: Agents
    ) -> Document:
        """No new tasks for the agent; what runs goes on."""
        return await registrar.set_mode(principal.tenant, agent_id, "draining")

    @post(
        "/{agent_id:str}/disable",
        status_code=200,
        guards=[requires(Permission.AGENTS_OPERATE)],
        opt=descriptions.DRAIN,
    )
    async def disable(
        self, agent_id: FromPath[str], principal: Caller, registrar: Agents
    ) -> Document:
        """No tasks and no checks for the agent, until it is enabled; what runs goes on."""
        return await registrar.set_mode(principal.tenant, agent_id, "disabled")

    @post(
        "/{agent_id:str}/enable",
        status_code=200,
        guards=[requires(Permission.AGENTS_OPERATE)],
        opt=descriptions.DRAIN,
    )
    async def enable(
        self, agent_id: FromPath[str], principal: Caller, registrar: Agents
    ) -> Document:
        """The agent gets tasks again."""
        return await registrar.set_mode(principal.tenant, agent_id, "working")


def _etag(document: Document) -> str:
    return f'"{document["revision"]}"'


def _revision(if_match: str | None) -> int | None:
    """The revision in `If-Match: "3"`; None without one, and for `*`. Raises RevisionMismatch."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        raise RevisionMismatch("If-Match names no revision of ours")
    return int(text)
