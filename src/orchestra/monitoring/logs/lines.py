"""One line: its time and level without decoding it, its bound, what makes it easy to find.

A line is `{"ts":"2026-11-23T04:09:31.123456Z","level":"info",…}`: lines sort by time as bytes do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

LINE_MAX_BYTES: Final = 8_192
CUT_TEXT: Final = 256
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
IDS: Final = ("execution_id", "request_id", "trace_id", "span_id", "step", "agent")
"""Fields that a chunk's filter knows by name and value."""

_BEGINS = re.compile(
    rb'\{"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","level":"(?:debug|info|warning|error|critical)"'
)
_ID = re.compile(
    rb"[a-z]{3}_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|req_[0-9a-f]{32}"
)
_WHOLE_ID = re.compile(_ID.pattern + rb"\Z")


class _Named(msgspec.Struct, frozen=True):
    """What a filter knows by name; anything else in a line is passed over."""

    execution_id: Any = None
    request_id: Any = None
    trace_id: Any = None
    span_id: Any = None
    step: Any = None
    agent: Any = None


_decode_named = msgspec.json.Decoder(_Named).decode


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


def cut(raw: bytes) -> bytes:
    """A line within its bound. One that is over it loses the ends of its long values."""
    if len(raw) <= LINE_MAX_BYTES:
        return raw
    line = cast("dict[str, object]", msgspec.json.decode(raw))
    short: dict[str, object] = {}
    left = LINE_MAX_BYTES - CUT_TEXT
    for name, value in line.items():
        one = {name[:64]: _shortened(value)}
        left -= len(msgspec.json.encode(one))
        if left < 0:
            break
        short |= one
    return msgspec.json.encode(short | {"cut_bytes": len(raw)})


def _shortened(value: object) -> object:
    if isinstance(value, str | dict | list):
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return text if len(text) <= CUT_TEXT else text[: CUT_TEXT - 1] + "…"
    return value


def tokens(lines: Iterable[bytes]) -> set[bytes]:
    """What a filter of these lines must know: ids wherever they stand, some fields by name."""
    found: set[bytes] = set()
    for line in lines:
        found.update(_ID.findall(line))
        found.update(_named(line))
    return found


def _named(line: bytes) -> Iterator[bytes]:
    named = _decode_named(line)
    for name in IDS:
        value = getattr(named, name)
        if value is not None:
            yield token(
                name, value if isinstance(value, str) else msgspec.json.encode(value).decode()
            )


def token(name: str, value: str) -> bytes:
    """How a filter knows that `name` is `value`."""
    return f"{name}={value}".encode()


def is_id(text: bytes) -> bool:
    """Whether a filter knows this text, wherever it stands in a line."""
    return _WHOLE_ID.match(text) is not None
