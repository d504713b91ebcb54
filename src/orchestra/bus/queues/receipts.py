"""Receipts: which message, the secret of the lease that its receiver got, and in which part.

A receipt is looked up in the queue that the path names, of the tenant that asks: one of another
queue or tenant finds nothing there.
"""

import base64
import binascii
import re
from typing import NamedTuple

_TEXT = re.compile(r"(msg_[0-9a-f-]{36})\.([0-9a-f]{16})(?:\.(\d{1,4}))?")


class Lease(NamedTuple):
    """What a receipt stands for. `part`: of a spread queue, else None."""

    message: str
    token: str
    part: int | None = None


GONE = Lease("", "")


def encoded(lease: Lease) -> str:
    """The receipt."""
    text = f"{lease.message}.{lease.token}"
    if lease.part is not None:
        text += f".{lease.part}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(receipt: str) -> Lease:
    """What it stands for. What is none of ours is GONE: of nothing."""
    try:
        raw = base64.b64decode(receipt + "=" * (-len(receipt) % 4), altchars=b"-_", validate=True)
        found = _TEXT.fullmatch(raw.decode("ascii"))
    except (binascii.Error, ValueError):
        found = None
    if not found:
        return GONE
    return Lease(found[1], found[2], None if found[3] is None else int(found[3]))
