"""Contacts, silences, groups of alerts, and letters about them."""

import hashlib
from collections.abc import Sequence
from typing import Final, Literal, get_args

import msgspec

from orchestra.errors import Conflict, NotFound, TooMany
from orchestra.store.keys import Tenant

Kind = Literal["email", "webhook", "slack"]
Severity = Literal["info", "warning", "critical"]
LetterKind = Literal["firing", "resolved", "repeat", "unsilenced", "flapping", "settled", "test"]
Op = Literal["=", "!="]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""The least first."""
CONTACTS_MAX: Final = 50
SILENCES_MAX: Final = 200
GROUPS_MAX: Final = 2_000
MEMBERS_MAX: Final = 200
LETTERS_MAX: Final = 10_000
SHOWN_MAX: Final = 20
"""Alerts that a letter names; of more it says how many there are."""
DAY_MS: Final = 86_400_000
SILENCE_MAX_MS: Final = 30 * DAY_MS
OVERFLOW: Final = "…"
"""What all alerts are grouped by that come when there are too many groups."""


class ContactUnknown(NotFound):
    """There is no contact of this id."""


class ContactNameTaken(Conflict):
    """Another contact has this name."""


class ContactMoved(Conflict):
    """Somebody else changed the contact meanwhile."""


class ContactsExhausted(TooMany):
    """The tenant has as many contacts as it may. Context: `limit`."""


class ContactTestedLately(TooMany):
    """It was tested a moment ago."""


class SilenceUnknown(NotFound):
    """There is no silence of this id."""


class SilencesExhausted(TooMany):
    """The tenant has as many silences as it may. Context: `limit`."""


class Contact(msgspec.Struct, frozen=True):
    """Somebody who is told. `to`: of mail; `url`: of the others. `resolved`: of the end, too."""

    id: str
    tenant: Tenant
    name: str
    kind: Kind
    to: tuple[str, ...] = ()
    url: str = ""
    resolved: bool = True
    created_ms: int = 0
    updated_ms: int = 0
    revision: int = 1


class Matcher(msgspec.Struct, frozen=True):
    """A label and what it is, or is not; a `*` at the end of the value is any rest."""

    label: str
    op: Op
    value: str

    def fits(self, given: str) -> bool:
        """Whether a label of this value (\"\": it has none) is meant."""
        if self.value.endswith("*"):
            same = given.startswith(self.value[:-1])
        else:
            same = given == self.value
        return same if self.op == "=" else not same


class Silence(msgspec.Struct, frozen=True):
    """For a while nobody is told of alerts that all of the matchers fit."""

    id: str
    tenant: Tenant
    matchers: tuple[Matcher, ...]
    starts_ms: int
    ends_ms: int
    comment: str
    author: str
    created_ms: int

    def active(self, at_ms: int) -> bool:
        """Whether it is on."""
        return self.starts_ms <= at_ms < self.ends_ms


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the outbox says of an alert; tolerant, as other replicas may say more."""

    alert_id: str
    at_ms: int
    type: str = ""
    """Of the event; it is not in its data."""
    rule_id: str = ""
    name: str = ""
    labels: dict[str, str] = {}
    severity: Severity = "warning"
    value: float | None = None
    summary: str = ""
    runbook: str = ""
    episode: int = 0
    notify: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait_s: int = 30
    repeat_s: int = 14_400


class Standing(msgspec.Struct, frozen=True):
    """How an alert that fires stands now, by the word of the alerts themselves."""

    rule: str
    name: str
    """Of the rule."""
    labels: dict[str, str]
    severity: Severity
    acknowledged: bool = False
    flapping: bool = False
    metric: str = ""

    def facts(self) -> dict[str, str]:
        """What silences look at."""
        return facts_of(self.labels, self.name, self.severity, self.rule)


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """An alert of a group: how it is, and what the contact knows of it."""

    alert: str
    rule: str
    name: str
    labels: dict[str, str]
    severity: Severity
    summary: str
    runbook: str
    value: float | None
    episode: int
    since_ms: int
    """Since when it fires."""
    at_ms: int
    """Of the last word about it."""
    seen_ms: int = 0
    """When it was seen to change last, or to flap."""
    firing: bool = True
    flapping: bool = False
    swings: int = 0
    """Changes that a digest is to tell."""
    known: Literal["", "firing", "resolved", "flapping"] = ""
    """What the contact was told last."""
    known_episode: int = 0
    hushed: Literal["", "silence", "mute"] = ""
    """Why nothing was said at the last look."""
    last: str = ""
    """Type of the last word about it: the same again at the same time is a repeat."""


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one contact is told of some alerts."""

    id: str
    tenant: Tenant
    contact: str
    by: tuple[tuple[str, str], ...] = ()
    members: tuple[Member, ...] = ()
    wait_s: int = 30
    repeat_s: int = 14_400
    wait_until_ms: int | None = None
    """News are told then."""
    said_ms: int | None = None
    """When something was said last."""
    repeats: int = 0
    """Since there was something new."""
    due_ms: int | None = None
    revision: int = 0


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """An alert as a letter names it."""

    alert: str
    rule: str
    name: str
    labels: dict[str, str]
    severity: Severity
    summary: str
    runbook: str
    value: float | None
    firing: bool
    since_ms: int
    at_ms: int
    swings: int = 0


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a contact is told, decided once. `id` is the same however often it is handed on."""

    id: str
    tenant: Tenant
    contact: str
    group: str
    kind: LetterKind
    at_ms: int
    lines: tuple[Line, ...] = ()
    more: int = 0
    """Alerts beyond those that are named."""
    number: int = 0
    """Of a repeat."""


def facts_of(labels: dict[str, str], name: str, severity: str, rule: str) -> dict[str, str]:
    """What silences look at: the labels, and what every alert has."""
    return labels | {"alertname": name, "severity": severity, "rule": rule}


def group_id(contact: str, by: Sequence[tuple[str, str]]) -> str:
    """The group of a contact for these labels. The same everywhere, without asking."""
    text = msgspec.json.encode([contact, list(by)])
    return f"grp_{hashlib.blake2b(text, digest_size=12).hexdigest()}"


def letter_id(contact: str, episodes: Sequence[tuple[str, int, int]], kind: str, n: int) -> str:
    """Of what a contact is told: which firings of which alerts, what of them, the how manyth."""
    text = msgspec.json.encode([contact, sorted(episodes), kind, n])
    return f"ntf_{hashlib.blake2b(text, digest_size=15).hexdigest()}"


def worst(severities: Sequence[Severity]) -> Severity:
    """The gravest of them; of none the least there is."""
    ranked: list[Severity] = sorted(severities, key=SEVERITIES.index)
    return ranked[-1] if ranked else "info"
