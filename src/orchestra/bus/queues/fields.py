"""Reading JSON bodies member by member, keeping every finding instead of stopping at one."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import cast

import msgspec

from orchestra.errors import Problem

_SHOWN_MAX = 64
NULL = msgspec.Raw(b"null")


class Fields:
    """One object being read. A member that is wrong leaves a finding and reads as its default."""

    def __init__(
        self, body: object, findings: list[Problem], known: Collection[str], at: str = ""
    ) -> None:
        self._at, self._findings = at, findings
        self._body: Mapping[str, object] = {}
        self._is_object = isinstance(body, dict)
        if self._is_object:
            self._body = cast("Mapping[str, object]", body)
        else:
            findings.append(Problem(at, "type", "must be an object"))
        for name in self._body:
            if name not in known:
                self.find(_escaped(name), "unknown_field", "this field is unknown")

    def has(self, name: str) -> bool:
        """Whether it was given; null is not."""
        return self._body.get(name) is not None

    def given(self, name: str) -> bool:
        """Whether it was given, be it as null."""
        return name in self._body

    def find(self, name: str, code: str, message: str) -> None:
        """Add a finding about a member."""
        self._findings.append(Problem(f"{self._at}/{name}", code, message))

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number; None when it was not given."""
        value = self._body.get(name)
        if value is None:
            return None
        if type(value) is not int:
            self.find(name, "type", "must be a whole number")
        elif not low <= value <= high:
            self.find(name, "out_of_range", f"must be from {low} to {high}")
        else:
            return value
        return None

    def text(self, name: str, most: int) -> str | None:
        """A string; None when it was not given."""
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.find(name, "type", "must be a string")
        elif len(value) > most:
            self.find(name, "too_long", f"has at most {most} characters")
        elif not value:
            self.find(name, "too_short", "must not be empty")
        else:
            return value
        return None

    def flag(self, name: str) -> bool:
        """True or false; false when it was not given."""
        value = self._body.get(name)
        if value is not None and not isinstance(value, bool):
            self.find(name, "type", "must be true or false")
        return value is True

    def items(self, name: str, most: int) -> list[object] | None:
        """A list of 1 to `most`; None when it was not given, or is none."""
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            self.find(name, "type", "must be a list")
            return None
        found = cast("list[object]", value)
        if not 1 <= len(found) <= most:
            self.find(name, "too_many" if found else "too_short", f"has 1 to {most} entries")
            return None
        return found

    def texts(self, name: str, most: int) -> list[str] | None:
        """A list of strings; None when it was not given, or is none."""
        found = self.items(name, most)
        for i, one in enumerate(found or ()):
            if not isinstance(one, str) or len(one) > 256:
                self.find(f"{name}/{i}", "type", "must be a string of at most 256 characters")
        return None if found is None else [one for one in found if isinstance(one, str)]

    def wholes(self, name: str, most: int, high: int) -> tuple[int, ...] | None:
        """A list of whole numbers from 0 to `high`; None when it was not given, or is none."""
        found = self.items(name, most)
        for i, one in enumerate(found or ()):
            if type(one) is not int or not 0 <= one <= high:
                self.find(f"{name}/{i}", "out_of_range", f"must be a number from 0 to {high}")
        return None if found is None else tuple(one for one in found if isinstance(one, int))

    def moment_ms(self, name: str) -> int | None:
        """An instant as RFC 3339 has it, in ms since 1970; None when it was not given."""
        value = self._body.get(name)
        if value is None:
            return None
        try:
            found = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            found = None
        if found is None or found.tzinfo is None:
            self.find(name, "format", "must be an instant such as 2026-11-23T01:30:12Z")
            return None
        return int(found.timestamp() * 1_000)

    def within(self, name: str, known: Collection[str]) -> "Fields":
        """The object under this name."""
        return Fields(self._body.get(name), self._findings, known, f"{self._at}/{name}")

    def raw(self, name: str, most_bytes: int) -> msgspec.Raw:
        """Anything that is JSON, and must be there."""
        if name not in self._body:
            if self._is_object:
                self.find(name, "missing_field", "this field is required")
            return NULL
        raw = msgspec.json.encode(self._body[name])
        if len(raw) > most_bytes:
            self.find(name, "too_long", f"has at most {most_bytes} bytes")
            return NULL
        return msgspec.Raw(raw)


def _escaped(name: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4)."""
    return name[:_SHOWN_MAX].replace("~", "~0").replace("/", "~1")
