"""Registrations and agents, as the description of the API shows them.

Bodies are read by `registration`, answers are plain dicts made by `showing`.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from orchestra.agents import Capability, Provider, Status
from orchestra.agents.records import Auth, HealthCheck, Heartbeat
from orchestra.agents.routes.documents import Closed, Instant
from orchestra.agents.routes.plugins import PluginShown

Labels = Annotated[dict[str, str], Meta(description="At most 64.")]
TimeoutMs = Annotated[int, Meta(ge=100, le=3_600_000)]
Usd = Annotated[float, Meta(ge=0, le=1_000_000)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests and tokens a minute; null is no limit."""

    rpm: int | None = None
    tpm: int | None = None


class BudgetIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that may be spent, in USD; null is no limit."""

    usd_per_day: Usd | None = None
    usd_per_task: Usd | None = None


class PriceIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """USD for a million tokens; null: see the price table."""

    input_per_mtok: Usd | None = None
    output_per_mtok: Usd | None = None


class PromptIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a capability is put to a model: Jinja2 templates over `input` and `capability`."""

    system: str | None = ""
    user: str | None = ""
    version: str | None = ""
    output_schema: dict[str, Any] | None = None


class Register(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"async_": "async"},
):
    """A registration. `name`, `agent_type` and `capabilities` are all that is required; agents of
    `a2a` and `mcp` tell their capabilities themselves.

    Without `endpoint` and `provider` it is a `python` agent where the code of its type is
    installed, else a `pull` agent. `null` stands for the default everywhere.
    """

    name: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$")]
    agent_type: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    capabilities: Annotated[
        tuple[Capability | str, ...] | UnsetType,
        Meta(description="At most 64. A string is a name. `a2a` and `mcp` tell them themselves."),
    ] = UNSET
    provider: Provider | None = None
    description: Annotated[str, Meta(max_length=4_096)] | None = ""
    version: Annotated[str, Meta(max_length=128)] | None = "0.0.0"
    labels: Labels | None = {}
    metadata: dict[str, Any] | None = {}
    ephemeral: bool | None = False
    priority: Annotated[
        Annotated[int, Meta(ge=0, le=15)] | None,
        Meta(description="Lower first. Default: 8; of installed code, as the code says."),
    ] = None
    weight: Annotated[int, Meta(ge=1, le=100)] | None = 1
    max_concurrency: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description="Default: 8; of `python`, as the code says."),
    ] = None
    limits: Limits | None = None
    timeout_ms: TimeoutMs | None = None
    heartbeat: Heartbeat | None = None
    health: HealthCheck | None = None
    auth: Auth | None = None
    hedge: Annotated[
        bool | None, Meta(description="A second agent may be asked when this one is slow.")
    ] = False
    fallbacks: Annotated[
        tuple[str, ...] | None,
        Meta(description="At most 3: `agent:<name>` or `type:<type>`."),
    ] = ()
    budget: BudgetIn | None = None
    price: PriceIn | None = None
    endpoint: Annotated[str | None, Meta(description="Of `http`: where tasks are posted.")] = None
    format: Annotated[
        Literal["envelope", "input", "template"] | None, Meta(description="Of `http`.")
    ] = None
    request_template: Annotated[Any, Meta(description="Of `http`, for format `template`.")] = None
    response_path: Annotated[
        str | None, Meta(description="Of `http`: where in the answer the output is.")
    ] = None
    async_: Annotated[
        bool | None, Meta(description="Of `http`: it may answer 202 and call back.")
    ] = None
    cancel_url: Annotated[
        str | None, Meta(description="Of `http`: `DELETE <cancel_url>/<task>` ends a task.")
    ] = None
    base_url: Annotated[str | None, Meta(description="Of `openai` and `anthropic`.")] = None
    api: Annotated[Literal["chat", "responses"] | None, Meta(description="Of `openai`.")] = None
    model: Annotated[str | None, Meta(description="Of `openai` and `anthropic`.")] = None
    params: Annotated[
        dict[str, Any] | None, Meta(description="Of `openai` and `anthropic`: sent along.")
    ] = None
    prompts: Annotated[
        dict[str, PromptIn] | None, Meta(description="By capability; `*` is for all others.")
    ] = None
    tools: Annotated[
        tuple[str, ...] | None,
        Meta(description="Of a model: `agent:<name>`, `mcp:<name>`; of `mcp`: names of tools."),
    ] = None
    max_tool_rounds: Annotated[int, Meta(ge=1, le=32)] | None = 8
    card_url: Annotated[
        str | None,
        Meta(description="Of `a2a`: its card; skills are capabilities if none is given."),
    ] = None
    binding: Annotated[
        Literal["HTTP+JSON", "JSONRPC"] | None,
        Meta(description="Of `a2a`. Default: what the card prefers."),
    ] = None
    url: Annotated[
        str | None, Meta(description="Of `mcp`: tools are capabilities if none is given.")
    ] = None
    entry_point: Annotated[str | None, Meta(description="Of `python`.")] = None


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """A JSON merge patch (RFC 7396) over a registration: any of its fields.

    Objects merge, `null` gives a field its default, everything else replaces. `name` and
    `agent_type` are fixed.
    """


class HeartbeatBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent may say with a heartbeat. It is shown; that it came is what counts."""

    load: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(description="How busy it is, in a measure of its own."),
    ] = None
    in_flight: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    version: Annotated[str, Meta(max_length=128)] | None = None
    status: Annotated[str, Meta(max_length=64)] | None = None


class CapabilityShown(Closed, frozen=True):
    """Something an agent can do. What nobody said is left out."""

    name: str
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]
    description: str | UnsetType = UNSET
    input_schema: dict[str, Any] | UnsetType = UNSET
    output_schema: dict[str, Any] | UnsetType = UNSET
    idempotent: bool | UnsetType = UNSET
    timeout_ms: int | UnsetType = UNSET


class HeartbeatShown(Closed, frozen=True):
    """What the agent has to do to stay known as alive."""

    mode: Literal["none", "push"]
    interval_s: int | UnsetType = UNSET
    ttl_s: int | UnsetType = UNSET


class AuthShown(Closed, frozen=True):
    """How we prove who we are to the agent."""

    type: Literal["none", "bearer", "header", "basic", "hmac"]
    secret: str | UnsetType = UNSET
    header: str | UnsetType = UNSET


class AgentShown(Closed, frozen=True, kw_only=True, rename={"async_": "async"}):
    """A registered agent: its registration with all defaults, and what became of it.

    The last fields are each of some providers only.
    """

    id: Annotated[str, Meta(examples=["agt_019ab12b-03d5-7f6e-a1c2-9e4d7b8f5a10"])]
    name: str
    agent_type: str
    provider: Provider
    status: Status
    revision: Annotated[int, Meta(description="Grows with every change.")]
    priority: int
    weight: int
    max_concurrency: Annotated[int | None, Meta(description="null: no limit.")]
    capabilities: tuple[CapabilityShown, ...]
    description: str
    version: str
    labels: dict[str, str]
    metadata: dict[str, Any]
    ephemeral: bool
    limits: Limits
    timeout_ms: int | None
    hedge: bool
    registered_at: Instant
    heartbeat: HeartbeatShown
    health: HealthCheck
    auth: Annotated[AuthShown, Meta(description="A reference, never the secret.")]
    fallbacks: tuple[str, ...]
    budget: BudgetIn
    price: PriceIn
    links: dict[str, str]
    endpoint: str | UnsetType = UNSET
    format: str | UnsetType = UNSET
    request_template: Any | UnsetType = UNSET
    response_path: str | UnsetType | None = UNSET
    async_: bool | UnsetType = UNSET
    cancel_url: str | UnsetType | None = UNSET
    base_url: str | UnsetType = UNSET
    api: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    prompts: dict[str, PromptIn] | UnsetType = UNSET
    tools: tuple[str, ...] | UnsetType = UNSET
    max_tool_rounds: int | UnsetType = UNSET
    card_url: str | UnsetType = UNSET
    binding: str | UnsetType | None = UNSET
    url: str | UnsetType = UNSET
    plugin: Annotated[PluginShown | UnsetType, Meta(description="Of one agent's own page.")] = UNSET


class Warned(Closed, frozen=True):
    """What was accepted and may surprise. `pointer` is a JSON Pointer into the registration."""

    pointer: str
    code: str
    message: str
    suggestion: str | UnsetType = UNSET


class PullShown(Closed, frozen=True):
    """Where workers come for tasks, and what they may show there instead of a key."""

    poll_url: str
    token: Annotated[str | UnsetType, Meta(description="Of a new agent, shown this once.")] = UNSET


class AgentRegistered(AgentShown, frozen=True, kw_only=True, rename={"async_": "async"}):
    """An agent that was just registered."""

    warnings: tuple[Warned, ...]
    pull: Annotated[PullShown | UnsetType, Meta(description="Of `pull`.")] = UNSET


class AgentPage(Closed, frozen=True):
    """Agents, by registration."""

    items: tuple[AgentShown, ...]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]


class AgentType(Closed, frozen=True):
    """A type, and what its agents declare together."""

    agent_type: str
    agents: Annotated[int, Meta(description="How many there are.")]
    statuses: Annotated[dict[Status, int], Meta(description="How many of them are how.")]
    capabilities: tuple[CapabilityShown, ...]


class AgentTypes(Closed, frozen=True):
    """All types, by name."""

    items: tuple[AgentType, ...]
    next_cursor: str | None


class Beat(Closed, frozen=True):
    """Answer to a heartbeat. `drain`: finish what runs, nothing new comes."""

    next_in_s: int
    drain: bool
    revision: int
