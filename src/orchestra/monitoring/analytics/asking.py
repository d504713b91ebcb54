"""Questions to analytics, as they arrive in a query string: read with everything that is wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from orchestra.errors import Invalid, Problem
from orchestra.monitoring.metrics.asking import duration_s

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
WINDOW_S: Final = (HOUR_S, 30 * DAY_S)
LONG_S: Final = (7 * DAY_S, 90 * DAY_S)
SCALE_MAX: Final = 100.0
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")


class AnalyticsInvalid(Invalid):
    """The question cannot be answered as it is."""


class Reading:
    """Parameters being read. One that is wrong leaves a finding and reads as its default."""

    def __init__(self, given: Mapping[str, Sequence[str]], known: Sequence[str]) -> None:
        self._given = given
        self.findings: list[Problem] = []
        for name in given:
            if name not in known:
                shown = name[:64].replace("~", "~0").replace("/", "~1")
                self.find(shown, "unknown_field", "this parameter is unknown")

    def find(self, name: str, code: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Problem(f"/query/{name}", code, message))

    def done(self) -> None:
        """Raises AnalyticsInvalid with all that was found."""
        if self.findings:
            raise AnalyticsInvalid("the query is not valid", self.findings)

    def one(self, name: str) -> str | None:
        """A parameter that is there once."""
        values = self._given.get(name, ())
        if len(values) > 1:
            self.find(name, "duplicate", "was given more than once")
        return values[0] if values else None

    def window(self, default: str, bounds_s: tuple[int, int] = WINDOW_S) -> tuple[str, int]:
        """How far back, as it was said and in seconds."""
        text = self.one("window") or default
        seconds = duration_s(text)
        if seconds is None or not bounds_s[0] <= seconds <= bounds_s[1]:
            low, high = (_said(one) for one in bounds_s)
            self.find("window", "out_of_range", f"must be a duration from {low} to {high}")
            return default, duration_s(default) or bounds_s[0]
        return text, seconds

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        """One of some words."""
        text = self.one(name) or default
        if text not in known:
            self.find(name, "out_of_range", f"is one of {', '.join(known)}")
            return default
        return text

    def text(self, name: str) -> str:
        """Something that must be there."""
        text = self.one(name)
        if not text or len(text) > 512:
            self.find(name, "missing_field", "this parameter is required")
        return (text or "")[:512]

    def scale(self, name: str) -> float:
        """A factor from 0 to 100."""
        text = self.one(name)
        if text is None or not _NUMBER.fullmatch(text) or float(text) > SCALE_MAX:
            self.find(name, "out_of_range", "must be a number from 0 to 100, such as 0.5")
            return 1.0
        return float(text)

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        """A whole number."""
        text = self.one(name)
        if text is None:
            return default
        if re.fullmatch(r"[0-9]{1,6}", text) and low <= int(text) <= high:
            return int(text)
        self.find(name, "out_of_range", f"must be a whole number from {low} to {high}")
        return default


def _said(seconds: int) -> str:
    return f"{seconds // DAY_S}d" if seconds >= DAY_S else f"{seconds // HOUR_S}h"
