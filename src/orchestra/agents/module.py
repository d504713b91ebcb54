"""The agents module: wiring and lifetime, and the `Agents` that others ask."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio
import structlog
from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from orchestra.agents import PythonAgent, Task, TaskResult
from orchestra.agents.credentials import SealedCredentials
from orchestra.agents.discovery.asking import Asking
from orchestra.agents.discovery.discover import Discovery
from orchestra.agents.discovery.following import Following
from orchestra.agents.discovery.intake import Intake
from orchestra.agents.discovery.local_servers import commands_in, register_local
from orchestra.agents.discovery.plugins import Plugins
from orchestra.agents.discovery.shelf import OwnShelf, registration_of
from orchestra.agents.health.care import Care
from orchestra.agents.health.sources import AgentSource
from orchestra.agents.health.surveying import AgentSurveyor
from orchestra.agents.llm.costs import Costs
from orchestra.agents.llm.prices import FILE as PRICES_FILE
from orchestra.agents.llm.prices import Prices
from orchestra.agents.llm.provider import LlmProvider
from orchestra.agents.llm.tools import Toolbox
from orchestra.agents.llm.wires import wires
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.budgets import Budgets
from orchestra.agents.pools.roster import ANY
from orchestra.agents.pools.seats import Seats
from orchestra.agents.providers import Emit, Provider
from orchestra.agents.providers.a2a import A2AProvider
from orchestra.agents.providers.a2a_cards import Cards
from orchestra.agents.providers.deadlines import Deadlines
from orchestra.agents.providers.http import HttpProvider
from orchestra.agents.providers.mcp import McpProvider
from orchestra.agents.providers.mcp_programs import Programs
from orchestra.agents.providers.mcp_wire import McpWire
from orchestra.agents.providers.python import PythonProvider
from orchestra.agents.records import Agent, LlmReach
from orchestra.agents.registry.needs import Needs
from orchestra.agents.registry.registry import Registry, TypeIsFixed
from orchestra.agents.routes.agents import AgentRoutes
from orchestra.agents.routes.clinic import Clinic
from orchestra.agents.routes.discoverer import Discoverer
from orchestra.agents.routes.health import AgentHealthRoutes
from orchestra.agents.routes.plugins import PluginRoutes
from orchestra.agents.routes.registrar import Registrar
from orchestra.agents.routes.selection import SelectionRoutes
from orchestra.agents.routes.tasks import TaskRoutes
from orchestra.agents.routes.workers import WorkerRoutes
from orchestra.agents.routing.contracts import Contracts
from orchestra.agents.routing.executor import Executor
from orchestra.agents.routing.hooks import Hooks, Ports, StepEmitter, nobody_looks_at_steps
from orchestra.agents.scrubbing import ScrubbedAndChecked
from orchestra.agents.tasks.elsewhere import Elsewhere
from orchestra.clock import Clock, Ids, Random
from orchestra.errors import Unavailable
from orchestra.security.destinations import policy
from orchestra.security.master_key import master_key_of
from orchestra.security.ourselves import keep_judged, policy_of
from orchestra.security.outbound import Outbound
from orchestra.security.secrets import Secrets
from orchestra.settings import Settings
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

ROUTES = [PluginRoutes, AgentRoutes, AgentHealthRoutes, SelectionRoutes, TaskRoutes, WorkerRoutes]


class AgentsModule:
    """Everything about agents in one replica. A `Module`, and the `Agents` of the others."""

    name = "agents"

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        chance: Random,
        settings: Settings,
        *,
        python_agents: Sequence[PythonAgent] = (),
    ) -> None:
        self._python_agents = tuple(python_agents)
        self._deadlines = Deadlines(clock)
        python = PythonProvider(python_agents, self._deadlines)
        self._settings, self._store, self._clock = settings, store, clock
        self._outbound = Outbound(policy(settings.network_allow))
        self.secrets = Secrets(store, clock, ids, partial(master_key_of, settings))
        self.credentials = SealedCredentials(self.secrets, clock)
        self._balancer = Balancer(store, clock, ids)
        self.registry = Registry(store, clock, ids, self._balancer, python.installed.get)
        self._of_steps: StepEmitter = nobody_looks_at_steps
        self._elsewhere = Elsewhere(store, clock, ids, self._balancer, self.registry, settings)
        later, pull = self._elsewhere.later, self._elsewhere.pull
        self._http = HttpProvider(self._outbound, clock, self.credentials, later)
        self._programs = Programs(commands_in(settings.mcp_servers))
        a2a, mcp, self._asking = self._tellers(clock)
        prices = Prices(clock, settings.data_path / PRICES_FILE)
        llm = self._models(prices, store, clock, ids)
        self._following = Following(store, clock, ids, chance, self.registry)
        providers = _providers((a2a, mcp, llm, self._http)) | {"python": python, "pull": pull}
        self.care = Care(store, self.registry, self._balancer, providers, (clock, chance))
        seats = Seats(settings.slots_max)
        self.surveyor = AgentSurveyor(self.registry, self.care.health, seats, clock)
        self._executor = Executor(
            self.registry,
            self._balancer,
            seats,
            providers,
            Ports(clock, chance),
            Hooks(
                self._emitter,
                record=self.care.performance.record,
                prices=prices.together,
                contracts=Contracts(python.found),
            ),
        )
        self.happenings = AgentSource(store, self.registry, self._balancer)
        self._needs = Needs(self.registry, python.installed)
        self._installed = python.installed
        shelf = OwnShelf(python, self.registry, self.care.events.tell)
        self.plugins = Plugins(settings.plugins, shelf, clock)
        intake = Intake(self._outbound, python.found, self._asking, self.secrets.known)
        self._registrar = Registrar(self.registry, self.care.health, intake, clock)
        self._clinic = Clinic(self._registrar, self.care, clock)
        discovery = Discovery(self._outbound, self.credentials, self._asking)
        self._discoverer = Discoverer(discovery, self._registrar, self._outbound)
        self._desk = self._elsewhere.desk(self._executor)
        self.routes: Sequence[ControllerRouterHandler] = (self._router(),)
        self.execute = self._executor.execute
        self.saturated = self._executor.saturated
        self.needs = self._needs.needs

    def show_steps(self, emitter: StepEmitter) -> None:
        """From now on what steps of workflows say is told there."""
        self._of_steps = emitter

    def _emitter(self, task: Task, n: int) -> Emit | None:
        if task.execution and task.step:
            return self._of_steps(task.tenant, task.execution, task.step, task.attempt)
        return self._elsewhere.live.emitter(task.tenant, task.id, n)

    def _tellers(self, clock: Clock) -> tuple[A2AProvider, McpProvider, Asking]:
        """What calls agents that say themselves what they can do, and what asks them."""
        cards = Cards(self._outbound, clock, self.credentials)
        wire = McpWire(self._outbound, self.credentials, self._programs)
        a2a = A2AProvider(self._outbound, clock, self.credentials, cards)
        return a2a, McpProvider(wire), Asking(cards, wire, self.registry.roster)

    def _models(self, prices: Prices, store: Store, clock: Clock, ids: Ids) -> LlmProvider:
        """What calls language models; their tools are agents, by name."""
        tools = Toolbox(self._named, self._run_tool)
        per_day = self._settings.budget_usd_per_day
        micro = None if per_day is None else per_day * 1_000_000
        costs = Costs(prices, Budgets(store, clock, ids, micro, self._tell))
        return LlmProvider(wires(self._outbound, clock), self.credentials, costs, tools, clock)

    async def _tell(
        self, tenant: Tenant, kind: str, agent: str, data: Mapping[str, object]
    ) -> None:
        await self.care.events.tell(tenant, kind, agent, data)

    def _router(self) -> Router:
        """The routes, with what they ask."""
        registrar, desk, discoverer = self._registrar, self._desk, self._discoverer
        explainer, workers = self._executor.explainer, self._elsewhere.workers
        clinic, plugins = self._clinic, self.plugins
        return Router(
            "/",
            route_handlers=ROUTES,
            dependencies={
                "plugins": Provide(lambda: plugins, sync_to_thread=False),
                "clinic": Provide(lambda: clinic, sync_to_thread=False),
                "registrar": Provide(lambda: registrar, sync_to_thread=False),
                "desk": Provide(lambda: desk, sync_to_thread=False),
                "explainer": Provide(lambda: explainer, sync_to_thread=False),
                "workers": Provide(lambda: workers, sync_to_thread=False),
                "discoverer": Provide(lambda: discoverer, sync_to_thread=False),
            },
        )

    def _named(self, tenant: Tenant, name: str) -> Agent | None:
        """The agent of that name, for models that name it as a tool."""
        return self.registry.roster(tenant).by_name.get(name)

    async def _run_tool(self, task: Task) -> TaskResult:
        return await self._executor.execute(task)

    def in_process(self, agent_type: str) -> bool:
        """Whether agents of this type are functions of this process."""
        return agent_type in self._installed

    def known_types(self, tenant: Tenant) -> frozenset[str]:
        """Agent types registered, by this replica's last look."""
        return self.registry.roster(tenant).types

    async def statuses(self, tenant: Tenant) -> list[str]:
        """How the agents of a tenant are now. Raises StoreAway."""
        agents = self.registry.roster(tenant).by_id.values()
        return list((await self.care.health.statuses(agents)).values())

    async def models(self, tenant: Tenant) -> dict[str, str]:
        """By name of an agent: the model it asks, if it asks one."""
        specs = [one.spec for one in self.registry.roster(tenant).by_id.values()]
        return {one.name: one.reach.model for one in specs if isinstance(one.reach, LlmReach)}

    def all_types(self) -> frozenset[str]:
        """Agent types of all tenants, by this replica's last look."""
        return frozenset(name for roster in self.registry.rosters for name in roster.types)

    def runs_inside(self, tenant: Tenant, agent_type: str) -> bool:
        """Whether agents of this type are functions of the processes that have agents."""
        pool = self.registry.roster(tenant).pools.get(agent_type)
        agents = pool.choices[ANY].agents if pool else ()
        return any(agent.spec.provider == "python" for agent in agents)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Registers the agents of this process, and looks after the registry, slots, deadlines."""
        self._outbound.adopt(await policy_of(self._settings, self._store.servers))
        await self._register_installed()
        await register_local(self._programs.commands, self.registry, self._asking)
        await self.plugins.load()
        async with anyio.create_task_group() as group:
            group.start_soon(self._deadlines.serve)
            group.start_soon(self._http.serve)
            group.start_soon(self._keep_judged)
            group.start_soon(self._balancer.serve)
            group.start_soon(self.registry.serve)
            group.start_soon(self._programs.serve)
            group.start_soon(self._following.serve, self._asking)
            group.start_soon(self.plugins.serve)
            group.start_soon(self._elsewhere.serve)
            group.start_soon(self.care.serve)
            group.start_soon(self.surveyor.serve, self._executor.tell)
            group.start_soon(self._desk.runs.serve)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                await self.care.leave()
                await self._balancer.leave()
                await self._outbound.aclose()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """For a process whose agents are elsewhere: who there is, kept fresh."""
        await self.registry.refresh()
        async with anyio.create_task_group() as group:
            group.start_soon(self.registry.serve)
            yield
            group.cancel_scope.cancel()

    async def _keep_judged(self) -> None:
        await keep_judged(self._outbound, self._settings, lambda: self._store.servers, self._clock)

    async def quiesce(self) -> None:
        """Polls end at once. Calls in flight end with their callers."""
        self._elsewhere.close()
        await self._desk.runs.idle()

    async def check(self) -> None:
        """Raises Unavailable until the registry was read once."""
        if not self.registry.read:
            raise Unavailable("the agents are not known yet")

    async def _register_installed(self) -> None:
        for agent in self._python_agents:
            try:
                await self.registry.register(keys.DEFAULT_TENANT, registration_of(agent))
            except TypeIsFixed:
                log.warning("agent.name_taken", name=agent.name, agent_type=agent.agent_type)
        await self.registry.refresh()


def _providers(
    dialled: tuple[A2AProvider, McpProvider, LlmProvider, HttpProvider],
) -> dict[str, Provider]:
    """Those that dial agents, by the word of registrations. Their answers show no secret."""
    a2a, mcp, llm, http = dialled
    return {
        "http": ScrubbedAndChecked(http, http),
        "a2a": ScrubbedAndChecked(a2a, a2a),
        "mcp": ScrubbedAndChecked(mcp, mcp),
        "openai": ScrubbedAndChecked(llm, llm),
        "anthropic": ScrubbedAndChecked(llm, llm),
    }
