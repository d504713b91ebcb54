"""What a value looks like at rest: one byte of format, four of checksum, the body.

The append-only file has no checksums: a flipped bit inside a value is loaded and served. So every
value of ours carries its own. Byte 0 is 1 for JSON or 2 for msgpack, +16 when the body is zlib;
bytes 1 to 4 are the CRC32 of the body as stored, big-endian.
"""

import struct
import zlib

from orchestra.errors import OrchestraError

JSON, MSGPACK, ZLIB = 1, 2, 16

_HEADER = struct.Struct(">BI")
# Below this the smaller value is not worth the time: 1 KiB of JSON costs 20 µs to pack.
_COMPRESS_BYTES = 4_096
_KNOWN = frozenset({JSON, MSGPACK, JSON | ZLIB, MSGPACK | ZLIB})


class CorruptRecord(OrchestraError):
    """A stored value does not verify. The caller adds the key to the log, never to the answer."""

    def __init__(self) -> None:
        super().__init__("a stored record is damaged")


def pack(body: bytes, kind: int = JSON) -> bytes:
    """Frame `body` as it is. About 0.4 µs for 300 bytes."""
    return _HEADER.pack(kind, zlib.crc32(body)) + body


def pack_small(body: bytes, kind: int = JSON) -> bytes:
    """Frame `body`, compressed when it is large and that helps. For what is kept long."""
    if len(body) >= _COMPRESS_BYTES:
        packed = zlib.compress(body, 1)
        if len(packed) < len(body):
            return _HEADER.pack(kind | ZLIB, zlib.crc32(packed)) + packed
    return pack(body, kind)


def unpack(frame: bytes) -> bytes:
    """The body of a frame. Raises CorruptRecord."""
    if len(frame) < _HEADER.size:
        raise CorruptRecord
    kind, checksum = _HEADER.unpack_from(frame)
    body = frame[_HEADER.size :]
    if kind not in _KNOWN or zlib.crc32(body) != checksum:
        raise CorruptRecord
    if kind & ZLIB:
        try:
            return zlib.decompress(body)
        except zlib.error:
            raise CorruptRecord from None
    return body


def kind_of(frame: bytes) -> int:
    """JSON or MSGPACK. Raises CorruptRecord for what is neither."""
    kind = frame[0] & ~ZLIB if frame else 0
    if kind not in (JSON, MSGPACK):
        raise CorruptRecord
    return kind
