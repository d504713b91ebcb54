"""Reading what people wrote, field by field, keeping every finding instead of stopping at one."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import cast

from orchestra.errors import Problem

SHOWN_MAX = 64


class Fields:
    """One JSON object being read. A field that is wrong reads as its default and leaves a finding.

    `at` is the JSON Pointer of the object; `findings` is shared by all objects of a body.
    """

    def __init__(self, body: Mapping[str, object], at: str, findings: list[Problem]) -> None:
        self.body, self.at, self.findings = body, at, findings

    def find(self, field: str, code: str, message: str, suggestion: str | None = None) -> None:
        """Add a finding about a field; '' is the object itself."""
        pointer = f"{self.at}/{escaped(field)}" if field else self.at
        self.findings.append(Problem(pointer, code, message, suggestion))

    def find_item(self, field: str, i: int, code: str, message: str) -> None:
        """Add a finding about an entry of a list."""
        self.findings.append(Problem(f"{self.at}/{escaped(field)}/{i}", code, message))

    def has(self, field: str) -> bool:
        """Whether it was given; null is not."""
        return self.body.get(field) is not None

    def known(self, names: Collection[str]) -> None:
        """Every other field is a finding, with the nearest known name."""
        for field in self.body:
            if field not in names:
                near = difflib.get_close_matches(field, names, 1, 0.6)
                self.find(field, "unknown_field", "this field is unknown", *near)

    def text(
        self,
        field: str,
        default: str | None = None,
        *,
        pattern: re.Pattern[str] | None = None,
        most: int = 1_024,
    ) -> str:
        """A string. Without a default it is required."""
        value = self.body.get(field)
        if value is None:
            if default is None:
                self.find(field, "missing_field", "this field is required")
            return default or ""
        if not isinstance(value, str):
            self.find(field, "type", "must be a string")
        elif len(value) > most:
            self.find(field, "too_long", f"has at most {most} characters")
        elif pattern is not None and not pattern.fullmatch(value):
            self.find(field, "format", f"must match {pattern.pattern}")
        else:
            return value
        return default or ""

    def whole(self, field: str, default: int, low: int, high: int) -> int:
        """An integer from `low` to `high`."""
        value = self.body.get(field)
        if value is None:
            return default
        if type(value) is not int:
            self.find(field, "type", "must be a whole number")
        elif not low <= value <= high:
            self.find(field, "out_of_range", f"must be from {low} to {high}")
        else:
            return value
        return default

    def maybe_whole(self, field: str, low: int, high: int) -> int | None:
        """An integer from `low` to `high`, or nothing."""
        return self.whole(field, low, low, high) if self.has(field) else None

    def flag(self, field: str) -> bool:
        """True or false; false when it is not given."""
        value = self.body.get(field)
        if value is not None and not isinstance(value, bool):
            self.find(field, "type", "must be true or false")
        return value is True

    def one_of(self, field: str, default: str, options: Collection[str]) -> str:
        """One of a few words."""
        value = self.body.get(field)
        if value is None:
            return default
        if not isinstance(value, str) or value not in options:
            near = difflib.get_close_matches(value, options, 1) if isinstance(value, str) else []
            self.find(field, "not_an_option", f"must be one of {', '.join(options)}", *near)
            return default
        return value

    def inner(self, field: str) -> "Fields | None":
        """An object, to be read in turn; None when it is not there or none."""
        value = self.body.get(field)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.find(field, "type", "must be an object")
            return None
        body = cast("Mapping[str, object]", value)
        return Fields(body, f"{self.at}/{escaped(field)}", self.findings)

    def items(self, field: str, most: int) -> list[object] | None:
        """A list of at most `most`; None when it is not there or none."""
        value = self.body.get(field)
        if value is None:
            return None
        if not isinstance(value, list):
            self.find(field, "type", "must be a list")
            return None
        items = cast("list[object]", value)
        if len(items) > most:
            self.find(field, "too_many", f"has at most {most} entries")
            return None
        return items

    def texts(self, field: str, most: int) -> dict[str, str]:
        """An object of short strings, such as labels."""
        inner = self.inner(field)
        if inner is None:
            return {}
        if len(inner.body) > most:
            self.find(field, "too_many", f"has at most {most} entries")
        return {name: inner.text(name, "", most=256) for name in list(inner.body)[:most]}


def escaped(token: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4), at most 64 characters of it."""
    return token[:SHOWN_MAX].replace("~", "~0").replace("/", "~1")
