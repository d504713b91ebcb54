"""Failures of one cause look alike: the same thing, step and code, and nearly the same message.

Pure. What differs between them (ids, numbers, quoted parts) is left out of the message.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

MESSAGE_MAX: Final = 300
BUCKETS: Final = 12
IDS_MAX: Final = 20
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|“[^“”]*”|«[^«»]*»")
_ID: Final = re.compile(r"\b(?:[a-z]{2,4}_[0-9A-Za-z-]{6,}|[0-9a-fA-F]{8}[0-9a-fA-F-]*)\b")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")

Kind = Literal["execution", "dead_letter", "reader", "delivery"]


class Failure(msgspec.Struct, frozen=True):
    """One thing that failed. `subject`: id and name of the workflow, queue, reader or webhook."""

    kind: Kind
    id: str
    subject: tuple[str, str]
    step: str
    code: str
    message: str
    at_ms: int

    @property
    def fingerprint(self) -> str:
        """Of its cause."""
        parts = (self.kind, self.subject[0], self.step, self.code, alike(self.message))
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


class Group(msgspec.Struct, frozen=True):
    """Failures of one cause, the newest first. `trend`: how many in each twelfth of the time."""

    fingerprint: str
    message: str
    members: tuple[Failure, ...]
    trend: tuple[int, ...]

    @property
    def newest(self) -> Failure:
        """The last one."""
        return self.members[0]


def alike(message: str) -> str:
    """A message without what differs from one time to the next."""
    text = _QUOTED.sub("…", message[: 4 * MESSAGE_MAX])
    text = _NUMBER.sub("#", _ID.sub("…", text))
    return " ".join(text.split())[:MESSAGE_MAX]


def grouped(failures: Iterable[Failure], since_ms: int, now_ms: int) -> list[Group]:
    """Groups, the one that happened last first."""
    found: dict[str, list[Failure]] = {}
    for one in failures:
        found.setdefault(one.fingerprint, []).append(one)
    width = max(1, now_ms - since_ms) / BUCKETS
    groups: list[Group] = []
    for fingerprint, members in found.items():
        members.sort(key=lambda one: (-one.at_ms, one.id))
        trend = [0] * BUCKETS
        for one in members:
            trend[min(BUCKETS - 1, max(0, int((one.at_ms - since_ms) / width)))] += 1
        shown = alike(members[0].message)
        groups.append(Group(fingerprint, shown, tuple(members), tuple(trend)))
    return sorted(groups, key=lambda group: -group.newest.at_ms)
