"""A definition as the engine runs it: everything defaulted and merged, durations in milliseconds.

Made from the normalised document by `reading.definition_of`; nothing here knows the short forms of
WORKFLOWS.md §6. Templates and conditions stay as written: their owner compiles them once.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from orchestra.retry import Backoff

Json: TypeAlias = Any
"""What JSON can hold: None, bool, int, float, str, list, dict."""

StepType = Literal["agent", "transform", "set", "emit", "switch", "parallel", "wait"]
RunWhen = Literal["none_failed", "all_completed", "any_completed", "any_failed", "all_done"]

TIMEOUT_MS: Final = 120_000
QUEUE_TIMEOUT_MS: Final = 300_000
EXECUTION_TIMEOUT_MS: Final = 30 * 86_400_000
COMPENSATION_ATTEMPTS: Final = 10


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often and how late an attempt is made again. Empty `on`: the codes of §8 that say yes."""

    max_attempts: int = 3
    backoff: Backoff = Backoff()
    on: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()
    max_elapsed_ms: int | None = None


class AgentChoice(msgspec.Struct, frozen=True):
    """Which agent may do it. One of `id` (a name or an id), `type` and `capability` is set."""

    id: str | None = None
    type: str | None = None
    capability: str | None = None
    version: str | None = None
    labels: Mapping[str, str] = {}
    strategy: str | None = None
    fallbacks: tuple[str, ...] = ()


class Compensation(msgspec.Struct, frozen=True):
    """The action that undoes a step. It sees `result`, `request` and `error`."""

    agent: AgentChoice
    task_type: str | None = None
    input_data: Json = {}
    retry: RetryPolicy = RetryPolicy(max_attempts=COMPENSATION_ATTEMPTS)
    timeout_ms: int = TIMEOUT_MS
    queue_timeout_ms: int = QUEUE_TIMEOUT_MS
    when_uncertain: bool = True


class ErrorRule(msgspec.Struct, frozen=True):
    """What happens to a failure whose code fits `match`. The first rule that fits is taken."""

    do: Literal["continue", "steps", "fail", "rollback"]
    match: tuple[str, ...] = ("*",)
    output: Json = None
    steps: "Scope | None" = None
    error: str | None = None
    message: str | None = None


class Case(msgspec.Struct, frozen=True):
    """One way through a switch. Without `output` it is that of its last completed step."""

    name: str
    when: str
    scope: "Scope"
    output: Json | msgspec.UnsetType = msgspec.UNSET


class Branch(msgspec.Struct, frozen=True):
    """One part of a parallel step. Without `output` it is that of its last completed step."""

    id: str
    scope: "Scope"
    output: Json | msgspec.UnsetType = msgspec.UNSET


class OnTimeout(msgspec.Struct, frozen=True):
    """What becomes of a wait nobody answered: `fail` with a code, or `continue` with an output."""

    do: Literal["fail", "continue"] = "fail"
    error: str | None = None
    message: str | None = None
    output: Json = None


class Wait(msgspec.Struct, frozen=True):
    """What a step waits for: a time, or a signal.

    `time` is a template, of a duration (`for`) or of an instant (`until`).
    """

    kind: Literal["for", "until", "signal"]
    time: Json = None
    signal: str = ""
    timeout_ms: int = 0
    on_timeout: OnTimeout = OnTimeout()


class Step(msgspec.Struct, frozen=True):
    """One step. Fields of other types of step keep their defaults.

    `joins` and `waits` are ids of its scope: both must be done before it is looked at, only
    `joins` count in `run_when`. In a sequence it waits for the step before it.
    """

    id: str
    type: StepType
    name: str = ""
    description: str = ""
    labels: Mapping[str, str] = {}
    condition: str | None = None
    """Source of `if`, without `${` and `}`."""
    joins: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    run_when: RunWhen = "none_failed"
    output: Json | msgspec.UnsetType = msgspec.UNSET
    on_error: tuple[ErrorRule, ...] = ()
    # agent and transform
    input_data: Json = {}
    """Template. An agent's holds its `task_type`."""
    # agent
    agent: AgentChoice | None = None
    task_type: str | None = None
    output_schema: dict[str, Json] | None = None
    retry: RetryPolicy = RetryPolicy()
    timeout_ms: int = TIMEOUT_MS
    queue_timeout_ms: int = QUEUE_TIMEOUT_MS
    total_timeout_ms: int | None = None
    heartbeat_timeout_ms: int | None = None
    compensate: Compensation | None = None
    context: Literal["auto", "none"] = "auto"
    # set
    vars: Json = {}
    # emit
    event_type: str = ""
    payload: Json = {}
    # switch
    cases: tuple[Case, ...] = ()
    default: "Scope | None" = None
    # parallel
    branches: tuple[Branch, ...] = ()
    join: int = 0
    """How many branches must complete; all of them is `len(branches)`."""
    fail_fast: bool = True
    # wait
    wait: Wait | None = None


class Scope(msgspec.Struct, frozen=True):
    """Steps that see one another. `sequence`: they run one after the other, in this order."""

    steps: tuple[Step, ...] = ()
    sequence: bool = True


class Definition(msgspec.Struct, frozen=True):
    """A whole workflow, as one version of it runs."""

    name: str
    body: Scope
    description: str = ""
    labels: Mapping[str, str] = {}
    metadata: Json = {}
    language: int = 1
    input_schema: dict[str, Json] | None = None
    output_schema: dict[str, Json] | None = None
    vars: Json = {}
    output: Json | msgspec.UnsetType = msgspec.UNSET
    timeout_ms: int = EXECUTION_TIMEOUT_MS
    fail_fast: bool = True
    rollback_on: tuple[str, ...] = ()
    """Of `failure`, `cancel`, `timeout`."""
    rollback_retry: RetryPolicy = RetryPolicy(max_attempts=COMPENSATION_ATTEMPTS)
