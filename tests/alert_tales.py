"""What happens to alerts over time, and what a contact is told: pure, in time that is ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from orchestra.monitoring.notifications.deciding import Known, heard, looked
from orchestra.monitoring.notifications.records import (
    Contact,
    Group,
    Letter,
    Matcher,
    Silence,
    Standing,
    Told,
)
from orchestra.store.keys import DEFAULT_TENANT as HOME

BEGAN_MS = 1_700_000_000_000
MINUTE, HOUR = 60, 3_600
CONTACT = Contact("con_1", HOME, "oncall", "email", ("on@example.com",))


def a_word(kind: str, at_ms: int, alert: str = "alr_1.a", **given: Any) -> Told:
    """What the outbox says."""
    base = Told(
        alert, at_ms, kind, rule_id=alert.partition(".")[0], name="Agent errors",
        labels={"agent": alert.partition(".")[2]}, summary="12 % of its calls fail", value=0.12,
        episode=1, group_by=("rule",),
    )  # fmt: skip
    return msgspec.structs.replace(base, **given)


@dataclass
class Tale:
    """One group of one contact. Looked at when it is due, and never else."""

    contact: Contact = CONTACT
    now_ms: int = BEGAN_MS
    group: Group = field(default_factory=lambda: Group("grp_1", HOME, "con_1"))
    silences: list[Silence] = field(default_factory=list[Silence])
    firing: dict[str, Standing] = field(default_factory=dict[str, Standing])
    letters: list[Letter] = field(default_factory=list[Letter])
    looks: int = 0

    def hears(self, kind: str, alert: str = "alr_1.a", **given: Any) -> bool:
        """Something is said of an alert; whether that was new."""
        told = a_word(kind, given.pop("at_ms", self.now_ms), alert, **given)
        if kind in ("alert.fired", "alert.flapping"):
            self.firing[alert] = Standing(
                told.rule_id, told.name, told.labels, told.severity,
                flapping=kind == "alert.flapping",
            )  # fmt: skip
        elif kind == "alert.resolved":
            self.firing.pop(alert, None)
        elif alert in self.firing:
            self.firing[alert] = msgspec.structs.replace(self.firing[alert], acknowledged=True)
        after = heard(self.group, told, self.now_ms)
        if after is not None:
            self.group = after
        return after is not None

    def passes(self, seconds: float) -> list[Letter]:
        """Time passes; what is said meanwhile."""
        until, before = self.now_ms + round(seconds * 1_000), len(self.letters)
        while self.group.due_ms is not None and self.group.due_ms <= until:
            self.now_ms = max(self.now_ms, self.group.due_ms)
            self._look()
        self.now_ms = until
        return self.letters[before:]

    def silence(self, seconds: float, **labels: str) -> Silence:
        """Nobody is told of these for a while."""
        matchers = tuple(Matcher(label, "=", value) for label, value in labels.items())
        made = Silence(
            f"sil_{len(self.silences)}", HOME, matchers, self.now_ms,
            self.now_ms + round(seconds * 1_000), "why", "somebody", self.now_ms,
        )  # fmt: skip
        self.silences.append(made)
        return made

    def _look(self) -> None:
        self.looks += 1
        known = Known(self.now_ms, self.contact, self.silences, dict(self.firing))
        self.group, said = looked(self.group, known)
        assert self.group.due_ms is None or self.group.due_ms > self.now_ms, "it would not end"
        self.letters += said


def kinds(letters: Sequence[Letter]) -> list[str]:
    """What of them."""
    return [one.kind for one in letters]


def names(letter: Letter) -> list[str]:
    """Of which alerts."""
    return [one.alert for one in letter.lines]
