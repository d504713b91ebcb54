"""What is known about one agent: what somebody wrote, and what we made of it."""

from typing import Literal

import msgspec

from orchestra.agents import Capability, Provider, Status
from orchestra.instants import instant
from orchestra.store.keys import Tenant


class Limits(msgspec.Struct, frozen=True):
    """Requests and tokens per minute; 0 is no limit."""

    rpm: int = 0
    tpm: int = 0


class Heartbeat(msgspec.Struct, frozen=True):
    """`push`: the agent says every `interval_s` that it lives; late at `ttl_s`, it is stale."""

    mode: Literal["none", "push"] = "none"
    interval_s: int = 10
    ttl_s: int = 30


class Auth(msgspec.Struct, frozen=True):
    """How we prove who we are to the agent. `secret` names a secret, it never holds one."""

    type: Literal["none", "bearer", "header", "basic", "hmac"] = "none"
    secret: str = ""
    header: str = "X-Api-Key"


class Registration(msgspec.Struct, frozen=True, omit_defaults=True):
    """A registration with its defaults filled in and its provider decided."""

    name: str
    agent_type: str
    provider: Provider
    capabilities: tuple[Capability, ...] = ()
    description: str = ""
    version: str = "0.0.0"
    labels: dict[str, str] = {}
    metadata: dict[str, object] = {}
    ephemeral: bool = False
    priority: int = 8
    weight: int = 1
    max_concurrency: int | None = None
    limits: Limits = Limits()
    timeout_ms: int | None = None
    heartbeat: Heartbeat = Heartbeat()
    auth: Auth = Auth()
    endpoint: str = ""
    format: Literal["envelope", "input", "template"] = "envelope"
    request_template: object = None
    response_path: str = ""


class Agent(msgspec.Struct, frozen=True):
    """A registered agent, as this replica last saw it. Identity is (tenant, id)."""

    id: str
    tenant: Tenant
    revision: int
    created_ms: int
    spec: Registration
    draining: bool = False
    unserved: frozenset[str] = frozenset()
    """Capabilities it declares and the code in this process lacks: never selected."""

    @property
    def storeless(self) -> bool:
        """In this process and without `max_concurrency`: its slots are counted here only."""
        return self.spec.provider == "python" and self.spec.max_concurrency is None

    @property
    def selectable(self) -> bool:
        """Whether it can be picked at all; who is alive is decided at the pick."""
        return not self.draining and self.spec.provider != "pull"

    @property
    def offers(self) -> frozenset[str]:
        """Names of the capabilities it can be picked for."""
        return frozenset(one.name for one in self.spec.capabilities) - self.unserved

    def limit_ms(self, capability: str | None) -> int | None:
        """The longest a call may take, as the capability or the agent says; None: no limit."""
        for one in self.spec.capabilities:
            if one.name == capability and one.timeout_ms is not None:
                return one.timeout_ms
        return self.spec.timeout_ms

    @property
    def anything(self) -> bool:
        """It declares no capability at all, so it may be asked for any."""
        return not self.spec.capabilities


def shown(agent: Agent, status: Status) -> dict[str, object]:
    """One agent as callers see it."""
    spec = agent.spec
    document: dict[str, object] = {
        "id": agent.id,
        "name": spec.name,
        "agent_type": spec.agent_type,
        "provider": spec.provider,
        "status": status,
        "revision": agent.revision,
        "priority": spec.priority,
        "weight": spec.weight,
        "max_concurrency": spec.max_concurrency,
        "capabilities": [shown_capability(one) for one in spec.capabilities],
        "description": spec.description,
        "version": spec.version,
        "labels": spec.labels,
        "metadata": spec.metadata,
        "registered_at": instant(agent.created_ms),
        "heartbeat": shown_heartbeat(spec.heartbeat),
        "links": links(agent),
    }
    if spec.endpoint:
        document |= {"endpoint": spec.endpoint, "format": spec.format}
    if spec.timeout_ms is not None:
        document["timeout_ms"] = spec.timeout_ms
    return document


def shown_capability(one: Capability) -> dict[str, object]:
    """Name and types always; the rest only where somebody said something."""
    document: dict[str, object] = {
        "name": one.name,
        "input_types": one.input_types,
        "output_types": one.output_types,
    }
    for field in ("description", "input_schema", "output_schema", "idempotent", "timeout_ms"):
        if value := getattr(one, field):
            document[field] = value
    return document


def shown_heartbeat(heartbeat: Heartbeat) -> dict[str, object]:
    """`{"mode": "none"}`, or what the agent has to do."""
    if heartbeat.mode == "none":
        return {"mode": "none"}
    return {
        "mode": "push",
        "interval_s": heartbeat.interval_s,
        "ttl_s": heartbeat.ttl_s,
    }


def links(agent: Agent) -> dict[str, str]:
    """Where to go from here."""
    links = {"self": f"/api/agents/{agent.id}", "execute": "/api/agents/execute"}
    if agent.spec.heartbeat.mode == "push":
        links["heartbeat"] = f"/api/agents/{agent.id}/heartbeat"
    return links
