"""What `orchestra agent` reads from the server's answers: those members that it shows."""

from typing import Any

import msgspec

from orchestra.cli.shapes import Agent, Finding


class Gate(msgspec.Struct, frozen=True):
    """Nobody picks the agent while it is closed."""

    closed: bool = False
    wait_ms: int = 0


class Breaker(msgspec.Struct, frozen=True):
    """Keeps tasks from an agent that fails."""

    state: str = "closed"
    failures_in_row: int = 0


class Check(msgspec.Struct, frozen=True):
    """How the agent is checked."""

    mode: str = "passive"
    interval_s: float | None = None
    last: dict[str, Any] | None = None


class Slots(msgspec.Struct, frozen=True):
    """Tasks it does now, and the most it does at once."""

    in_use: int | None = None
    max: int | None = None


class Heartbeats(msgspec.Struct, frozen=True):
    """What the agent says by itself."""

    mode: str = "none"
    late: bool = False
    age_s: float | None = None


class Health(msgspec.Struct, frozen=True):
    """How an agent is, and why."""

    status: str = ""
    since: str | None = None
    reason: str = ""
    check: Check = Check()
    breaker: Breaker | None = None
    gate: Gate | None = None
    heartbeat: Heartbeats = Heartbeats()
    slots: Slots = Slots()


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Outcomes(msgspec.Struct, frozen=True):
    """Calls by how they ended."""

    ok: int = 0
    failed: int = 0
    unknown: int = 0
    cancelled: int = 0


class Tokens(msgspec.Struct, frozen=True):
    """Tokens, of all calls that told."""

    input: int = 0
    output: int = 0


class Performance(msgspec.Struct, frozen=True):
    """What an agent did in a window."""

    window: str = ""
    tasks: int = 0
    outcomes: Outcomes = Outcomes()
    success_rate: float | None = None
    duration_ms: Spread = Spread()
    first_token_ms: Spread = Spread()
    queue_ms_mean: float | None = None
    tokens: Tokens = Tokens()
    cost_usd: float | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened to the agent."""

    type: str = ""
    at: str = ""
    data: dict[str, Any] = {}


class Events(msgspec.Struct, frozen=True):
    """Events, oldest first."""

    items: tuple[Event, ...] = ()


class Checked(msgspec.Struct, frozen=True):
    """What a check found."""

    checked: bool = False
    well: bool | None = None
    error: Finding | None = None
    duration_ms: int = 0
    health: Health = Health()


class Candidate(msgspec.Struct, frozen=True):
    """One agent, as a selection sees it."""

    agent: str = ""
    agent_type: str = ""
    eligible: bool = False
    reason: str = ""
    tier: int | None = None
    in_flight: int | None = None
    max: int | None = None
    latency_ms: float | None = None
    gate_ms: int | None = None


class Selection(msgspec.Struct, frozen=True):
    """Who would get a task now."""

    strategy: str = ""
    capability: str | None = None
    chosen: str | None = None
    eligible: int = 0
    retry_after_ms: int | None = None
    agents: tuple[Candidate, ...] = ()


class Attempt(msgspec.Struct, frozen=True):
    """One call to one agent."""

    n: int = 1
    agent: str = ""
    queue_ms: int = 0
    duration_ms: int = 0
    outcome: str = ""
    error: Finding | None = None
    why: dict[str, Any] = {}


class Told(msgspec.Struct, frozen=True):
    """A task, as it is asked for by its id."""

    task_id: str = ""
    status: str = ""
    agent: Any = None
    capability: str | None = None
    output: Any = None
    error: Finding | None = None
    attempts: tuple[Attempt, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """Something that is behind a URL."""

    kind: str = ""
    url: str = ""
    registration: dict[str, Any] = {}
    capabilities: tuple[dict[str, Any], ...] = ()
    warnings: tuple[Finding, ...] = ()
    agent: Agent | None = None


class Missed(msgspec.Struct, frozen=True):
    """A place that was looked at in vain."""

    kind: str = ""
    url: str = ""
    message: str = ""


class Discovered(msgspec.Struct, frozen=True):
    """What is behind a URL."""

    url: str = ""
    found: tuple[Found, ...] = ()
    tried: tuple[Missed, ...] = ()


class PluginShown(msgspec.Struct, frozen=True):
    """One plugin."""

    file: str = ""
    version: str | None = None
    agent_type: str | None = None
    agent: str | None = None
    loaded_at: str | None = None
    error: str | None = None


class Plugins(msgspec.Struct, frozen=True):
    """The plugins of one replica."""

    items: tuple[PluginShown, ...] = ()
    enabled: bool = False
