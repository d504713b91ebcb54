"""Bodies and answers of the agents routes, as the description of the API shows them.

Bodies are read by `registration` and `direct`, answers are plain dicts;
`tests/integration/test_described.py` holds what is really sent against these shapes.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from orchestra.agents import Capability, Provider, Status
from orchestra.agents.records import Auth, Heartbeat

Count = Annotated[int, Meta(ge=0)]
Labels = Annotated[dict[str, str], Meta(description="At most 64.")]
TimeoutMs = Annotated[int, Meta(ge=100, le=3_600_000)]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Unused = Annotated[Any, Meta(description="Read, and not acted on in this version: a warning.")]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests and tokens a minute; null is no limit."""

    rpm: int | None = None
    tpm: int | None = None


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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
    auth: Auth | None = None
    endpoint: Annotated[str | None, Meta(description="Of `http`: where tasks are posted.")] = None
    format: Annotated[
        Literal["envelope", "input", "template"] | None, Meta(description="Of `http`.")
    ] = None
    request_template: Annotated[Any, Meta(description="Of `http`, for format `template`.")] = None
    response_path: Annotated[
        str | None, Meta(description="Of `http`: where in the answer the output is.")
    ] = None
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
    tools: Annotated[
        tuple[str, ...] | None, Meta(description="Of `mcp`: only these, at most 64.")
    ] = None
    hedge: Unused = None
    fallbacks: Unused = None
    budget: Unused = None
    price: Unused = None
    health: Unused = None


class HeartbeatBody(msgspec.Struct, frozen=True):
    """What an agent may say with a heartbeat. Kept for later; that it came is what counts."""

    load: float | None = None
    in_flight: int | None = None
    version: str | None = None
    status: str | None = None


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


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


class AgentShown(Closed, frozen=True, kw_only=True):
    """A registered agent."""

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
    registered_at: Instant
    heartbeat: HeartbeatShown
    links: dict[str, str]
    endpoint: str | UnsetType = UNSET
    format: str | UnsetType = UNSET
    timeout_ms: int | UnsetType = UNSET


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


class AgentRegistered(AgentShown, frozen=True, kw_only=True):
    """An agent that was just registered."""

    warnings: tuple[Warned, ...]
    pull: Annotated[PullShown | UnsetType, Meta(description="Of `pull`.")] = UNSET


class Discover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to look: for an A2A agent card, an MCP server, and a server of models."""

    url: Annotated[str, Meta(max_length=2_048)]
    register: Annotated[bool | None, Meta(description="Register what is found at once.")] = False
    name: Annotated[str | None, Meta(description="Of the agent, if one is found.")] = None
    agent_type: str | None = None
    auth: Auth | None = None


class DiscoveredOne(Closed, frozen=True):
    """Something that is there. `registration` is ready to be registered."""

    kind: Literal["a2a", "mcp", "models"]
    url: str
    registration: dict[str, Any]
    capabilities: tuple[CapabilityShown, ...]
    warnings: tuple[Warned, ...]
    agent: Annotated[AgentRegistered | None, Meta(description="null: it was not registered.")]


class Missed(Closed, frozen=True):
    """A place that was looked at, and what was said there."""

    kind: Literal["a2a", "mcp", "models"]
    url: str
    code: str
    message: str


class Discovered(Closed, frozen=True):
    """What is behind a URL."""

    url: str
    found: tuple[DiscoveredOne, ...]
    tried: tuple[Missed, ...]


class AgentPage(Closed, frozen=True):
    """Agents, by registration."""

    items: tuple[AgentShown, ...]
    next_cursor: Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]


class AgentType(Closed, frozen=True):
    """A type, and what its agents declare together."""

    agent_type: str
    agents: Annotated[int, Meta(description="How many there are.")]
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


class CallShown(Closed, frozen=True):
    """One call to one agent."""

    n: int
    agent: str
    queue_ms: Count
    duration_ms: Count
    outcome: Literal["ok", "failed", "unknown"]
    error: dict[str, str] | None
    why: Annotated[dict[str, Any], Meta(description="Why this agent was picked.")]


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
