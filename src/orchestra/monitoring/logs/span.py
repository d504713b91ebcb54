"""Spans of time as people write them: RFC 3339, `-1h`, `now`."""

import re
from datetime import UTC, datetime
from typing import Final

from orchestra.monitoring.logs.lines import moment, moment_us

_BACK = re.compile(r"-(\d{1,9})(ms|s|m|h|d|w)")
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LAST_MS: Final = 253_402_300_799_000


def moment_of(text: str, now_ms: int) -> bytes | None:
    """The instant, as lines show it; None when it is none. Without a zone it is UTC."""
    if text == "now":
        return moment(now_ms).encode()
    if back := _BACK.fullmatch(text):
        return moment(max(0, now_ms - int(back[1]) * _MS[back[2]])).encode()
    # A `+` of a zone is a space in a query that was not encoded.
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        us = round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
    except (ValueError, OverflowError):
        return None
    if not 0 <= us <= _LAST_MS * 1_000:
        return None
    return moment_us(us).encode()
