"""How long was looked at a rule: by the steady clock, however far the other one jumps. Pure."""

from collections.abc import Collection
from typing import Final

import msgspec

from orchestra.monitoring.alerts.records import Rule
from orchestra.store.keys import Tenant

GAP_MS: Final = 30_000
"""Beyond that nobody looked. Who takes over cannot know how much of the time before has passed, and
takes it for so long at most."""
SETTLE_MAX_MS: Final = 600_000


class Look(msgspec.Struct, frozen=True):
    """One look at a rule. `most_ms`: since the one before no more time can have passed.

    Not `settled`: nobody looked for a while, so that no data says nothing.
    """

    now_ms: int
    settled: bool
    most_ms: int


class Looks:
    """Of one evaluator, in one term."""

    def __init__(self) -> None:
        self._last_ms = self._resumed_ms = self._now_ms = 0
        self._began_s = self._now_s = 0.0
        self._seen: dict[tuple[Tenant, str], float] = {}

    def take_over(self, last_ms: int | None, now_ms: int, now_s: float) -> None:
        """A term begins. `last_ms`: when anybody looked last, as far as is known."""
        self._last_ms = now_ms - GAP_MS - 1 if last_ms is None else last_ms
        self._began_s = now_s
        self._seen.clear()

    def begin(self, now_ms: int, now_s: float) -> None:
        """A round begins; `now_s` is of the steady clock."""
        if abs(now_ms - self._last_ms) > GAP_MS:
            self._resumed_ms = now_ms
        self._now_ms, self._now_s = now_ms, now_s

    def at(self, rule: Rule) -> Look:
        """How this look at a rule is."""
        key = rule.tenant, rule.id
        before, more_ms = self._seen.get(key), 0
        if before is None:
            before, more_ms = self._began_s, GAP_MS
        self._seen[key] = self._now_s
        window_ms = min(rule.window_s * 1_000, SETTLE_MAX_MS)
        settled = self._now_ms - self._resumed_ms >= window_ms
        most_ms = max(round((self._now_s - before) * 1_000), 0) + 1 + more_ms  # both are rounded
        return Look(self._now_ms, settled, most_ms)

    def end(self, rules: Collection[Rule]) -> None:
        """The round is over. Of other rules nothing is remembered."""
        self._last_ms = self._now_ms
        if len(self._seen) > len(rules):
            known = {(one.tenant, one.id) for one in rules}
            self._seen = {key: at for key, at in self._seen.items() if key in known}
