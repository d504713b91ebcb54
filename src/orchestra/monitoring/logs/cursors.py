"""Cursors: behind which line a page goes on. They fit the query they were given for only."""

import base64
import binascii
import re
import zlib
from datetime import datetime

import msgspec

from orchestra.errors import BadRequest

CURSOR_MAX_CHARS = 256
PASSED_MAX = 1_000_000
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", re.ASCII)


class LogCursorInvalid(BadRequest):
    """The cursor is none of this query's."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Behind `passed` lines of the time `at`, of the query with that checksum."""

    of: int
    at: str
    passed: int


def written(of: str, at: bytes, passed: int) -> str:
    """A cursor as clients keep it."""
    raw = msgspec.json.encode(Cursor(zlib.crc32(of.encode()), at.decode(), passed))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read(text: str, of: str) -> Cursor:
    """The same back. Raises LogCursorInvalid."""
    cursor = _decoded(text) if len(text) <= CURSOR_MAX_CHARS else None
    if cursor is None or cursor.of != zlib.crc32(of.encode()):
        raise LogCursorInvalid("the cursor is none of this query's")
    return cursor


def _decoded(text: str) -> Cursor | None:
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
        sound = _AT.fullmatch(cursor.at) and datetime.fromisoformat(cursor.at)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None
    return cursor if sound and 0 <= cursor.passed <= PASSED_MAX else None
