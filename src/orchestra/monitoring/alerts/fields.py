"""Reading JSON bodies member by member, keeping every finding instead of stopping at one."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast

from orchestra.errors import Problem
from orchestra.monitoring.alerts.records import Pairs
from orchestra.monitoring.metrics.asking import LABEL, LABELS_MAX, duration_s

FINDINGS_MAX: Final = 100
NUMBER_MAX: Final = 1e15
VALUE_MAX_CHARS: Final = 128
VALUES_MAX: Final = 32
_SHOWN_MAX: Final = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Fields:
    """One object being read. A member that is wrong leaves a finding and reads as its default."""

    def __init__(self, body: object, findings: list[Problem], known: Collection[str]) -> None:
        self._findings = findings
        self.body: Mapping[str, object] = {}
        if isinstance(body, dict):
            self.body = cast("Mapping[str, object]", body)
        else:
            findings.append(Problem("", "type", "must be an object"))
        for name in list(self.body)[:FINDINGS_MAX]:
            if name not in known:
                self.find(escaped(name), "unknown_field", "this field is unknown")

    def find(self, name: str, code: str, message: str) -> None:
        """Add a finding about a member."""
        self._findings.append(Problem(f"/{name}", code, message))

    def has(self, name: str) -> bool:
        """Whether it was given; null is not."""
        return self.body.get(name) is not None

    def required(self, *names: str) -> None:
        """Findings for those that are missing."""
        for name in names:
            if not self.has(name):
                self.find(name, "missing_field", "this field is required")

    def text(self, name: str, most: int, default: str = "", *, least: int = 0) -> str:
        """A string on one or more lines, without control characters."""
        value = self.body.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.find(name, "type", "must be a string")
        elif len(value) > most:
            self.find(name, "too_long", f"has at most {most} characters")
        elif len(value.strip()) < least:
            self.find(name, "too_short", "must not be empty")
        elif _CONTROL.search(value):
            self.find(name, "format", "has control characters in it")
        else:
            return value
        return default

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self.body.get(name)
        if value is None:
            return default
        if value not in known:
            self.find(name, "out_of_range", f"is one of {', '.join(known)}")
            return default
        return cast("str", value)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, bool):
            self.find(name, "type", "must be true or false")
        return value if isinstance(value, bool) else default

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number that is one."""
        value = self.body.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.find(name, "type", "must be a number")
        elif not math.isfinite(value) or not low <= value <= high:
            self.find(name, "out_of_range", f"must be from {low:g} to {high:g}")
        else:
            return float(value)
        return default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number."""
        value = self.body.get(name)
        if value is None:
            return default
        if type(value) is not int or not low <= value <= high:
            self.find(name, "out_of_range", f"must be a whole number from {low} to {high}")
            return default
        return value

    def seconds(self, name: str, default: int, low: int, high: int) -> int:
        """A duration: `90s`, `5m`, `1h`, `7d`, or a number of seconds."""
        value = self.body.get(name)
        if value is None:
            return default
        found = value if type(value) is int else None
        if isinstance(value, str):
            found = duration_s(value)
        if found is None:
            self.find(name, "type", "must be a duration such as 90s, 5m, 1h, 7d")
        elif not low <= found <= high:
            told = f"must be from {duration_text(low)} to {duration_text(high)}"
            self.find(name, "out_of_range", told)
        else:
            return found
        return default

    def names(self, name: str, most: int, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Names of labels, each once."""
        found = self.texts(name, most, default)
        for i, one in enumerate(found):
            if not LABEL.fullmatch(one):
                self.find(f"{name}/{i}", "format", "must be the name of a label")
        return found

    def texts(self, name: str, most: int, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Some strings, each once."""
        value = self.body.get(name)
        if value is None:
            return default
        rows = cast("list[object]", value) if isinstance(value, list) else None
        if rows is None:
            self.find(name, "type", "must be a list of strings")
            return default
        if len(rows) > most:
            self.find(name, "too_many", f"has at most {most} entries")
            return default
        texts: list[str] = []
        for i, one in enumerate(rows):
            if not isinstance(one, str) or not 1 <= len(one) <= VALUE_MAX_CHARS:
                self.find(f"{name}/{i}", "type", f"must be 1 to {VALUE_MAX_CHARS} characters")
            else:
                texts.append(one)
        return tuple(dict.fromkeys(texts))

    def pairs(self, name: str) -> Pairs:
        """Labels, each with a value or a list of those that are as good."""
        found: list[tuple[str, str]] = []
        for label, value in self._object(name).items():
            many = isinstance(value, list)
            values = cast("list[object]", value) if many else [value]
            for i, one in enumerate(values[:VALUES_MAX]):
                at = f"{name}/{escaped(label)}" + (f"/{i}" if many else "")
                if self._value(at, one):
                    found.append((label, cast("str", one)))
            if len(values) > VALUES_MAX or not values:
                at = f"{name}/{escaped(label)}"
                self.find(at, "too_many", f"has 1 to {VALUES_MAX} values")
        return tuple(found)

    def labels(self, name: str, taken: Collection[str]) -> dict[str, str]:
        """Labels with values; those that are `taken` mean something already."""
        found: dict[str, str] = {}
        for label, value in self._object(name).items():
            if label in taken:
                self.find(f"{name}/{label}", "reserved", "every alert has this label already")
            elif self._value(f"{name}/{escaped(label)}", value):
                found[label] = cast("str", value)
        return found

    def _value(self, at: str, value: object) -> bool:
        if not isinstance(value, str) or len(value) > VALUE_MAX_CHARS:
            self.find(at, "type", f"must be a string of at most {VALUE_MAX_CHARS} characters")
            return False
        return True

    def _object(self, name: str) -> Mapping[str, object]:
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.find(name, "type", "must be an object")
            return {}
        found = cast("dict[str, object]", value)
        if len(found) > LABELS_MAX:
            self.find(name, "too_many", f"has at most {LABELS_MAX} labels")
            return {}
        good: dict[str, object] = {}
        for label, one in found.items():
            if LABEL.fullmatch(label):
                good[label] = one
            else:
                self.find(f"{name}/{escaped(label)}", "format", "must be the name of a label")
        return good


def duration_text(seconds: int) -> str:
    """As people write it: `5m`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def escaped(name: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4)."""
    return name[:_SHOWN_MAX].replace("~", "~0").replace("/", "~1")
