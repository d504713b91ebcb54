"""Providers: how one agent is called, once. They never retry and never choose.

A provider answers with an `Answer` or a `Failure`; only cancellation leaves it as an exception.
"""

from typing import Literal, Protocol

import msgspec

from orchestra.agents import Task, TaskError
from orchestra.agents.records import Agent

Outcome = Literal["ok", "fail", "deny", "rate", "none"]


class Call(msgspec.Struct, frozen=True):
    """One task for one agent: what is asked for, and how long there is."""

    task: Task
    capability: str | None
    timeout_ms: int
    fence: int
    n: int = 1


class Answer(msgspec.Struct, frozen=True):
    """What the agent said."""

    output: object
    usage: dict[str, object] | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer, and what follows from it (AGENTS.md, section 7).

    `outcome` is what the breaker learns; `gate_ms` keeps everybody away from the agent for so
    long; `elsewhere`: another agent may do better at once.
    """

    error: TaskError
    outcome: Outcome = "none"
    gate_ms: int = 0
    elsewhere: bool = False


class Provider(Protocol):
    """One way to reach agents."""

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Ask `agent` once. Takes no longer than `call.timeout_ms`."""
        ...
