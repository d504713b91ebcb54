"""Keys of the log: those of a tenant are in one slot. All have a TTL, that of the oldest line."""

from typing import Final

from orchestra.store.keys import Tenant

SYSTEM: Final = Tenant("~system")
"""Whose lines are about no tenant: those of the installation itself. No tenant is named so."""


def logs(tenant: Tenant, space: str = "o") -> str:
    """The prefix of the log of a tenant. Owner: monitoring."""
    return f"{space}:{{log/{tenant}}}:"


def log_tail(prefix: str) -> str:
    """Stream: n how many lines, z the lines, zlib. About the last 5,000 lines, and all open ones:
    those that are in no chunk yet.
    """
    return f"{prefix}t"


def log_state(prefix: str) -> str:
    """Hash: @ up to where the tail is in chunks, o lines and e entries that are open, a since when,
    t lines in the tail, s until when somebody seals, b bytes and l lines in chunks, x lines lost.
    """
    return f"{prefix}st"


def log_index(prefix: str) -> str:
    """Sorted set: name of a chunk -> time of its last line, ms."""
    return f"{prefix}ix"


def log_headers(prefix: str) -> str:
    """Hash: name of a chunk -> times, levels and bloom filter of what is in it, msgpack."""
    return f"{prefix}h"


def log_chunk(prefix: str, name: str) -> str:
    """String: at most 1,024 lines in the order of time, NDJSON, zlib."""
    return f"{prefix}c:{name}"


def log_said(prefix: str, replica: str) -> str:
    """String with TTL 1 h: number of the last batch of a replica, so that a repeat adds nothing."""
    return f"{prefix}sq:{replica}"
