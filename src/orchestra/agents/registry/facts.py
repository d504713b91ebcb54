"""What the registry keeps about an agent beside its registration: one line, by its name."""

from typing import Final, get_args

import msgspec

from orchestra.agents.records import Mode

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
"""As they are numbered in the line."""


class Facts(msgspec.Struct, frozen=True):
    """The line a script keeps: id|revision|digest|type|mode|created_ms|since_ms."""

    id: str
    revision: int
    digest: str
    agent_type: str
    mode: Mode
    created_ms: int
    since_ms: int


def facts_of(line: bytes) -> Facts:
    """Read the line. One of an older version has no `since_ms`: it is since it was made."""
    one, revision, digest, agent_type, mode, created_ms, *more = line.decode().split("|")
    since_ms = int(more[0]) if more else int(created_ms)
    known = MODES[int(mode)]
    return Facts(one, int(revision), digest, agent_type, known, int(created_ms), since_ms)
