"""Receipts: which message, and the secret of the lease that its receiver got.

A receipt is looked up in the queue that the path names, of the tenant that asks: one of another
queue or tenant finds nothing there.
"""

import base64
import binascii
import re

_TEXT = re.compile(r"(msg_[0-9a-f-]{36})\.([0-9a-f]{16})")
GONE = ("", "")


def encoded(message: str, token: str) -> str:
    """The receipt."""
    return base64.urlsafe_b64encode(f"{message}.{token}".encode()).decode().rstrip("=")


def decoded(receipt: str) -> tuple[str, str]:
    """Message and token. What is none of ours is GONE: of nothing."""
    try:
        raw = base64.b64decode(receipt + "=" * (-len(receipt) % 4), altchars=b"-_", validate=True)
        found = _TEXT.fullmatch(raw.decode("ascii"))
    except (binascii.Error, ValueError):
        found = None
    return (found[1], found[2]) if found else GONE
