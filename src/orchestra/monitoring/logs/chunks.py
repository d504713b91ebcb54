"""Chunks: up to 1,024 lines, packed, with a header that says what cannot be in them."""

import hashlib
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final, TypeAlias

import msgspec

from orchestra.monitoring.logs.lines import AT, LEVEL_AT, RANKS, ms_of, tokens
from orchestra.tap import LINE_MAX_BYTES

LINES_MAX: Final = 1_024
UNPACKED_MAX: Final = LINES_MAX * (LINE_MAX_BYTES + 1)
BYTES_MAX: Final = 524_288
"""Of text in a chunk: what is looked through at once stays small, however long lines are."""
GAP_MS: Final = 600_000
"""Lines so far apart are in different chunks: one late line must not make a chunk of a week."""
CHUNKS_MAX: Final = 64
_QUICK, _SMALL = 1, 5
_FILTER_BYTES = (64, 2_048)
_HASHES = 4
_letter: Callable[[bytes], int] = itemgetter(LEVEL_AT)
_numbers = struct.Struct(f"<{_HASHES}I").unpack

Hashes: TypeAlias = tuple[int, ...]


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a chunk holds: times of its first and last line, lines by level, which ids."""

    first: bytes
    last: bytes
    levels: tuple[int, int, int, int]
    filter: bytes = b""

    @property
    def lines(self) -> int:
        """How many there are."""
        return sum(self.levels)

    def may_have(self, wanted: Iterable[Hashes]) -> bool:
        """Whether all of these tokens may be in it. Sometimes says yes for one that is not."""
        return not self.filter or all(_known(self.filter, one) for one in wanted)


class Chunk(msgspec.Struct, frozen=True):
    """A chunk to be kept. The name holds where it ends in the tail, its size and its lines."""

    name: str
    last_ms: int
    header: bytes
    data: bytes
    lines: int


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Header).decode


def packed(lines: Sequence[bytes]) -> bytes:
    """A batch for the tail: quick to make."""
    return zlib.compress(b"\n".join(lines), _QUICK)


def unpacked(data: bytes) -> bytes:
    """The lines of a batch or a chunk, one behind the other. b'' for what is none of ours."""
    inflate = zlib.decompressobj()
    try:
        return inflate.decompress(data, UNPACKED_MAX)
    except zlib.error:
        return b""


def header_of(raw: bytes) -> Header:
    """The header of a chunk as it is kept."""
    return _decode(raw)


def sealed(lines: list[bytes], position: str) -> list[Chunk]:
    """Lines in any order as chunks, each in the order of time."""
    lines.sort()
    made: list[Chunk] = []
    for number, part in enumerate(_parts(lines)):
        data = zlib.compress(b"\n".join(part), _SMALL)
        header = _encode(_header(part))
        name = f"{position}.{number}.{len(data) + len(header)}.{len(part)}"
        made.append(Chunk(name, ms_of(part[-1][AT]), header, data, len(part)))
    return made


def _parts(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    start, parts, size = 0, 1, len(lines[0])
    for n in range(1, len(lines)):
        size += len(lines[n])
        full = n - start >= LINES_MAX or size > BYTES_MAX
        if full or (parts < CHUNKS_MAX and _apart(lines[n - 1], lines[n])):
            yield lines[start:n]
            start, parts, size = n, parts + 1, len(lines[n])
    yield lines[start:]


def _apart(before: bytes, behind: bytes) -> bool:
    # Within one hour of the clock and ten minutes of it nothing need be worked out.
    return before[7:22] != behind[7:22] and ms_of(behind[AT]) - ms_of(before[AT]) > GAP_MS


def _header(lines: Sequence[bytes]) -> Header:
    return Header(lines[0][AT], lines[-1][AT], levels_of(lines), _filter(tokens(b"\n".join(lines))))


def levels_of(lines: Iterable[bytes]) -> tuple[int, int, int, int]:
    """How many lines of each level."""
    levels = [0, 0, 0, 0]
    for letter, n in Counter(map(_letter, lines)).items():
        levels[RANKS.get(letter, 1)] += n
    return levels[0], levels[1], levels[2], levels[3]


def _filter(found: set[bytes]) -> bytes:
    """A Bloom filter: 8 bits a token as long as it stays under 2 KiB."""
    low, high = _FILTER_BYTES
    size = min(high, max(low, len(found)))
    bits = bytearray(size)
    for one in found:
        for number in hashes(one):
            place = number % (size * 8)
            bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def _known(bits: bytes, one: Hashes) -> bool:
    size = len(bits) * 8
    return all(bits[number % size >> 3] >> (number % size & 7) & 1 for number in one)


def hashes(one: bytes) -> Hashes:
    """What says where a token is in a filter, whatever its size."""
    return _numbers(hashlib.blake2b(one, digest_size=4 * _HASHES).digest())
