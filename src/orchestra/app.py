"""The composition root: builds the parts in order and says how long they live.

Nothing else imports a module's inside. Order: store, keys, agents, workflows, routes.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from orchestra.agents import Agents, PythonAgent
from orchestra.agents.module import AgentsModule
from orchestra.agents.remote import RemoteAgents, serve_agents
from orchestra.assets import Assets, folder
from orchestra.bus.limits import limits_of
from orchestra.bus.module import BusModule
from orchestra.bus.requests.module import RequestsModule
from orchestra.bus.webhooks.matching import WorkflowOf
from orchestra.bus.webhooks.wiring import Needs
from orchestra.clock import Clock, Ids, Random, SystemClock, system_random
from orchestra.connectors.builtin import BUILT_IN
from orchestra.dashboard import Web
from orchestra.dashboard.module import DashboardModule
from orchestra.errors import NotFound
from orchestra.health import Check, Health
from orchestra.module import Module, run_modules
from orchestra.monitoring import Part
from orchestra.monitoring.alerts.wiring import source as alert_source
from orchestra.monitoring.module import MonitoringModule
from orchestra.monitoring.requests import Measured
from orchestra.openapi import documentation
from orchestra.otel.module import collecting
from orchestra.problems import handlers
from orchestra.processes.split import Doors, split
from orchestra.security import Principal, principal_of
from orchestra.security.declarations import declarations
from orchestra.security.first_key import ensure_first_key, pepper_of
from orchestra.security.gateway import Gateway, Policy
from orchestra.security.hardened import StrictRequest
from orchestra.security.keys import KeyRing
from orchestra.security.local_trust import (
    LOCAL_NAMES,
    Address,
    Mode,
    Start,
    host_name,
    is_loopback,
    is_private,
    owners_are_known,
    resolve,
)
from orchestra.security.master_key import master_key_of
from orchestra.security.request_spans import Traced
from orchestra.security.secret_routes import SecretsModule
from orchestra.security.secrets import Secrets
from orchestra.security.sessions import Sessions
from orchestra.settings import MODULES, Settings
from orchestra.store.client import Store
from orchestra.store.durability import Durability
from orchestra.store.keys import Tenant
from orchestra.store.opening import StoreOptions, open_store
from orchestra.watching import Watched, post_of, watching_of
from orchestra.workflows.expressions.filters import EventFilters
from orchestra.workflows.module import WorkflowsModule

log = structlog.get_logger(__name__)


class Ports(msgspec.Struct, frozen=True):
    """Time, identity and chance: the machine's, or a simulation's."""

    clock: Clock
    chance: Random
    ids: Ids

    @classmethod
    def of_the_machine(cls) -> "Ports":
        """The real ones."""
        clock, chance = SystemClock(), system_random()
        return cls(clock, chance, Ids(clock, chance))


class Stage(msgspec.Struct, frozen=True):
    """What answers requests before the parts are there: probes, and 503 for the rest."""

    gateway: Gateway
    health: Health
    mode: Mode
    reason: str
    ports: Ports


class Running(msgspec.Struct, frozen=True):
    """The parts are up."""

    store: Store
    app: Litestar
    modules: Sequence[Module]

    @property
    def durability(self) -> Durability:
        """What the store promises."""
        return self.store.durability


BuildModules = Callable[[Settings, Store, Ports], Sequence[Module]]


def build_modules(
    settings: Settings, store: Store, ports: Ports, *, python_agents: Sequence[PythonAgent] = ()
) -> Sequence[Module]:
    """The modules of the product, in the order in which they start.

    Each is made, also one that runs elsewhere: it is what its routes look like, and reads the store
    for the others. `python_agents` live in this process beside the built-in ones.
    """
    requests = RequestsModule(
        store, ports.clock, ports.chance, settings.runs, settings.drain_s,
        round_trip=settings.log_level == "debug",
    )  # fmt: skip
    post = post_of(settings, store, ports.clock)
    installed = (*BUILT_IN, *post.agents, *python_agents)
    agents = AgentsModule(
        store, ports.clock, ports.ids, ports.chance, settings, python_agents=installed
    )
    if "agents" in settings.runs:
        asked: Agents = agents
        serve_agents(requests, agents)
    else:
        asked = RemoteAgents(agents, requests)
    workflows = WorkflowsModule(store, asked, ports.clock, ports.ids, ports.chance, settings)
    sources = (workflows.journal, agents.happenings, alert_source(store))
    of_bus = (ports.clock, ports.ids, ports.chance)
    needs = Needs(
        agents.secrets, EventFilters(), settings, workflow_of(workflows), workflows.trace_of
    )
    limits = limits_of(settings)
    bus = BusModule(store, sources, of_bus, settings.drain_s, needs, limits=limits)
    agents.show_steps(bus.step_emitter)
    if "workflows" in settings.runs:
        workflows.listen(bus)
    checks: dict[str, Check] = {"store": store.check}
    watching: Sequence[Part] = ()
    if settings.monitoring == "on":
        beside = Watched(workflows, agents, bus, post, checks)
        watching = watching_of(settings, store, beside, (ports.clock, ports.ids))
    # The first to start is the last to stop: it gathers what the others log at their end.
    everywhere = (MonitoringModule(watching), requests, SecretsModule(agents.secrets))
    parts = split(everywhere, (agents, workflows, bus), settings, ports.clock)
    web = Web(Assets(folder("static")).url, folder("templates"), settings.store_patience_s)
    parts = (*parts, DashboardModule(web, bus.live, store, ports.clock, ports.ids))
    for part in parts:
        if part.name in MODULES:  # as it is here: itself, or what stands for it
            checks[{"bus": "communication"}.get(part.name, part.name)] = part.check
    return (*collecting(settings, ports.clock, ports.chance), *parts)


def prepare(settings: Settings, listeners: Sequence[Address | str], ports: Ports) -> Stage:
    """Decide the mode, once and for all, from the sockets that are open."""
    public = urlsplit(settings.public_url or "")
    mode, reason = resolve(
        Start(
            setting=settings.auth_mode,
            listeners=listeners,
            store_is_private=is_private(settings.store_url),
            public_names=bool(settings.public_url or settings.allowed_hosts),
            trusted_proxies=bool(settings.trusted_proxies),
            tls=public.scheme == "https",
        )
    )
    health = Health(ports.clock)
    gateway = Gateway(health.waiting, ports.clock, ports.chance)
    named = (host_name(host.encode()) for host in (*settings.allowed_hosts, public.netloc))
    gateway.policy = Policy(
        mode=mode,
        hosts=LOCAL_NAMES | {name for name in named if name},
        body_max_bytes=settings.body_max_bytes,
        tls=public.scheme == "https",
        proxies=tuple(settings.trusted_proxies),
    )
    log.info("auth.mode_resolved", mode=mode, reason=reason)
    if mode == "developer" and not owners_are_known():
        log.warning("auth.local_users_trusted", reason="this system does not tell who connects")
    beyond = any(isinstance(one, str) or not is_loopback(one[0]) for one in listeners)
    if beyond and public.scheme != "https" and not settings.trusted_proxies:
        log.warning("auth.transport_open", reason="keys cross the network unencrypted: use TLS")
    return Stage(gateway, health, mode, reason, ports)


@asynccontextmanager
async def running(
    settings: Settings, stage: Stage, build: BuildModules = build_modules
) -> AsyncIterator[Running]:
    """Everything up for the duration of the block; requests pass once it is entered.

    Raises what refuses a start: Unfit, KeyMissing, RouteUndeclared, StoreAway.
    """
    ports = stage.ports
    async with open_store(store_options(settings), ports.clock, ports.chance) as store:
        pepper = await pepper_of(settings, store)
        ring = KeyRing(store, ports.clock, pepper)
        if stage.mode == "required":
            await ensure_first_key(settings, ring)
        modules = build(settings, store, ports)
        app = application(modules, stage, settings)
        for doors in (one for one in modules if isinstance(one, Doors)):
            doors.begin(app, pepper, stage.mode)
            stage.health.processes = doors.processes
        stage.gateway.verifier = ring
        for pages in (one for one in modules if isinstance(one, DashboardModule)):
            pages.begin(app, Sessions(store, ring, ports.clock, pepper), stage.gateway)
        stage.health.durability, stage.health.store = store.durability, store.shown
        stage.health.checks = {"store": store.check} | {one.name: one.check for one in modules}
        async with run_modules(modules):
            if settings.monitoring == "on":
                stage.gateway.measure = Measured()
            stage.gateway.application = Traced(app) if settings.otel_endpoint else app
            stage.health.phase = "ready"
            yield Running(store, app, modules)


@asynccontextmanager
async def key_ring(settings: Settings) -> AsyncIterator[KeyRing]:
    """The keys in the store, without a server: for the command line. Raises as `running`."""
    ports = Ports.of_the_machine()
    async with open_store(store_options(settings), ports.clock, ports.chance) as store:
        # A key made with another master key than the servers have would open nothing there.
        master = partial(master_key_of, settings)
        await Secrets(store, ports.clock, ports.ids, master).check_master_key()
        yield KeyRing(store, ports.clock, await pepper_of(settings, store))


def application(modules: Sequence[Module], stage: Stage, settings: Settings) -> Litestar:
    """The routes of all modules, the probes, the documentation, static files.

    Raises RouteUndeclared unless each says who may call it.
    """
    assets = Assets(folder("static"))
    routes: list[ControllerRouterHandler] = [route for one in modules for route in one.routes]
    dependencies = {"principal": Provide(_principal, sync_to_thread=False)}
    app = Litestar(
        [
            *routes,
            *stage.health.routes(),
            *assets.routes(),
            *documentation(assets, routes, dependencies),
        ],
        dependencies=dependencies,
        exception_handlers=handlers(),
        request_class=StrictRequest,
        request_max_body_size=settings.body_max_bytes,
        openapi_config=None,
        logging_config=None,
    )
    declarations(app)
    return app


def _principal(request: Request[Any, Any, Any]) -> Principal:
    return principal_of(request)


def workflow_of(workflows: WorkflowsModule) -> WorkflowOf:
    """Which workflow an execution is of: what webhooks for one workflow ask."""

    async def found(tenant: Tenant, execution: str) -> str | None:
        try:
            status = await workflows.executions.status(tenant, execution)
        except NotFound:
            return None
        return str(status.get("workflow_id"))

    return found


def store_options(settings: Settings) -> StoreOptions:
    """The store the settings name."""
    return StoreOptions(
        url=settings.store_url,
        directory=settings.data_path,
        space=settings.store_space,
        partitions=settings.partitions,
        durability=settings.durability,
        allow_weaker=settings.allow_weaker_durability,
        patience_s=settings.store_patience_s,
    )
