"""The bus: how modules tell each other things, and how the world outside hears them.

This page is the whole contract. Others import `orchestra.bus`, never a page behind it. Events of
our own are not published: the transition that caused them has written them (the journal is the
outbox), and a `Source` reads them. `publish` is for facts that have no transition of ours.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec

from orchestra.errors import OrchestraError, Problem
from orchestra.store.keys import Tenant

Origin = Literal["engine", "module", "api"]
Glances: TypeAlias = Mapping[tuple[Tenant, str], Collection[str]]  # whose, type -> which keys


class Draft(msgspec.Struct, frozen=True):
    """An event to be published. `data` is JSON, at most 256 KiB; `key` orders and places it."""

    tenant: Tenant
    type: str
    source: str
    key: str
    data: msgspec.Raw
    origin: Origin
    time_ms: int | None = None
    correlation: str | None = None
    causation: str | None = None
    traceparent: str | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened. `id` is a position: unique, sortable, and where to go on from."""

    id: str
    type: str
    source: str
    key: str
    tenant: Tenant
    origin: Origin
    at_ms: int
    data: msgspec.Raw
    correlation: str | None = None
    causation: str | None = None
    traceparent: str | None = None


class Missed(msgspec.Struct, frozen=True):
    """The watcher was too slow, or asks for what is gone: events are missing here."""

    reason: Literal["expired", "overflow"]


class Beat(msgspec.Struct, frozen=True):
    """Nothing happened for a while; the watch is alive."""


class Gap(msgspec.Struct, frozen=True):
    """A durable reader was overtaken by trimming: events of these times may be missing."""

    from_ms: int
    to_ms: int


Handler: TypeAlias = "Callable[[Event | Gap], Awaitable[None]]"
"""Handles one event; may get it again. Raising means: try again; `Bury`: a dead letter at once."""


class Interest(Protocol):
    """What a reader is interested in just now, beyond its patterns. Neither may wait."""

    def awake(self) -> bool:
        """Whether in anything at all: else events are passed over without a look at them."""
        ...

    def wants(self, event: Event) -> bool:
        """Whether in this one: else it is passed over, which costs next to nothing."""
        ...


class Reading(msgspec.Struct, frozen=True):
    """How a durable reader reads."""

    start: str = "new"
    """At first sight of the name: `new`, `oldest`, or a position."""
    origins: tuple[Origin, ...] = ("engine", "module")
    """Whose events. What somebody posted is `api`: nothing of ours believes it unasked."""
    tenant: Tenant | None = None
    """None: of all tenants."""
    in_flight_max: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 64
    ordered: Literal["key", "none"] = "key"  # `key`: events of one key one after the other
    tries: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5
    backoff_ms: tuple[int, ...] = (100, 1_000, 5_000, 15_000)
    timeout_ms: int = 60_000
    """Of one try."""
    interest: Interest | None = None
    """None: in all that its patterns name."""


class Watching(Protocol):
    """What one watcher is told, as it happens."""

    def __aiter__(self) -> AsyncIterator[Event | Missed | Beat]:
        """Once."""
        ...

    def position(self) -> str:
        """Where to go on from, behind everything told so far."""
        ...


class Source(Protocol):
    """Streams that a module's transitions write, and what their entries mean."""

    def streams(self) -> Mapping[str, str]:
        """Key of each stream, with the prefix it lives under. May grow and shrink."""
        ...

    def types(self) -> Collection[str] | None:
        """Every type its events may have; None: any. Who wants none of them never reads it."""
        ...

    def event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event | None:
        """The event an entry stands for; None for what is nobody's business."""
        ...


class PositionInvalid(OrchestraError):
    """The position to go on from is none of ours."""

    status = 400


class Sending(msgspec.Struct, frozen=True):
    """How a job is put in line. `priority` 0 is first; jobs of a `group` are done in order, one at
    a time; the same `dedup` within 24 h is the same job.
    """

    priority: int = 2
    delay_ms: int = 0
    group: str = ""
    dedup: str | None = None
    urgent: bool = False  # taken, too, when the store is short of memory


class Working(msgspec.Struct, frozen=True):
    """How a queue is worked on; a queue that the worker makes begins with these options, too.

    `backoff_ms`: the waits after each try; the last one is for all later tries. `jitter`: `full`
    draws each evenly from zero to its wait, `fifth` is the wait and at most a fifth more or less.
    `tries_max`: more than the queue allows are not made.
    """

    concurrency: int = 32
    lease_ms: int = 30_000
    tries_max: int = 5
    backoff_ms: tuple[int, ...] = (1_000, 10_000, 60_000, 600_000, 3_600_000)
    jitter: Literal["full", "fifth"] = "full"


SENDING: Final = Sending()
WORKING: Final = Working()


class Job(msgspec.Struct, frozen=True):
    """A message as its handler gets it. It may come again with the same `id`."""

    id: str
    body: msgspec.Raw
    attempt: int
    enqueued_ms: int
    group: str | None


JobHandler = Callable[[Job], Awaitable[None]]
"""Returning is done, raising is to be tried again."""


class Again(Exception):
    """Raised by a JobHandler: again after exactly `delay_ms`.

    `counts=False` postpones: it uses up no try, however often (an open circuit, a limit of rate).
    """

    def __init__(self, delay_ms: int, *, counts: bool = True, error: str = "") -> None:
        super().__init__(error or "to be tried again")
        self.delay_ms, self.counts, self.error = delay_ms, counts, error


class Bury(Exception):
    """Raised by a JobHandler or a Handler: a dead letter at once, whatever tries are left."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Worker(Protocol):
    """Works on a queue until it is stopped, or the bus ends."""

    async def stop(self) -> None:
        """Take no more, end what is in hand, and give back after 5 s what is not done by then.

        May be repeated. Not for its own handlers: they would wait for themselves.
        """
        ...


class Filters(Protocol):
    """The language of conditions over an `event`: of its id, type, source, subject (the key),
    origin, time, correlation, causation and data.
    """

    def check(self, text: str) -> list[Problem]:
        """Everything wrong with it; pointers are empty."""
        ...

    def compile(self, text: str) -> Callable[[Mapping[str, object]], bool]:
        """Whether an event is meant. One on which the condition has no value is not.

        `text` passed `check`.
        """
        ...


SignalHandler = Callable[[msgspec.Raw], None]
"""Hears a signal. Must be quick."""


class Bus(Protocol):
    """What other modules ask of the bus."""

    def signal(self, subject: str, data: msgspec.Struct) -> None:
        """Tell whoever listens now, here and in other processes. Never waits, and may be lost.

        Of a subject at most four a second are told, the newest ones; at most 64 KiB.
        """
        ...

    def on_signal(self, subject: str, handler: SignalHandler) -> None:
        """Hear the signals of a subject while the bus runs, those of this process included."""
        ...

    async def publish(self, draft: Draft, *, dedup: str | None = None) -> str:
        """The id of the event, which is durable when this returns.

        With `dedup` it may be repeated: within 24 h the first id comes back and nothing is added.
        Raises StoreAway, StoreFull.
        """
        ...

    def watch(
        self, tenant: Tenant, patterns: Sequence[str], since: str | None = None
    ) -> AbstractAsyncContextManager[Watching]:
        """What happens from now on, or from `since`. Not durable: it ends with the caller.

        At least once and in order for each key. Raises PositionInvalid.
        """
        ...

    async def enqueue(
        self, tenant: Tenant, queue: str, job: msgspec.Struct, options: Sending = SENDING
    ) -> str:
        """The id of the job, which is durable when this returns. It is done at least once.

        With `options.dedup` it may be repeated. Raises MessageTooLarge, QueueFull, StoreAway,
        StoreFull.
        """
        ...

    def worker(
        self, tenant: Tenant, queue: str, handler: JobHandler, options: Working = WORKING
    ) -> Worker:
        """Work on the queue while the bus runs. May be called before and at any time later.

        A job is leased for as long as its handler runs, is cancelled when it was given to somebody
        else, and is a dead letter after `tries_max` tries, or three of them in a row that killed
        their process. A queue whose name begins with `~` is the modules' own: nobody outside sees
        it, and it needs no making. A worker with nothing to do costs next to nothing.
        """
        ...

    def subscribe(
        self,
        name: str,
        patterns: Sequence[str],
        handler: Handler,
        options: Reading = Reading(),  # noqa: B008 - frozen
    ) -> None:
        """Hand every event to `handler` on one replica at a time, while the bus runs.

        Durable: it goes on where it was, whoever stopped or died. At least once and in order for
        each key; a crash repeats what was handled since the last second or 256 events. What fails
        `tries` times goes to the dead letters. Safe to call on every replica.
        """
        ...
