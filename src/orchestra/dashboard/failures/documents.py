"""The documents of the failure inbox, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestra.dashboard.failures.fingerprints import BUCKETS, IDS_MAX, Failure, Group, Kind
from orchestra.dashboard.failures.gathering import Gathered
from orchestra.instants import instant

Window = Literal["1h", "24h", "7d", "30d"]
WINDOWS_MS: dict[str, int] = {
    "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000,
}  # fmt: skip
GROUPS_MAX = 100
Fingerprint = Annotated[str, Meta(max_length=16, examples=["9f2c41d07ab35e68"])]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class Subject(Closed, frozen=True):
    """A workflow, a queue, a reader or a webhook."""

    id: str
    name: str


class FailureShown(Closed, frozen=True):
    """One thing that failed. `id`: of the execution, message, letter or delivery."""

    id: str
    message: str
    at: str


class FailureGroup(Closed, frozen=True):
    """Failures of one cause. In `message` what differs between them is left out."""

    fingerprint: Fingerprint
    kind: Kind
    subject: Subject
    step: Annotated[str, Meta(description="Of a delivery or a reader: the type of event.")]
    code: str
    message: str
    count: int
    first_at: str
    last_at: str
    trend: Annotated[tuple[int, ...], Meta(min_length=BUCKETS, max_length=BUCKETS)]
    newest: Annotated[tuple[FailureShown, ...], Meta(max_length=IDS_MAX)]


class Inbox(Closed, frozen=True):
    """Groups, the one that happened last first. `left_out`: what was not looked at, and why."""

    groups: Annotated[tuple[FailureGroup, ...], Meta(max_length=GROUPS_MAX)]
    failures: Annotated[int, Meta(description="In all groups.")]
    complete: Annotated[bool, Meta(description="Nothing was left out.")]
    left_out: tuple[str, ...]
    window: Window
    since: str


class RetryBody(Closed, frozen=True):
    """Which failures: groups, single ones by `ids`, or all; one of the three."""

    fingerprints: Annotated[list[Fingerprint], Meta(min_length=1, max_length=GROUPS_MAX)] | None = (
        None
    )
    ids: (
        Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=200)]
        | None
    ) = None
    all: bool = False
    window: Window = "24h"
    dry_run: Annotated[bool, Meta(description="Count, and do nothing.")] = False


class Retried(Closed, frozen=True):
    """What came of it. `refused`: cannot be tried again in its state, or not by you."""

    matched: int
    done: int
    refused: int
    dry_run: bool
    complete: bool


def group_shown(group: Group) -> dict[str, Any]:
    """A group as callers see it."""
    newest = group.newest
    return {
        "fingerprint": group.fingerprint,
        "kind": newest.kind,
        "subject": {"id": newest.subject[0], "name": newest.subject[1]},
        "step": newest.step,
        "code": newest.code,
        "message": group.message,
        "count": len(group.members),
        "first_at": instant(group.members[-1].at_ms),
        "last_at": instant(newest.at_ms),
        "trend": group.trend,
        "newest": [failure_shown(one) for one in group.members[:IDS_MAX]],
    }


def failure_shown(one: Failure) -> dict[str, Any]:
    """A failure as callers see it."""
    return {"id": one.id, "message": one.message[:1_000], "at": instant(one.at_ms)}


def inbox_shown(found: Gathered, groups: list[Group], window: str) -> dict[str, Any]:
    """The answer."""
    left_out = list(found.left_out)
    if len(groups) > GROUPS_MAX:
        left_out.append(f"groups: {len(groups) - GROUPS_MAX} older ones")
    return {
        "groups": [group_shown(group) for group in groups[:GROUPS_MAX]],
        "failures": len(found.failures),
        "complete": not left_out,
        "left_out": left_out,
        "window": window,
        "since": instant(found.since_ms),
    }
