"""The documents of what is sent to webhooks, as the description of the API shows them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from orchestra.bus.documents import Closed, Instant
from orchestra.bus.patterns import PATTERNS_MAX
from orchestra.bus.webhooks.documents import Cursor
from orchestra.bus.webhooks.replaying import PER_S_MAX

DeliveryId = Annotated[str, Meta(examples=["dlv_3f9a1c5e7b2d4f60a8c1e3d5b7f90a12"])]
ReplayId = Annotated[str, Meta(examples=["rpl_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class AttemptShown(Closed, frozen=True):
    """One try, and what came of it."""

    delivery: DeliveryId
    event: Annotated[str, Meta(description="Its id.")]
    type: str
    key: str
    result: Annotated[
        Literal["delivered", "failed", "dead", "skipped"],
        Meta(description="`failed`: it is tried again; `dead`: no more; `skipped`: nothing sent."),
    ]
    at: Instant
    attempt: Annotated[int, Meta(description="1 for the first.")]
    trigger: Annotated[str, Meta(description="`event`, `test`, `redelivery`, or a replay's id.")]
    status: Annotated[int | None, Meta(description="Of the answer; null: there was none.")]
    ms: int
    error: Annotated[str, Meta(description="What kind of failure; empty: none.")]
    detail: str
    address: Annotated[str, Meta(description="What was dialled; empty: nothing was.")]
    headers: Annotated[dict[str, str], Meta(description="Some of the answer's.")]
    body: Annotated[str, Meta(description="The beginning of the answer.")]
    next_at: Annotated[Instant | None, Meta(description="When it is tried again.")]


class DeliveryPage(Closed, frozen=True):
    """Attempts, the newest first. 1,000 of a webhook are kept, for 30 days."""

    deliveries: list[AttemptShown]
    cursor: Cursor


class DeliveryShown(Closed, frozen=True):
    """A delivery: its attempts, the newest first."""

    id: DeliveryId
    attempts: list[AttemptShown]


class Redelivery(Closed, frozen=True):
    """It is sent again, under its id."""

    delivery: DeliveryId
    status: Annotated[
        Literal["queued", "due"], Meta(description="`due`: it was waiting for its next try anyway.")
    ]


class ReplayBody(Closed, frozen=True):
    """What to send once more."""

    since: Instant
    until: Annotated[Instant, Meta(description="Without it, now.")] | Unset = UNSET
    failed_only: Annotated[bool, Meta(description="Only what was given up or skipped.")] = False
    event_types: Annotated[
        list[Annotated[str, Meta(max_length=128)]],
        Meta(max_length=PATTERNS_MAX, description="Patterns; none: what the webhook asks for."),
    ] = msgspec.field(default_factory=list[str])
    per_s: Annotated[int, Meta(ge=1, le=PER_S_MAX)] = PER_S_MAX


class ReplayJob(Closed, frozen=True):
    """How far a replay is."""

    id: ReplayId
    state: Literal["running", "completed", "stopped"]
    sent: Annotated[int, Meta(description="Put in line so far.")]
    since: Instant
    until: Instant
    failed_only: bool
    event_types: list[str]
    per_s: int
    began_at: Instant
    ended_at: Instant | None
