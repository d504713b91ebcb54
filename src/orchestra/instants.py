"""Instants as people and programs read them: RFC 3339."""

from datetime import UTC, datetime
from functools import lru_cache


def instant(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-22T21:28:00.123Z`."""
    return f"{_second(ms // 1_000)}.{ms % 1_000:03d}Z"


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    # One page shows many instants of few seconds: formatting each anew was a tenth of a status.
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
