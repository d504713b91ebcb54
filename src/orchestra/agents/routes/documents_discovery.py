"""What was discovered behind a URL, as the description of the API shows it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestra.agents.records import Auth
from orchestra.agents.routes.documents import Closed
from orchestra.agents.routes.documents_agents import AgentRegistered, CapabilityShown, Warned


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
