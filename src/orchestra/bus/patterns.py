"""Patterns of event types: segments split at `.`, `*` is one of them, `**` the rest."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

PATTERN = re.compile(r"(?:\*|[A-Za-z0-9_/-]+)(?:\.(?:\*|\*\*|[A-Za-z0-9_/-]+)){0,15}|\*\*")
PATTERNS_MAX = 50
_KNOWN_MAX = 1_000
_MATCHERS_MAX = 256


def is_pattern(text: str) -> bool:
    """Whether it can be matched; `**` stands at the end only."""
    return len(text) <= 128 and bool(PATTERN.fullmatch(text)) and "**" not in text[:-2]


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a type matches one of `patterns`; all do when there are none or one is `*`."""
    if not patterns or "*" in patterns or "**" in patterns:
        return _everything
    return _matcher(tuple(patterns))


def _everything(_: str) -> bool:
    return True


@lru_cache(_MATCHERS_MAX)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Shared by all who want the same: it knows the types it has seen."""
    wanted = [pattern.split(".") for pattern in patterns]

    @lru_cache(_KNOWN_MAX)
    def matches(event_type: str) -> bool:
        parts = event_type.split(".")
        return any(_fits(parts, segments) for segments in wanted)

    return matches


def _fits(parts: list[str], segments: list[str]) -> bool:
    if segments[-1] == "**":
        segments, parts = segments[:-1], parts[: len(segments) - 1]
    return len(parts) == len(segments) and all(
        segment in ("*", part) for part, segment in zip(parts, segments, strict=True)
    )
