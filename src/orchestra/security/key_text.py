"""What an API key looks like: `orc_live_<handle>_<secret><checksum>`, all in base62.

The prefix is for secret scanners. 8 characters of handle find the record, 43 hold 256 bits, 6 are
the CRC-32 of all before: it refuses typos and most guesses without a look-up.
"""

import secrets
import string
import zlib
from typing import Final, Literal

Kind = Literal["live", "dev"]

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

_HANDLE_CHARS, _SECRET_CHARS, _CRC_CHARS = 8, 43, 6
_KINDS = frozenset({"live", "dev"})


def new_key(kind: Kind = "live") -> str:
    """A key nobody has."""
    handle = "".join(secrets.choice(ALPHABET) for _ in range(_HANDLE_CHARS))
    front = f"orc_{kind}_{handle}_{_base62(secrets.randbits(256), _SECRET_CHARS)}"
    return front + _checksum(front)


def handle_of(text: str) -> str | None:
    """The handle of a key that is well formed; None for anything else."""
    parts = text.split("_", 4)
    if len(parts) != 4 or parts[0] != "orc" or parts[1] not in _KINDS or not text.isascii():
        return None
    handle, rest = parts[2], parts[3]
    if len(handle) != _HANDLE_CHARS or len(rest) != _SECRET_CHARS + _CRC_CHARS:
        return None
    sound = handle.isalnum() and rest[-_CRC_CHARS:] == _checksum(text[:-_CRC_CHARS])
    return handle if sound else None


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CRC_CHARS)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    assert number == 0
    return digits
