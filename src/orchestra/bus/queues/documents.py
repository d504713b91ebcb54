"""The documents of the queue routes, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestra.bus.documents import Closed, Instant
from orchestra.bus.queues.reading import (
    DELAY_MS_MAX,
    DEPTH_MAX,
    ERROR_MAX,
    IDS_MAX,
    LEASE_MS,
    PER_S_MAX,
    TRIES_MAX,
    WAIT_MS_MAX,
)
from orchestra.bus.queues.records import BATCH_MAX

Name = Annotated[str, Meta(examples=["orders"], pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Tries = Annotated[int, Meta(ge=1, le=TRIES_MAX, description="Then it is a dead letter.")]
Lost = Annotated[
    int, Meta(ge=1, le=TRIES_MAX, description="Leases that run out in a row; then it is dead.")
]
Lease = Annotated[int, Meta(ge=LEASE_MS[0], le=LEASE_MS[1])]
Depth = Annotated[int, Meta(ge=1, le=DEPTH_MAX, description="Messages at most, else 429.")]
Waits = Annotated[
    list[Annotated[int, Meta(ge=0, le=LEASE_MS[1])]],
    Meta(
        min_length=1,
        max_length=20,
        description="Wait after each try, with full jitter; the last one is for all later tries.",
    ),
]
Spread = Annotated[
    bool,
    Meta(
        description="Over all partitions: as quick as all of them, in order only within a group. "
        "Changed only while the queue is empty."
    ),
]
Delay = Annotated[int, Meta(ge=0, le=DELAY_MS_MAX)]
Receipts = Annotated[list[str], Meta(min_length=1, max_length=BATCH_MAX)]
MessageId = Annotated[str, Meta(examples=["msg_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
Priority = Annotated[int, Meta(ge=0, le=3, description="0 is first.")]
Group = Annotated[
    str, Meta(min_length=1, max_length=256, description="A group is in order, and one at a time.")
]
DedupId = Annotated[str, Meta(max_length=256, description="In 24 h the same is the same message.")]
Ids = Annotated[list[str], Meta(min_length=1, max_length=IDS_MAX)]
Cursor = Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
Unset = msgspec.UnsetType


class QueueBody(Closed, frozen=True):
    """A queue to be made or changed."""

    name: Name
    tries_max: Tries = 5
    lost_max: Lost = 3
    lease_ms: Lease = 30_000
    depth_max: Depth = 100_000
    backoff_ms: Waits | Unset = msgspec.UNSET
    spread: Spread = False


class QueueChange(Closed, frozen=True):
    """Options to be changed; the others stay."""

    tries_max: Tries | Unset = msgspec.UNSET
    lost_max: Lost | Unset = msgspec.UNSET
    lease_ms: Lease | Unset = msgspec.UNSET
    depth_max: Depth | Unset = msgspec.UNSET
    backoff_ms: Waits | Unset = msgspec.UNSET
    spread: Spread | Unset = msgspec.UNSET


class Totals(Closed, frozen=True):
    """How often what happened since the queue was made: sent + redriven = acked + dead + depth."""

    sent: int
    received: int
    acked: int
    nacked: Annotated[int, Meta(description="Handed back as failed.")]
    postponed: Annotated[int, Meta(description="Put off without using up a try.")]
    retried: Annotated[int, Meta(description="To be tried again, after a failure.")]
    expired: Annotated[int, Meta(description="Leases that ran out.")]
    dead: Annotated[int, Meta(description="Became dead letters.")]
    redriven: Annotated[int, Meta(description="Dead letters that were put back in line.")]


class Queue(Closed, frozen=True):
    """A queue, and how many messages are where."""

    name: Name
    created_at: Instant
    tries_max: Tries
    lost_max: Lost
    lease_ms: Lease
    depth_max: Depth
    backoff_ms: Waits
    spread: Spread
    depth: Annotated[int, Meta(description="Ready, in flight and delayed.")]
    ready: Annotated[int, Meta(description="With those that wait for their turn in a group.")]
    in_flight: int
    delayed: int
    dead: int
    oldest_ms: Annotated[int, Meta(description="Since the oldest ready one was sent; 0: none is.")]
    totals: Totals


class QueuePage(Closed, frozen=True):
    """Queues, by name."""

    queues: list[Queue]
    cursor: Cursor


class Message(Closed, frozen=True):
    """A message to be sent."""

    body: Annotated[Any, Meta(description="Any JSON, at most 256 KiB.")]
    priority: Priority = 2
    delay_ms: Delay = 0
    group: Group | None = None
    dedup_id: DedupId | None = None


class SendBody(Closed, frozen=True):
    """One message, or `messages` alone: all of those are taken, or none."""

    body: Any | Unset = msgspec.UNSET
    priority: Priority = 2
    delay_ms: Delay = 0
    group: Group | None = None
    dedup_id: DedupId | None = None
    messages: Annotated[list[Message], Meta(min_length=1, max_length=BATCH_MAX)] | Unset = (
        msgspec.UNSET
    )


class MessagesSent(Closed, frozen=True):
    """The ids, in the order of the messages."""

    ids: list[MessageId]


class ReceiveBody(Closed, frozen=True):
    """How many messages, for how long, and how long to wait for one."""

    max: Annotated[int, Meta(ge=1, le=BATCH_MAX)] = 1
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 0
    lease_ms: Annotated[Lease, Meta(description="Without it, the queue's.")] | None = None


class ReceivedMessage(Closed, frozen=True):
    """A message that is yours until its lease ends."""

    id: MessageId
    receipt: Annotated[str, Meta(description="What settles it.")]
    body: Any
    attempt: Annotated[int, Meta(description="1 for the first time.")]
    enqueued_at: Instant
    group: str | None


class ReceivedMessages(Closed, frozen=True):
    """What was ready; may be empty."""

    messages: list[ReceivedMessage]


class PeekedMessage(Closed, frozen=True):
    """A message as it is. Nobody took it by looking."""

    id: MessageId
    state: Literal["ready", "waiting", "delayed", "in_flight"]
    body: Any
    attempts: Annotated[int, Meta(description="Begun so far.")]
    enqueued_at: Instant
    priority: int
    group: str | None
    until: Annotated[
        Instant | None, Meta(description="Delayed: when it is due. In flight: when its lease ends.")
    ]


class PeekedPage(Closed, frozen=True):
    """Messages, in line."""

    messages: list[PeekedMessage]
    cursor: Cursor


class AckBody(Closed, frozen=True):
    """Messages that are done."""

    receipts: Receipts


class NackBody(Closed, frozen=True):
    """Messages that failed."""

    receipts: Receipts
    delay_ms: Annotated[Delay, Meta(description="Without it, the queue's backoff.")] | None = None
    error: Annotated[str, Meta(min_length=1, max_length=ERROR_MAX)] | None = None


class ExtendBody(Closed, frozen=True):
    """Messages that need longer."""

    receipts: Receipts
    lease_ms: Annotated[Lease, Meta(description="From now. Without it, the queue's.")] | None = None


class ReceiptResult(Closed, frozen=True):
    """What became of one receipt."""

    receipt: str
    result: Annotated[
        Literal["ok", "gone"],
        Meta(description="`gone`: settled before, or its lease ended and somebody else has it."),
    ]


class ReceiptResults(Closed, frozen=True):
    """One for each receipt, in their order."""

    results: list[ReceiptResult]


Kind = Annotated[
    Literal["failed", "lost", "buried"],
    Meta(
        description="`failed`: its tries were used up. `lost`: its leases ran out, its workers "
        "died or were too slow. `buried`: its handler gave it up."
    ),
]


class DeadMessage(Closed, frozen=True):
    """A message that was given up."""

    id: MessageId
    body: Any
    kind: Kind
    error: str
    attempts: int
    enqueued_at: Instant
    died_at: Instant
    priority: int
    group: str | None


class DeadPage(Closed, frozen=True):
    """Dead letters, the oldest first."""

    messages: list[DeadMessage]
    cursor: Cursor


class DeadDeleted(Closed, frozen=True):
    """How many were thrown away."""

    deleted: int


class DeadFilter(Closed, frozen=True):
    """Which dead letters: those that suit all of it."""

    kind: Kind | Unset = msgspec.UNSET
    error: Annotated[str, Meta(description="A part of the reason, in whatever case.")] | Unset = (
        msgspec.UNSET
    )
    group: Group | Unset = msgspec.UNSET
    since: Annotated[Instant, Meta(description="Died then or later.")] | Unset = msgspec.UNSET
    until: Annotated[Instant, Meta(description="Died before.")] | Unset = msgspec.UNSET


class RedriveBody(Closed, frozen=True):
    """These dead letters at once, one with another `body`; or all or some, so many a second."""

    ids: Ids | Unset = msgspec.UNSET
    body: Any | Unset = msgspec.UNSET
    all: bool = False
    filter: DeadFilter | Unset = msgspec.UNSET
    per_s: Annotated[int, Meta(ge=1, le=PER_S_MAX, description="Not with `ids`.")] = 100


class RedriveJob(Closed, frozen=True):
    """Dead letters going back in line; each only once."""

    id: Annotated[str, Meta(examples=["rdv_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
    state: Literal["running", "stopped", "completed"]
    moved: int
    total: Annotated[int, Meta(description="How many there were when it began.")]
    per_s: Annotated[int | None, Meta(description="null: at once.")]
    began_at: Instant
    ended_at: Instant | None
