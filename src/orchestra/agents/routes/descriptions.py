"""What the agents routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.agents import (
    AgentTypeUnknown,
    AgentUnknown,
    NoAgentAvailable,
    NoSuchCapability,
    PoolSaturated,
)
from orchestra.agents.registration.heartbeats import HeartbeatInvalid
from orchestra.agents.registration.reading import RegistrationInvalid
from orchestra.agents.registry.registry import (
    AgentExists,
    AgentsExhausted,
    NameIsFixed,
    RevisionMismatch,
    TypeIsFixed,
)
from orchestra.agents.routes import documents_agents as made
from orchestra.agents.routes import documents_discovery as found
from orchestra.agents.routes.cursors import CursorInvalid
from orchestra.agents.tasks.direct import (
    AgentFailed,
    BudgetExhausted,
    DeadlineExceeded,
    InputAmbiguous,
    InputInvalid,
    OutputInvalid,
    RateLimited,
)
from orchestra.described import Answer, described
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

_WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)
_ONE: Final = Answer("The agent.", [made.AgentShown])
_ONE_TAGGED: Final = Answer("The agent.", [made.AgentShown], ["ETag"])

REGISTER: Final = described(
    {
        201: Answer("A new agent.", [made.AgentRegistered], ["Location", "ETag"]),
        200: Answer(
            "It was known; it is as this says now.", [made.AgentRegistered], ["Location", "ETag"]
        ),
    },
    refusals=[
        *JSON_REFUSALS,
        AgentExists,
        TypeIsFixed,
        RegistrationInvalid,
        AgentsExhausted,
        *_WRITES,
    ],
    body=made.Register,
    examples={
        "built-in code": {
            "name": "text-processor-1",
            "agent_type": "text_processor",
            "capabilities": [
                {
                    "name": "sentiment_analysis",
                    "input_types": ["text"],
                    "output_types": ["json"],
                }
            ],
        },
        "a service over HTTP": {
            "name": "translator-1",
            "agent_type": "translator",
            "capabilities": [{"name": "translate", "input_types": ["text"]}],
            "endpoint": "https://agents.example.com/run",
            "max_concurrency": 4,
            "timeout_ms": 30_000,
        },
    },
)
CHANGE: Final = described(
    {200: Answer("It is as this says now.", [made.AgentRegistered], ["ETag"])},
    refusals=[
        *JSON_REFUSALS,
        AgentUnknown,
        NameIsFixed,
        TypeIsFixed,
        RevisionMismatch,
        RegistrationInvalid,
        *_WRITES,
    ],
    body=made.Change,
    examples={
        "half the load": {"max_concurrency": 2, "labels": {"zone": "eu", "old": None}},
        "no budget any more": {"budget": None},
    },
)
EXECUTE_REFUSALS: Final = (
    *JSON_REFUSALS, AgentTypeUnknown, AgentUnknown, NoSuchCapability, InputAmbiguous,
    InputInvalid, OutputInvalid, BudgetExhausted, PoolSaturated, RateLimited, AgentFailed,
    NoAgentAvailable, StoreAway, DeadlineExceeded,
)  # fmt: skip
DISCOVER: Final = described(
    {200: Answer("What is there, and where nothing is.", [found.Discovered])},
    refusals=[*JSON_REFUSALS, TypeIsFixed, RegistrationInvalid, AgentsExhausted, *_WRITES],
    body=found.Discover,
    examples={
        "look": {"url": "https://agents.example.com"},
        "and register": {"url": "https://tools.example.com/mcp", "register": True},
    },
)
LIST: Final = described(
    {200: Answer("A page.", [made.AgentPage])}, refusals=[CursorInvalid, StoreAway]
)
TYPES: Final = described({200: Answer("All types.", [made.AgentTypes])}, refusals=[StoreAway])
ONE: Final = described({200: _ONE_TAGGED}, refusals=[AgentUnknown, StoreAway])
REMOVE: Final = described({204: Answer("Forgotten.")}, refusals=[AgentUnknown, *_WRITES])
HEARTBEAT: Final = described(
    {200: Answer("Heard.", [made.Beat])},
    refusals=[*JSON_REFUSALS, AgentUnknown, HeartbeatInvalid, *_WRITES],
    body=made.HeartbeatBody,
    body_optional=True,
    examples={"busy": {"load": 0.4, "in_flight": 3}},
)
DRAIN: Final = described({200: _ONE}, refusals=[AgentUnknown, *_WRITES])
