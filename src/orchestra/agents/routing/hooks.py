"""What others put into routing: who looks on, who keeps count, who knows prices."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestra.agents import Task
from orchestra.agents.pools.wishes import Prices, own_price
from orchestra.agents.providers import Emit, Usage
from orchestra.agents.records import Agent
from orchestra.agents.routing.contracts import Contracts
from orchestra.clock import Clock, Random
from orchestra.store.keys import Tenant

Emitter = Callable[[Task, int], Emit | None]
"""Where call n of a task may say something on the way; None when nobody looks on."""
StepEmitter = Callable[[Tenant, str, str, int], Emit | None]
"""The same for an attempt of a step of an execution."""
Recorder = Callable[[Agent, str, int, Usage | None, int | None, int], None]
"""One call is over: agent, outcome, duration_ms, usage, ttft_ms, queue_ms. Cheap, never waits."""


def nobody_looks(task: Task, n: int) -> None:
    """No frames."""


def nobody_looks_at_steps(tenant: Tenant, execution: str, step: str, attempt: int) -> None:
    """No frames of steps."""


def nobody_counts(
    agent: Agent,
    outcome: str,
    duration_ms: int,
    usage: Usage | None,
    ttft_ms: int | None,
    queue_ms: int,
) -> None:
    """No statistics."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """All of them."""

    emitter: Emitter = nobody_looks
    record: Recorder = nobody_counts
    prices: Prices = own_price
    contracts: Contracts = field(default_factory=Contracts)


@dataclass(frozen=True, slots=True)
class Ports:
    """Time and chance."""

    clock: Clock
    chance: Random
