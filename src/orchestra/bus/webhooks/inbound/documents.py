"""The documents of the routes of inbound hooks, as the description of the API shows them."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from orchestra.bus.documents import Closed, EventId, Instant
from orchestra.bus.webhooks.documents import SigningKeyShown
from orchestra.bus.webhooks.inbound.reading import HEADERS_MAX, RATE_MAX
from orchestra.bus.webhooks.inbound.records import Scheme, State
from orchestra.bus.webhooks.reading import NAME_MAX, OVERLAP_H

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET

HookId = Annotated[str, Meta(examples=["ihk_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX, examples=["pushes"])]
Headers = Annotated[
    list[str], Meta(max_length=HEADERS_MAX, description="Headers that are passed on, by name.")
]
Rate = Annotated[int, Meta(ge=1, le=RATE_MAX, description="Requests a second; twice at once.")]
Signed = Annotated[Scheme, Meta(description="How the sender signs.")]
SecretText = Annotated[
    str,
    Meta(max_length=256, description="Without it one is made; Slack and Stripe make their own."),
]


class SignalBody(Closed, frozen=True):
    """What a waiting step is told."""

    execution: Annotated[
        str,
        Meta(
            max_length=600,
            description="An execution, or `${input.…}` for where its id is in what comes.",
            examples=["${input.execution_id}"],
        ),
    ]
    name: Annotated[str, Meta(max_length=64, examples=["approved"])]


class TargetBody(Closed, frozen=True, omit_defaults=True):
    """What comes of it: a workflow starts, or a signal is sent; without either only an event."""

    workflow: Annotated[str, Meta(max_length=128)] | Unset = UNSET
    signal: SignalBody | Unset = UNSET


class HookBody(Closed, frozen=True):
    """An inbound hook to be made."""

    name: Name
    target: TargetBody | Unset = UNSET
    scheme: Signed = "standard-webhooks"
    secret: SecretText | Unset = UNSET
    public: Annotated[
        bool, Meta(description="Believes everybody. Only an administrator makes one.")
    ] = False
    headers: Headers = msgspec.field(default_factory=list[str])
    rate_per_s: Rate = 10
    active: bool = True


class HookChange(Closed, frozen=True):
    """A JSON merge patch: what is not named stays; null is the default again."""

    name: Name | Unset = UNSET
    target: TargetBody | Unset | None = UNSET
    headers: Headers | Unset | None = UNSET
    rate_per_s: Rate | Unset | None = UNSET
    active: bool | Unset | None = UNSET


class HookRotation(Closed, frozen=True):
    """For how long the old secret is believed, too."""

    overlap_h: Annotated[int, Meta(ge=OVERLAP_H[0], le=OVERLAP_H[1])] = 24
    secret: SecretText | Unset = UNSET


class Hook(Closed, frozen=True):
    """An inbound hook."""

    id: HookId
    name: Name
    url: Annotated[str, Meta(description="Where to send; a path when no public URL is set.")]
    target: TargetBody
    scheme: Signed
    public: bool
    headers: Headers
    rate_per_s: Rate
    active: bool
    state: State
    created_at: Instant
    updated_at: Instant
    revision: int
    signing_keys: list[SigningKeyShown]


class HookMade(Hook, frozen=True):
    """A hook with its secret, shown this once; null: it is public."""

    secret: str | None


class HookPage(Closed, frozen=True):
    """Inbound hooks, the oldest first: at most 100."""

    hooks: list[Hook]


class HookAccepted(Closed, frozen=True):
    """It is kept for good, as this event."""

    event_id: EventId
    status: Literal["accepted"]


class HookChallenge(Closed, frozen=True):
    """What Slack wants to hear."""

    challenge: str


ANYTHING: Final[dict[str, Any]] = {
    "title": "HookRequest",
    "description": "Whatever the sender sends: JSON, or a form.",
}
