"""RE2, which has no types of its own: linear on any text, and for many words far ahead of `re`."""

from collections.abc import Callable, Iterable
from typing import Protocol, cast

import re2  # pyright: ignore[reportMissingTypeStubs]


class Match(Protocol):
    """What is used of a match."""

    def group(self) -> str:
        """The text found."""
        ...


class Pattern(Protocol):
    """What is used of a pattern. No look-around; `\\w` and `\\b` know ASCII only."""

    def finditer(self, text: str) -> Iterable[Match]:
        """Every match, none overlapping another."""
        ...

    def search(self, text: str) -> Match | None:
        """The first match."""
        ...


compiled = cast("Callable[[str], Pattern]", re2.compile)  # pyright: ignore[reportUnknownMemberType]
