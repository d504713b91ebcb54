"""The documents of contacts and silences, as the description of the API shows them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from orchestra.monitoring.notifications.reading import (
    COMMENT_MAX,
    MATCHERS_MAX,
    NAME_MAX,
    TO_MAX,
    URL_MAX,
    VALUE_MAX,
)
from orchestra.monitoring.notifications.records import Kind, Op, Severity

Instant = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, with milliseconds.",
        examples=["2026-11-23T08:00:00.123Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
ContactId = Annotated[str, Meta(examples=["con_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
SilenceId = Annotated[str, Meta(examples=["sil_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NAME_MAX,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.@-]*$",
        description="What rules call it; no other contact has it.",
        examples=["oncall"],
    ),
]
Addresses = Annotated[
    list[Annotated[str, Meta(max_length=254, examples=["oncall@example.com"])]],
    Meta(min_length=1, max_length=TO_MAX, description="Of mail; each gets a mail of its own."),
]
Url = Annotated[
    str,
    Meta(
        max_length=URL_MAX,
        description="Of a webhook or a chat.",
        examples=["https://example.com/hook"],
    ),
]
Resolved = Annotated[bool, Meta(description="Told of the end of alerts, too.")]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class ContactBody(Closed, frozen=True):
    """Somebody to be told of alerts: `to` of mail, `url` of the others."""

    name: Name
    kind: Kind
    to: Addresses | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    resolved: Resolved = True
    default: Annotated[bool, Meta(description="For rules that name nobody.")] = False


class ContactShown(Closed, frozen=True):
    """A contact."""

    id: ContactId
    name: Name
    kind: Kind
    to: list[str]
    url: Annotated[str | None, Meta(description="Only its host, for who may not change it.")]
    resolved: Resolved
    default: bool
    created_at: Instant
    updated_at: Instant


class ContactMade(ContactShown, frozen=True):
    """A contact that is new; a webhook's secret is shown this once."""

    secret: Annotated[
        str | None, Meta(description="`whsec_…`, what a receiver verifies with; null: none is new.")
    ]


class ContactPage(Closed, frozen=True):
    """All contacts, by name."""

    contacts: list[ContactShown]


class AttemptShown(Closed, frozen=True):
    """What was tried for a test, and what came of it."""

    to: Annotated[str, Meta(description="Of mail.")]
    delivered: bool
    status: Annotated[int | None, Meta(description="Of HTTP, or of SMTP; null: no answer.")]
    ms: int
    detail: Annotated[str, Meta(description="What the server said, or what went wrong.")]


class TestShown(Closed, frozen=True):
    """What came of a test."""

    contact_id: ContactId
    delivered: Annotated[bool, Meta(description="By all of its attempts.")]
    attempts: list[AttemptShown]


class MatcherShown(Closed, frozen=True):
    """A label, and what it is or is not."""

    label: Annotated[
        str,
        Meta(
            pattern=r"^[a-z_][a-z0-9_]{0,31}$",
            description="A label, or `alertname`, `severity`, `rule`.",
            examples=["agent"],
        ),
    ]
    value: Annotated[
        str,
        Meta(max_length=VALUE_MAX, description="`*` at its end: any rest.", examples=["gpt*"]),
    ]
    op: Op = "="


Matchers = Annotated[
    list[MatcherShown],
    Meta(min_length=1, max_length=MATCHERS_MAX, description="All of them must fit."),
]


class SilenceBody(Closed, frozen=True):
    """Tell nobody of these alerts for a while: `duration` or `ends_at`, 30 days at most."""

    matchers: Matchers
    comment: Annotated[str, Meta(min_length=1, max_length=COMMENT_MAX)]
    duration: Annotated[str, Meta(examples=["2h", "7d"])] | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET


class PreviewBody(Closed, frozen=True):
    """What a silence would be about."""

    matchers: Matchers


class MatchShown(Closed, frozen=True):
    """An alert that fires now and is meant."""

    id: str
    rule_id: str
    labels: dict[str, str]
    severity: Severity


class PreviewShown(Closed, frozen=True):
    """Alerts that fire now and are meant, at most 100 of them."""

    matches: list[MatchShown]
    count: int


class SilenceShown(Closed, frozen=True):
    """A silence."""

    id: SilenceId
    state: Literal["pending", "active", "expired"]
    matchers: list[MatcherShown]
    starts_at: Instant
    ends_at: Instant
    comment: str
    author: str
    created_at: Instant


class SilenceMade(SilenceShown, frozen=True):
    """A silence, and which alerts that fire now it is about."""

    matches: list[MatchShown]
    count: int


class SilencePage(Closed, frozen=True):
    """Silences, those that end last first; expired ones stay for a day."""

    silences: list[SilenceShown]
