"""Where a watcher is: a position in each stream, in one short text.

A stream is named by the first four bytes of the SHA-256 of its key, and its position by how far it
lies behind the newest: 9 to 12 bytes a stream. A stream that had nothing yet is left out, and is
read from its beginning.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from functools import lru_cache

from orchestra.bus import PositionInvalid

_VERSION = 1
_STREAMS_MAX = 4_096
_NUMBER_MAX = (1 << 63) - 1
"""More than that the store does not take as a part of a position."""


def encoded(positions: Mapping[str, str]) -> str:
    """The text for these positions, by stream key."""
    pairs = [(name_of(key), *parsed(position)) for key, position in positions.items()]
    pairs = sorted(pair for pair in pairs if pair[1] or pair[2])
    newest = max((ms for _, ms, _ in pairs), default=0)
    out = bytearray([_VERSION])
    _put(out, newest)
    for name, ms, seq in pairs:
        out += name
        _put(out, newest - ms)
        _put(out, seq)
    return base64.urlsafe_b64encode(out).decode().rstrip("=")


def decoded(text: str) -> Mapping[bytes, str]:
    """Positions by name of stream. Raises PositionInvalid."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = _positions(raw)
    except (binascii.Error, ValueError, IndexError):
        found = None
    if found is None:
        raise PositionInvalid("this is no position of ours: begin without one")
    return found


def _positions(raw: bytes) -> Mapping[bytes, str] | None:
    """None for what was not made by `encoded`. Raises IndexError where it ends too early."""
    if not raw or raw[0] != _VERSION or len(raw) > 16 * _STREAMS_MAX:
        return None
    newest, at = _take(raw, 1)
    found: dict[bytes, str] = {}
    while at < len(raw):
        name = raw[at : at + 4]
        behind, at = _take(raw, at + 4)
        seq, at = _take(raw, at)
        if behind > newest or max(newest, seq) > _NUMBER_MAX:
            return None
        if behind == newest and not seq:  # that is left out, and nothing is before it
            return None
        found[name] = f"{newest - behind}-{seq}"
    return found


@lru_cache(10_000)
def name_of(key: str) -> bytes:
    """What a stream is called in a position."""
    return hashlib.sha256(key.encode()).digest()[:4]


def parsed(position: str) -> tuple[int, int]:
    """`ms-seq` as two numbers, by which entries are sorted."""
    ms, _, seq = position.partition("-")
    return int(ms), int(seq or 0)


def _put(out: bytearray, number: int) -> None:
    """LEB128, unsigned: seven bits a byte, the last one below 128."""
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _take(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while raw[at] > 127:
        number |= (raw[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise ValueError
    return number | raw[at] << shift, at + 1
