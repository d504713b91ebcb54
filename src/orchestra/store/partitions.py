"""Ids that know where they live: hash tags, execution and child ids, event ids that are positions.

256 tags, one for each 64 of the 16,384 slots, computed by the same rule for ever. Partition i of P
uses tag number i · 256/P, so the tags of P are among those of 2P and growing moves nothing.
"""

import binascii
import hashlib
import uuid
from collections.abc import Callable
from functools import cache

from orchestra.clock import uuid7

SLOTS = 16_384
TAGS_MAX = 256


def slot(key: str) -> int:
    """Hash slot of `key` (CRC16-XMODEM of its hash tag, as in the cluster specification)."""
    start = key.find("{")
    end = key.find("}", start + 1)
    tag = key[start + 1 : end] if start >= 0 and end > start + 1 else key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


@cache
def tags() -> tuple[str, ...]:
    """For each of 256 equal ranges of slots the first hexadecimal number that hashes into it."""
    table: dict[int, str] = {}
    number = 0
    while len(table) < TAGS_MAX:
        tag = f"{number:x}"
        table.setdefault(slot("{" + tag + "}") * TAGS_MAX // SLOTS, tag)
        number += 1
    return tuple(table[i] for i in range(TAGS_MAX))


def partitions(count: int) -> tuple[int, ...]:
    """Tag numbers of `count` partitions, a power of two up to 256."""
    assert count in (1, 2, 4, 8, 16, 32, 64, 128, 256)
    return tuple(range(0, TAGS_MAX, TAGS_MAX // count))


@cache
def prefix(tag_number: int, space: str = "o") -> str:
    """The key prefix of a partition, KEYS[1] of every script: `o:{3jb}:`."""
    return f"{space}:{{{tags()[tag_number]}}}:"


def execution_id(now_ms: int, tag_number: int, bits: Callable[[int], int]) -> str:
    """`exe_` + UUIDv7 whose last byte is the tag number. `bits(n)` gives n random bits."""
    return f"exe_{uuid7(now_ms, bits(66) << 8 | tag_number)}"


def tag_number_of(identifier: str) -> int:
    """Where an execution or message lives. Raises ValueError for what is no such id."""
    return uuid.UUID(identifier.partition("_")[2]).int & 0xFF


def child_id(parent: str, path: str, logical_try: int, count: int) -> str:
    """The child execution of a step: the same for one logical try, so two starts are one."""
    digest = int.from_bytes(
        hashlib.sha256(f"{parent}/{path}#{logical_try}".encode()).digest()[:16], "big"
    )
    born_ms = uuid.UUID(parent.partition("_")[2]).int >> 80
    home = partitions(count)[digest % count]
    return f"exe_{uuid7(born_ms, (digest >> 8 & (1 << 66) - 1) << 8 | home)}"


def event_id(stream: int, tag_number: int, position: str, salt: int = 0) -> str:
    """`evt_` + UUIDv7 made of a stream position "ms-seq": unique, sortable, resumable.

    Stream 0 is the journal (`ev`), 1 is what was published (`pub`), both of a partition; 2 is
    none of a partition: there `salt`, 30 bits of the stream's name, tells them apart.
    """
    ms, seq = map(int, position.split("-"))
    assert seq < 1 << 32
    assert stream < 16
    assert salt < 1 << 30
    low = (seq >> 20) << 62 | (seq & 0xFFFFF) << 42 | salt << 12 | stream << 8 | tag_number
    return f"evt_{uuid7(ms, low)}"


def event_position(identifier: str) -> tuple[int, int, str]:
    """Stream, tag number and position of an event id. Raises ValueError for what is none."""
    bits = uuid.UUID(identifier.partition("_")[2]).int
    seq = (bits >> 64 & 0xFFF) << 20 | bits >> 42 & 0xFFFFF
    return bits >> 8 & 15, bits & 0xFF, f"{bits >> 80}-{seq}"
