"""Reading JSON bodies member by member: what webhooks need beyond what queues do."""

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import cast

from orchestra.bus.queues import fields as plain
from orchestra.errors import Problem

Judge = Callable[[str], tuple[str, str] | None]
_SHOWN_MAX = 64


def anything(_: str) -> None:
    """Nothing is wrong with it."""


def escaped(name: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4)."""
    return name[:_SHOWN_MAX].replace("~", "~0").replace("/", "~1")


class Fields(plain.Fields):
    """One object being read. A member that is wrong leaves a finding and reads as its default."""

    def required(self, name: str, most: int) -> str:
        """A string that must be there; "" when it is not."""
        if self._is_object and not self.has(name):
            self.find(name, "missing_field", "this field is required")
            return ""
        return self.text(name, most) or ""

    def one_of(self, name: str, options: Collection[str]) -> str | None:
        """One of a few words; None when it was not given."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value in options:
            return value
        near = difflib.get_close_matches(value, options, 1) if isinstance(value, str) else []
        told = f"must be one of {', '.join(options)}"
        self._findings.append(Problem(f"{self._at}/{name}", "not_an_option", told, *near))
        return None

    def choice(self, name: str, *, otherwise: bool) -> bool:
        """True or false."""
        return self.flag(name) if self.has(name) else otherwise

    def maybe(self, name: str, most: int) -> str:
        """A string, which may be empty; "" when it was not given."""
        return "" if self._body.get(name) == "" else self.text(name, most) or ""

    def strings(self, name: str, most: int, chars: int, judge: Judge = anything) -> tuple[str, ...]:
        """Different strings, each at most `chars` long; none when it was not given.

        `judge` says what is wrong with one, if anything.
        """
        value = self._body.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.find(name, "type", "must be a list")
            return ()
        items = cast("list[object]", value)
        if len(items) > most:
            self.find(name, "too_many", f"has at most {most} entries")
            return ()
        found: list[str] = []
        for i, one in enumerate(items):
            if not isinstance(one, str) or not 1 <= len(one) <= chars:
                self.find(f"{name}/{i}", "type", f"must be a string of 1 to {chars} characters")
            elif wrong := judge(one):
                self.find(f"{name}/{i}", *wrong)
            else:
                found.append(one)
        return tuple(dict.fromkeys(found))

    def inner(self, name: str, known: Collection[str]) -> "Fields | None":
        """An object to be read in turn; None when it was not given."""
        value = self._body.get(name)
        return None if value is None else Fields(value, self._findings, known, f"{self._at}/{name}")

    def members(self, name: str, most: int) -> Mapping[str, object]:
        """An object with any members; none when it was not given, or is none."""
        value = self._body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.find(name, "type", "must be an object")
            return {}
        found = cast("Mapping[str, object]", value)
        if len(found) > most:
            self.find(name, "too_many", f"has at most {most} members")
            return {}
        return found
