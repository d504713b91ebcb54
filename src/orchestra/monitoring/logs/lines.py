"""One line: its time and level without decoding it, its bound, what makes it easy to find.

A line is `{"ts":"2026-11-23T04:09:31.123456Z","level":"info",…}`: lines sort by time as bytes do.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

AT: Final = slice(7, 33)
"""Where the time is: RFC 3339 in UTC with microseconds, without the Z."""
LEVEL_AT: Final = 45
"""Where the level begins. Its first letter says which."""
RANKS: Final[Mapping[int, int]] = {ord("d"): 0, ord("i"): 1, ord("w"): 2, ord("e"): 3, ord("c"): 3}
NAMES: Final = ("debug", "info", "warning", "error")
RANK_OF: Final = {
    **{"trace": 0, "debug": 0, "info": 1, "notice": 1, "warn": 2, "warning": 2},
    **{"error": 3, "err": 3, "critical": 3, "fatal": 3, "emergency": 3},
}
KNOWN_NAMES: Final = ("step", "agent", "trace_id", "span_id")
"""Members whose values a chunk's filter knows by name."""

_BEGINS = re.compile(
    rb'\{"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","level":"(?:debug|info|warning|error|critical)"'
)
# Ids are of this century's half: a pattern that begins with more than one known character is ten
# times as quick. An id that does not fit is found all the same, only without skipping chunks.
_ID = re.compile(
    rb"_01(?:[0-9a-f]{6}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{30})"
)
_MEMBERS: Final = [re.compile(b'"%s":"[^"]*' % name.encode()) for name in KNOWN_NAMES]
_WHOLE_ID = re.compile(rb"[a-z]{3}" + _ID.pattern)


def is_line(raw: bytes) -> bool:
    """Whether it begins as a line must."""
    return _BEGINS.match(raw) is not None


def moment(ms: int) -> str:
    """An instant as it stands in a line, without the Z."""
    return moment_us(ms * 1_000)


def moment_us(us: int) -> str:
    """The same in microseconds since 1970."""
    whole = datetime.fromtimestamp(us // 1_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{us % 1_000_000:06d}"


def ms_of(at: bytes) -> int:
    """The time in a line as ms since 1970, rounded down."""
    whole = datetime.fromisoformat(at[:19].decode()).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1_000 + int(at[20:23])


def tokens(lines: bytes) -> set[bytes]:
    """What a filter of these lines must know: ids wherever they stand, some members by name."""
    found = set[bytes](_ID.findall(lines))
    for pattern in _MEMBERS:
        found.update(pattern.findall(lines))
    return found


def token(name: str, escaped: bytes) -> bytes:
    """How a filter knows that the text of `name` is this, as JSON writes it."""
    return b'"%s":"' % name.encode() + escaped.partition(b'"')[0]


def id_token(text: bytes) -> bytes | None:
    """How a filter knows this id, wherever it stands in a line; None for what is none."""
    return text[3:] if _WHOLE_ID.fullmatch(text) else None
