"""Which span of time is looked at, as the address says it. Pure.

`?range=1h` ends now and goes on; `?from=…&to=…` stands still. Without a zone an instant is UTC.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from orchestra.dashboard.wording import duration
from orchestra.instants import instant

HOUR_S: Final = 3_600
DAY_S: Final = 24 * HOUR_S
NAMED: Final[Mapping[str, tuple[int, int]]] = {
    "15m": (900, 10), "1h": (HOUR_S, 60), "6h": (6 * HOUR_S, 300), "24h": (DAY_S, 600),
    "7d": (7 * DAY_S, HOUR_S), "30d": (30 * DAY_S, 3 * HOUR_S), "90d": (90 * DAY_S, 6 * HOUR_S),
}  # fmt: skip
"""Seconds, and seconds of a step."""
STEPS: Final = (10, 60, 300, 600, 1_800, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S)
POINTS_MAX: Final = 180
LEAST_S: Final = 60
MOST_S: Final = 90 * DAY_S
DEFAULT: Final = "1h"
SHORT: Final = "15m"


class Span(msgspec.Struct, frozen=True):
    """From when to when, in ms since 1970, in which steps. `name` is empty for one by hand."""

    name: str
    from_ms: int
    to_ms: int
    step_s: int

    @property
    def query(self) -> dict[str, str]:
        """What an address needs to show the same."""
        if self.name:
            return {"range": self.name}
        return {"from": instant(self.from_ms), "to": instant(self.to_ms)}

    @property
    def asked(self) -> dict[str, object]:
        """What the interface is asked for."""
        if self.name:
            return {"from": f"-{self.name}", "to": "now", "step": f"{self.step_s}s"}
        return {"from": instant(self.from_ms), "to": instant(self.to_ms), "step": f"{self.step_s}s"}

    @property
    def length_s(self) -> int:
        """How long it is."""
        return (self.to_ms - self.from_ms) // 1_000

    def shorter(self, begin_ms: int | None) -> "Span":
        """Itself; the last 15 minutes where nothing is known of what was before."""
        length_s, step_s = NAMED[SHORT]
        from_ms = self.to_ms - length_s * 1_000
        young = begin_ms is not None and self.from_ms < from_ms <= begin_ms
        return Span(SHORT, from_ms, self.to_ms, step_s) if young else self

    def late(self, begin_ms: int | None) -> str:
        """When what is known begins, if that is well after the span does."""
        if begin_ms is None or begin_ms - self.from_ms < self.length_s * 1_000 // 8:
            return ""
        return instant(begin_ms)

    @property
    def before(self) -> str:
        """The same span one earlier: what an `offset` says."""
        return f"{max(self.length_s, LEAST_S)}s"


def span_of(given: Mapping[str, str], now_ms: int) -> tuple[Span, dict[str, str]]:
    """The span that is asked for, else an hour; and what is wrong, by field."""
    first, last = given.get("from", "").strip(), given.get("to", "").strip()
    wrong: dict[str, str] = {}
    if first or last:
        begin, end = moment(first, now_ms), moment(last, now_ms) if last else now_ms
        for name, text, found in (("from", first, begin), ("to", last, end)):
            if found is None:
                wrong[name] = "is a date and a time" if text else "is missing"
        if begin is not None and end is not None:
            end = min(end, now_ms)
            if end - begin < LEAST_S * 1_000:
                wrong["from"] = "must be a minute before the end, and not in the future"
            elif end - begin > MOST_S * 1_000:
                wrong["from"] = "must be at most 90 days before the end"
            else:
                return Span("", begin, end, step_of((end - begin) // 1_000)), wrong
    name = given.get("range", DEFAULT)
    if name not in NAMED:
        wrong["range"], name = f"is one of {', '.join(NAMED)}", DEFAULT
    length_s, step_s = NAMED[name]
    return Span(name, now_ms - length_s * 1_000, now_ms, step_s), wrong


def step_of(length_s: int) -> int:
    """The step that makes so many points as a screen can show."""
    return next((step for step in STEPS if length_s / step <= POINTS_MAX), STEPS[-1])


def moment(text: str, now_ms: int) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 instant, with or without zone or seconds."""
    if text == "now":
        return now_ms
    try:
        found = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    ms = int(found.timestamp() * 1_000)
    return ms if 0 < ms < 4_000_000_000_000 else None


def field(ms: int) -> str:
    """An instant as a field for date and time takes it, in UTC."""
    return instant(ms)[:16]


def step_words(step_s: float) -> str:
    """`10 s`, `5 min`, `1 h`, `1 day`."""
    for unit, word in ((DAY_S, "day"), (HOUR_S, "h"), (60, "min")):
        if step_s >= unit and step_s % unit == 0:
            return f"{step_s / unit:g} {word}"
    return duration(step_s * 1_000).replace(".0 s", " s")
