"""What queues are made of, and what can be wrong with them."""

from typing import Final, Literal

import msgspec

from orchestra.errors import Conflict, Invalid, NotFound, TooLarge, TooMany

BODY_MAX_BYTES: Final = 262_144
BATCH_MAX: Final = 100
PRIORITY: Final = 2
"""0 is first, 3 is last."""
QUEUES_MAX: Final = 1_000
"""Queues of one tenant."""
HOUR_MS: Final = 3_600_000


class Options(msgspec.Struct, frozen=True):
    """How a queue behaves. `backoff_ms`: the wait after each try; the last one is for all later.

    `lost_max`: leases that run out in a row make a dead letter: it kills who takes it. `spread`:
    over all partitions, in order only within a group.
    """

    tries_max: int = 5
    lost_max: int = 3
    lease_ms: int = 30_000
    depth_max: int = 100_000
    backoff_ms: tuple[int, ...] = (1_000, 10_000, 60_000, 600_000, HOUR_MS)
    spread: bool = False


OWN: Final = "~"
"""The names of the modules' own queues begin so."""
OWN_OPTIONS: Final = Options(tries_max=1_000_000, depth_max=1_000_000)
"""Of the modules' own: their worker says how many tries it makes."""


class Change(msgspec.Struct, frozen=True):
    """The options that are to change; None stays as it is."""

    tries_max: int | None = None
    lost_max: int | None = None
    lease_ms: int | None = None
    depth_max: int | None = None
    backoff_ms: tuple[int, ...] | None = None
    spread: bool | None = None


class Counts(msgspec.Struct, frozen=True):
    """How many messages are where. `depth` is all but the dead ones."""

    depth: int
    ready: int
    in_flight: int
    delayed: int
    dead: int
    oldest_ms: int


class Totals(msgspec.Struct, frozen=True):
    """How often what happened since the queue was made.

    sent + redriven = acked + dead + depth.
    """

    sent: int = 0
    received: int = 0
    acked: int = 0
    nacked: int = 0
    postponed: int = 0
    retried: int = 0
    expired: int = 0
    dead: int = 0
    redriven: int = 0


class Queue(msgspec.Struct, frozen=True):
    """A queue as it is now."""

    name: str
    created_ms: int
    options: Options
    counts: Counts
    totals: Totals


class Sent(msgspec.Struct, frozen=True):
    """A message to be put in line. `body` is JSON."""

    body: msgspec.Raw
    priority: int = PRIORITY
    delay_ms: int = 0
    group: str = ""
    dedup: str | None = None


class Received(msgspec.Struct, frozen=True):
    """A message that is leased. `receipt` is the right to settle it."""

    id: str
    receipt: str
    body: msgspec.Raw
    attempt: int
    enqueued_ms: int
    group: str | None


PeekState = Literal["ready", "waiting", "delayed", "in_flight"]
"""`waiting`: for its turn in a group. `until_ms`: due, or leased until."""


class Peeked(msgspec.Struct, frozen=True):
    """A message as it is, not taken."""

    id: str
    state: PeekState
    body: msgspec.Raw
    attempts: int
    enqueued_ms: int
    priority: int
    group: str | None
    until_ms: int | None


Cause = Literal["failed", "lost", "buried"]
"""Its tries were used up; its leases ran out; its handler gave it up."""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which dead letters. `error`: part of the reason, in whatever case; times: of death."""

    kind: Cause | None = None
    error: str | None = None
    group: str | None = None
    since: int | None = None
    until: int | None = None

    def packed(self) -> bytes:
        """As the scripts read it."""
        if self == ALL:
            return b""
        error = None if self.error is None else self.error.encode().lower().decode()  # ASCII only
        return msgspec.json.encode(msgspec.structs.replace(self, error=error))


ALL: Final = Choice()


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that was given up, and why."""

    id: str
    body: msgspec.Raw
    kind: Cause
    error: str
    attempts: int
    enqueued_ms: int
    died_ms: int
    priority: int
    group: str | None


class Redrive(msgspec.Struct, frozen=True):
    """Dead letters going back in line."""

    id: str
    state: Literal["running", "stopped", "completed"]
    moved: int
    total: int
    per_s: float | None
    began_ms: int
    ended_ms: int | None


class QueueInvalid(Invalid):
    """What was said about a queue or its messages is wrong. `findings` has everything that is."""


class QueueUnknown(NotFound):
    """No queue of the tenant has this name."""


class RedriveUnknown(NotFound):
    """Nothing was ever put back in line in this queue as a job."""


class QueueExists(Conflict):
    """The name is taken and `If-None-Match: *` was given."""


class QueueNotEmpty(Conflict):
    """A queue with messages or dead letters is only deleted with them. Context: `depth`, `dead`."""


class QueuesExhausted(Conflict):
    """The tenant has as many queues as it may. Context: `limit`."""


class RedriveRunning(Conflict):
    """Dead letters are going back in line already. Context: `job`."""


class QueueFull(TooMany):
    """The queue has as many messages as it may. Context: `depth`, `retry_after_ms`."""


class MessageTooLarge(TooLarge):
    """The body of a message has at most 256 KiB. Context: `limit_bytes`."""
