"""Questions about metrics, as they arrive in a query string: read with everything that is wrong."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from orchestra.errors import Invalid, Problem
from orchestra.monitoring.metrics.functions import AGGREGATES

STEPS_S: Final = (10, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400)
POINTS_MAX: Final = 400
SHOWN: Final = 20
SHOWN_MAX: Final = 100
RANGE_MAX_S: Final = 400 * 86_400
LABELS_MAX: Final = 8
FINDINGS_MAX: Final = 100
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"^([0-9]{1,7})([smhdw])$")
LABEL = re.compile(r"^[a-z_][a-z0-9_]{0,31}$")
KNOWN: Final = frozenset(
    {"metric", "agg", "by", "where", "from", "to", "step", "limit", "offset", "of"}
)
_EVERY_AGG: Final = tuple(dict.fromkeys(agg for kinds in AGGREGATES.values() for agg in kinds))


class QueryInvalid(Invalid):
    """The question cannot be answered as it is."""


class Question(msgspec.Struct, frozen=True):
    """What is asked. `step_s` None: as fits; `agg` None: what suits the metric."""

    metric: str
    from_s: int
    to_s: int
    agg: str | None = None
    by: tuple[str, ...] | None = None
    """None: each series by itself."""
    where: tuple[tuple[str, str], ...] = ()
    of: tuple[tuple[str, str], ...] = ()
    step_s: int | None = None
    limit: int = SHOWN
    offset_s: int = 0


def question(parameters: Mapping[str, Sequence[str]], now_s: int) -> Question:
    """What was asked. Raises QueryInvalid."""
    reading = _Reading(parameters)
    metric = reading.one("metric") or ""
    if not metric:
        reading.find("metric", "missing_field", "this parameter is required")
    to_s = reading.instant("to", now_s, now_s)
    from_s = reading.instant("from", now_s, to_s - 3_600)
    if from_s >= to_s:
        reading.find("from", "out_of_range", "must be before `to`")
    elif to_s - from_s > RANGE_MAX_S:
        reading.find("from", "out_of_range", "asks for more than 400 days")
    made = Question(
        metric=metric[:256],
        from_s=from_s,
        to_s=to_s,
        agg=reading.choice("agg", _EVERY_AGG),
        by=reading.names("by"),
        where=reading.pairs("where"),
        of=reading.pairs("of"),
        step_s=reading.step(),
        limit=reading.whole("limit", 1, SHOWN_MAX, SHOWN),
        offset_s=reading.duration("offset") or 0,
    )
    if made.agg == "ratio" and not made.of:
        reading.find("of", "missing_field", "a ratio needs the part: of=outcome:failed")
    if reading.findings:
        raise QueryInvalid("the query is not valid", reading.findings[:FINDINGS_MAX])
    return made


class _Reading:
    """Parameters being read. One that is wrong leaves a finding and reads as its default."""

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        self._given = parameters
        self.findings: list[Problem] = []
        for name in parameters:
            if name not in KNOWN:
                shown = name[:64].replace("~", "~0").replace("/", "~1")
                self.find(shown, "unknown_field", "this parameter is unknown")

    def find(self, name: str, code: str, message: str) -> None:
        """Add a finding."""
        self.findings.append(Problem(f"/query/{name}", code, message))

    def one(self, name: str) -> str | None:
        """A parameter that is there once."""
        values = self._given.get(name, ())
        if len(values) > 1:
            self.find(name, "duplicate", "was given more than once")
        return values[0] if values else None

    def choice(self, name: str, known: Sequence[str]) -> str | None:
        """One of some words."""
        text = self.one(name)
        if text is not None and text not in known:
            self.find(name, "out_of_range", f"is one of {', '.join(known)}")
            return None
        return text

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        """A whole number."""
        text = self.one(name)
        if text is None:
            return default
        if re.fullmatch(r"[0-9]{1,9}", text) and low <= int(text) <= high:
            return int(text)
        self.find(name, "out_of_range", f"must be a whole number from {low} to {high}")
        return default

    def duration(self, name: str) -> int | None:
        """Seconds of `90s`, `5m`, `1h`, `7d`, `2w`."""
        text = self.one(name)
        if text is None:
            return None
        seconds = duration_s(text)
        if seconds is None or not 1 <= seconds <= RANGE_MAX_S:
            self.find(name, "type", "must be a duration such as 90s, 5m, 1h, 7d")
            return None
        return seconds

    def step(self) -> int | None:
        """Seconds between points; None for `auto`."""
        if self.one("step") == "auto":
            return None
        seconds = self.duration("step")
        if seconds is not None and seconds % 10:
            self.find("step", "out_of_range", "must be a multiple of 10 s")
            return None
        return seconds

    def instant(self, name: str, now_s: int, default: int) -> int:
        """Second of `now`, `-1h`, RFC 3339, or seconds since 1970."""
        text = self.one(name)
        if text is None:
            return default
        found = _second(text, now_s)
        if found is None or not 0 <= found <= 1 << 40:
            self.find(name, "type", "must be `now`, `-1h`, an RFC 3339 time or Unix seconds")
            return default
        return found

    def names(self, name: str) -> tuple[str, ...] | None:
        """Names of labels, with commas between them."""
        values = self._given.get(name)
        if not values:
            return None
        found = [one for value in values for one in value.split(",") if one]
        if len(found) > LABELS_MAX or not all(map(LABEL.fullmatch, found)):
            self.find(name, "type", f"must be at most {LABELS_MAX} names of labels")
            return None
        return tuple(dict.fromkeys(found))

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """`label:value`, several with commas or given again."""
        found: list[tuple[str, str]] = []
        for value in self._given.get(name, ()):
            for part in filter(None, value.split(",")):
                label, colon, wanted = part.partition(":")
                if not colon or not LABEL.fullmatch(label) or len(wanted) > 128:
                    self.find(name, "type", "must be label:value, with commas between them")
                    return ()
                found.append((label, wanted))
        if len(found) > LABELS_MAX * 4:
            self.find(name, "too_many", f"has at most {LABELS_MAX * 4} of them")
            return ()
        return tuple(found)


def duration_s(text: str) -> int | None:
    """Seconds of `90s`, `5m`, `1h`, `7d`, `2w`; None for what is none."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def _second(text: str, now_s: int) -> int | None:
    if text == "now":
        return now_s
    if text[:1] == "-":
        seconds = duration_s(text[1:])
        return None if seconds is None else now_s - seconds
    if re.fullmatch(r"[0-9]{1,12}", text):
        return int(text)
    # A plus in a query string arrives as a space.
    try:
        found = datetime.fromisoformat(text[:40].replace(" ", "+") if "T" in text else "")
    except ValueError:
        return None
    try:
        return int(found.timestamp()) if found.tzinfo is not None else None
    except (OverflowError, ValueError):
        return None
