"""What is known about one agent: what somebody wrote, and what we made of it."""

from typing import Literal

import msgspec

from orchestra.agents import Capability, Provider
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


class HealthCheck(msgspec.Struct, frozen=True):
    """How an agent is asked whether it is well. `path` is only for `http`."""

    path: str = "/healthz"
    interval_s: int = 10
    timeout_ms: int = 2_000


class Budget(msgspec.Struct, frozen=True):
    """The most that may be spent, in millionths of a USD; None is no limit."""

    day_micro_usd: int | None = None
    task_micro_usd: int | None = None


class Price(msgspec.Struct, frozen=True):
    """What a million tokens cost, in millionths of a USD; None: see the price table."""

    input_micro_usd: int | None = None
    output_micro_usd: int | None = None


class HttpReach(msgspec.Struct, frozen=True, omit_defaults=True, tag="http"):
    """Where to post, what, and where in the answer the output is."""

    endpoint: str
    format: Literal["envelope", "input", "template"] = "envelope"
    request_template: object = None
    response_path: str = ""
    later: bool = False
    """`async` in the registration: it may answer 202 and call back."""
    cancel_url: str | None = None


class Prompt(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a capability is put to a model: Jinja2 templates over `input` and `capability`."""

    system: str = ""
    user: str = ""
    version: str = ""
    output_schema: dict[str, object] | None = None


class LlmReach(msgspec.Struct, frozen=True, omit_defaults=True, tag="llm"):
    """A model behind an API. `api` is the format spoken: `chat`, `responses` or `messages`."""

    base_url: str
    api: Literal["chat", "responses", "messages"]
    model: str
    params: dict[str, object] = {}
    prompts: dict[str, Prompt] = {}
    """By capability; `*` is for all others."""
    tools: tuple[str, ...] = ()
    max_tool_rounds: int = 8


class A2AReach(msgspec.Struct, frozen=True, omit_defaults=True, tag="a2a"):
    """An agent that speaks A2A 1.0; None for `binding` takes the card's preferred one."""

    card_url: str
    binding: Literal["HTTP+JSON", "JSONRPC"] | None = None


class McpReach(msgspec.Struct, frozen=True, omit_defaults=True, tag="mcp"):
    """An MCP server; `tools` narrows what is taken of it, empty is all."""

    url: str
    tools: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Only from local configuration, never from a request."""


Reach = HttpReach | LlmReach | A2AReach | McpReach


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
    hedge: bool = False
    heartbeat: Heartbeat = Heartbeat()
    health: HealthCheck = HealthCheck()
    auth: Auth = Auth()
    fallbacks: tuple[str, ...] = ()
    budget: Budget = Budget()
    price: Price = Price()
    reach: Reach | None = None
    """None for `python` and `pull`: nobody is dialled."""
    told: bool = False
    """The agent says itself what it can do: its capabilities follow its card, or its tools."""


Mode = Literal["working", "draining", "disabled"]
"""What people decided. Whoever is not working gets no new tasks."""


class Agent(msgspec.Struct, frozen=True):
    """A registered agent, as this replica last saw it. Identity is (tenant, id)."""

    id: str
    tenant: Tenant
    revision: int
    created_ms: int
    spec: Registration
    mode: Mode = "working"
    since_ms: int = 0
    """Since when it is in this mode."""
    unserved: frozenset[str] = frozenset()
    """Capabilities it declares and the code in this process lacks: never selected."""

    @property
    def draining(self) -> bool:
        """It gets no new tasks, by hand."""
        return self.mode != "working"

    @property
    def storeless(self) -> bool:
        """In this process and without `max_concurrency`: its slots are counted here only."""
        return self.spec.provider == "python" and self.spec.max_concurrency is None

    @property
    def selectable(self) -> bool:
        """Whether it can be picked at all; who is alive is decided at the pick."""
        return self.mode == "working" and not self.untold

    @property
    def untold(self) -> bool:
        """It has still to say what it can do: nobody knows what to ask of it."""
        return self.spec.told and not self.spec.capabilities

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
        return not self.spec.capabilities and not self.spec.told
