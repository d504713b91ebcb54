"""The documents of the webhook routes, as the description of the API shows them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from orchestra.bus.documents import Closed, Instant
from orchestra.bus.patterns import PATTERNS_MAX
from orchestra.bus.webhooks.reading import (
    CONCURRENCY_MAX,
    FILTER_MAX,
    HEADERS_MAX,
    IDS_MAX,
    NAME_MAX,
    OVERLAP_H,
    RATE_MAX,
    TIMEOUT_MS,
    TRIES_MAX,
    URL_MAX,
    WAIT_MS_MAX,
)
from orchestra.bus.webhooks.records import Format, Kind, Ordering, State

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET

WebhookId = Annotated[str, Meta(examples=["whk_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX, examples=["team chat"])]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=URL_MAX,
        description="http or https, to a public address, on port 80, 443, 8080 or 8443.",
        examples=["https://example.com/hooks/orchestra"],
    ),
]
Types = Annotated[
    list[Annotated[str, Meta(max_length=128)]],
    Meta(
        max_length=PATTERNS_MAX,
        description="Patterns such as `step.*`, `order.**`; none: every type.",
        examples=[["workflow.completed", "workflow.failed"]],
    ),
]
Expression = Annotated[
    str,
    Meta(
        max_length=FILTER_MAX,
        description="A condition over `event`, in the language of workflows; empty: none.",
        examples=["event.data.priority == 'high'"],
    ),
]
Ids = Annotated[list[str], Meta(max_length=IDS_MAX, description="Only of these; none: of all.")]
Headers = Annotated[
    dict[str, str],
    Meta(
        max_length=HEADERS_MAX,
        description="Sent along. `${secret:name}` stands for a secret, where it may go.",
    ),
]
Rate = Annotated[int, Meta(ge=0, le=RATE_MAX, description="Deliveries a second; 0: no limit.")]
Concurrency = Annotated[int, Meta(ge=1, le=CONCURRENCY_MAX, description="Deliveries at once.")]
Timeout = Annotated[int, Meta(ge=TIMEOUT_MS[0], le=TIMEOUT_MS[1])]
Schedule = Annotated[
    list[Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)]],
    Meta(min_length=1, max_length=TRIES_MAX, description="The wait before each try."),
]
Order = Annotated[
    Ordering, Meta(description="`key`: events of one key in order; `all`: every one in order.")
]
Shape = Annotated[
    Format, Meta(description="Without it `cloudevents`, and `slack` for an address of Slack.")
]
Cursor = Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
SecretText = Annotated[
    str, Meta(max_length=256, description="`whsec_…`, `whsk_…` for ed25519. Shown this once.")
]


class EventFilter(Closed, frozen=True):
    """Which events."""

    event_types: Types = msgspec.field(default_factory=list[str])
    expression: Expression = ""


class WebhookBody(Closed, frozen=True):
    """An endpoint to be told of events."""

    name: Name
    url: Url
    event_filter: EventFilter | Unset = UNSET
    workflow_ids: Ids = msgspec.field(default_factory=list[str])
    agent_ids: Ids = msgspec.field(default_factory=list[str])
    sources: Ids = msgspec.field(default_factory=list[str])
    format: Shape | Unset = UNSET
    ordering: Order = "parallel"
    headers: Headers = msgspec.field(default_factory=dict[str, str])
    rate_per_s: Rate = 0
    concurrency: Concurrency = 10
    timeout_ms: Timeout = 15_000
    schedule_ms: Schedule | Unset = UNSET
    secret: SecretText | Unset = UNSET
    signature: Annotated[Kind, Meta(description="`v1a` is ed25519.")] = "v1"
    active: bool = True


class WebhookChange(Closed, frozen=True):
    """A JSON merge patch: what is not named stays; null is the default again."""

    name: Name | Unset = UNSET
    url: Url | Unset = UNSET
    event_filter: EventFilter | Unset | None = UNSET
    workflow_ids: Ids | Unset | None = UNSET
    agent_ids: Ids | Unset | None = UNSET
    sources: Ids | Unset | None = UNSET
    format: Shape | Unset | None = UNSET
    ordering: Order | Unset | None = UNSET
    headers: Headers | Unset | None = UNSET
    rate_per_s: Rate | Unset | None = UNSET
    concurrency: Concurrency | Unset | None = UNSET
    timeout_ms: Timeout | Unset | None = UNSET
    schedule_ms: Schedule | Unset | None = UNSET


class SigningKeyShown(Closed, frozen=True):
    """A key that signs, without its value."""

    id: Annotated[str, Meta(examples=["sgk_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
    kind: Kind
    created_at: Instant
    expires_at: Annotated[Instant | None, Meta(description="null: until it is replaced.")]


class CircuitShown(Closed, frozen=True):
    """Whether deliveries are tried. Open: not before `until`, and no try is used up."""

    state: Literal["closed", "open", "half_open"]
    until: Instant | None
    failures: Annotated[int, Meta(description="In a row.")]
    in_flight_max: Annotated[int, Meta(description="Grows with each success.")]


class Webhook(Closed, frozen=True):
    """An endpoint, and how it is."""

    id: WebhookId
    name: Name
    url: Annotated[str, Meta(description="Only its host, for who may not change it.")]
    event_filter: EventFilter
    workflow_ids: Ids
    agent_ids: Ids
    sources: Ids
    format: Format
    ordering: Order
    headers: Headers
    rate_per_s: Rate
    concurrency: Concurrency
    timeout_ms: Timeout
    schedule_ms: Schedule
    state: State
    disabled_reason: str
    circuit: CircuitShown
    last_success_at: Instant | None
    failing_since: Instant | None
    waiting: Annotated[int, Meta(description="Deliveries in line.")]
    created_at: Instant
    updated_at: Instant
    revision: int
    managed_by: Annotated[
        str | None, Meta(description="What it belongs to, such as a contact; null: it is yours.")
    ]
    signing_keys: list[SigningKeyShown]


class WebhookPage(Closed, frozen=True):
    """Webhooks, the oldest first."""

    webhooks: list[Webhook]
    cursor: Cursor


class WebhookMade(Webhook, frozen=True):
    """A webhook with its signing secret, shown this once."""

    secret: SecretText
    public_key: Annotated[str | None, Meta(description="`whpk_…`, what verifies `v1a`.")]


class WebhookEnabled(Webhook, frozen=True):
    """A webhook that is on again."""

    skipped: Annotated[
        int, Meta(description="Not sent while it was off: `/replay` with `failed_only` sends them.")
    ]


class RotateBody(Closed, frozen=True):
    """For how long the old key signs, too."""

    overlap_h: Annotated[int, Meta(ge=OVERLAP_H[0], le=OVERLAP_H[1])] = 24
