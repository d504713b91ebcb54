"""Keys of requests between processes: who lives and serves what, and an inbox for each."""

import zlib
from collections.abc import Sequence

from orchestra.store import partitions


def processes(prefix: str) -> str:
    """Hash: session -> time|beats|what it is and serves, JSON. Entries and all end by TTL."""
    return f"{prefix}srv"


def inbox_prefix(session: str, tags: Sequence[int], space: str = "o") -> str:
    """Where the inbox of a process lives: spread over the partitions, so over the primaries."""
    return partitions.prefix(tags[zlib.crc32(session.encode()) % len(tags)], space)


def inbox(prefix: str, session: str) -> str:
    """Stream: messages to a process, taken out once they are read. TTL of a minute, renewed."""
    return f"{prefix}rq:{session}"
