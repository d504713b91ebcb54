"""Providers: how one agent is called, once. They never retry and never choose.

A provider answers with an `Answer` or a `Failure`; only cancellation leaves it as an exception.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from orchestra.agents import Task, TaskError
from orchestra.agents.records import Agent
from orchestra.errors import OrchestraError

Outcome = Literal["ok", "fail", "deny", "rate", "none"]

Frame = Mapping[str, object]
"""Something said on the way: `{"event": "delta", "text": …}`, or `progress`, `artifact`, `log`,
`usage`, each with fields of its own (AGENTS.md, section 4). Viewers may miss frames."""
Emit = Callable[[Frame], None]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one call used. `input_tokens` includes the cached ones. Money in millionths of a USD."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro_usd: int | None = None
    cost_source: str = "unknown"
    """`agent`, `table@<date>`, or `unknown`."""


class Call(msgspec.Struct, frozen=True):
    """One task for one agent: what is asked for, and how long there is.

    `emit` is there when somebody looks on: then an agent that can stream should. `failures`: so
    often has this agent failed this task for certain; each makes a new idempotency key.
    """

    task: Task
    capability: str | None
    timeout_ms: int
    fence: int
    n: int = 1
    emit: Emit | None = None
    failures: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What the agent said. `facts` are kept with the attempt: model, response_id, finish_reason,
    ttft_ms. `incomplete`: cut short at a limit, and still worth having. `gate_ms`: the answer says
    that its quota is used up, and keeps everybody away from the agent for so long.
    """

    output: object
    usage: Usage | None = None
    facts: Mapping[str, object] = {}
    incomplete: bool = False
    gate_ms: int = 0


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer, and what follows from it (AGENTS.md, section 7).

    `outcome` is what the breaker learns; `gate_ms` keeps everybody away from the agent for so
    long; `elsewhere`: another agent may do better at once; `again`: the same one may, after a
    pause; `fallback`: only a fallback may, as when the context was too long. What was paid is in
    `usage` all the same.
    """

    error: TaskError
    outcome: Outcome = "none"
    gate_ms: int = 0
    elsewhere: bool = False
    fallback: bool = False
    usage: Usage | None = None
    facts: Mapping[str, object] = {}
    again: bool = False


class Provider(Protocol):
    """One way to reach agents."""

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Ask `agent` once. Takes no longer than `call.timeout_ms`."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A provider whose agents can be asked how they are, for nothing."""

    async def check(self, agent: Agent, timeout_s: float) -> TaskError | None:
        """None: the agent is well. Never costs money: free endpoints only.

        `agent.auth` means misconfigured; `agent.unavailable` and `timeout.attempt` mean down;
        `agent.not_checkable` that there is nothing to ask, so that its tasks tell how it is.
        """
        ...


class Credentials(Protocol):
    """Proofs of who we are, unsealed for one call."""

    async def headers(
        self, agent: Agent, url: str, body: bytes, message_id: str
    ) -> Mapping[str, str]:
        """Headers for one request to `url`: the agent's own auth, and for `hmac` the signature.

        Empty without auth. Raises `CredentialsUnusable` when the secret is not there, cannot be
        opened, or may not be sent to this host.
        """
        ...


class CredentialsUnusable(OrchestraError):
    """The secret an agent refers to cannot be used; the detail says why and never what it is."""


class Expected(Protocol):
    """An answer that will come later, to whichever replica the agent reaches."""

    @property
    def callback_url(self) -> str:
        """Where the agent posts what it has to say."""
        ...

    @property
    def token(self) -> str:
        """The proof it posts with: for this attempt only, 15 min, longer with every heartbeat."""
        ...

    async def wait(
        self, timeout_s: float, heartbeat_s: float, emit: Emit | None = None
    ) -> Answer | Failure:
        """The answer, or a failure: no time left, or silent for 3 x `heartbeat_s`. Closes."""
        ...

    async def close(self) -> None:
        """Nobody waits any more: what comes is refused. Safe to repeat, and after `wait`."""
        ...


class Later(Protocol):
    """Keeps what agents are to answer later."""

    async def expect(self, task: Task, agent: Agent, fence: int, ttl_ms: int) -> Expected:
        """Before the agent is asked. Close it when the answer came at once. Raises StoreAway."""
        ...
