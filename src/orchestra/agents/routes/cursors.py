"""Cursors: positions that callers carry without knowing what they mean."""

import base64
import binascii

from orchestra.errors import Invalid, Problem


class CursorInvalid(Invalid):
    """The cursor is none of ours."""


def cursor_of(position: str) -> str:
    """The cursor of a position."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def position_of(cursor: str | None, field: str = "cursor") -> str:
    """The position a cursor stands for; '' without one. Raises CursorInvalid."""
    if not cursor:
        return ""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise refused(field) from None


def refused(field: str = "cursor") -> CursorInvalid:
    """What a caller is told who made one up."""
    return CursorInvalid(
        "the cursor is none of ours", [Problem(f"/{field}", "value", "begin without a cursor")]
    )
