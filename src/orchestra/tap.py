"""The tap: every line of this process's log, for whoever gathers them. Bounded, and for threads.

Nothing is kept until it is opened. Over its bound it lets the least important go first: debug,
then info, then what is oldest; each is counted, and told with the next lines that are taken.
"""

import threading
from collections import deque
from typing import Final, TypeAlias, cast

import msgspec

LINES_MAX: Final = 10_000
BYTES_MAX: Final = 16 * 1_048_576
LINE_MAX_BYTES: Final = 8_192
CUT_TEXT: Final = 256

Line: TypeAlias = "tuple[int, str, str, bytes]"
"""Its number, its level, the tenant it is about ('' for none), the line itself: a JSON object."""

RANKS: Final = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 3}


class Tap:
    """What was logged and not yet taken."""

    def __init__(self, lines_max: int = LINES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._lines_max, self._bytes_max = lines_max, bytes_max
        self._lock = threading.Lock()
        self._waiting: tuple[deque[Line], ...] = tuple(deque() for _ in range(4))
        self._count = self._bytes = self._number = self._lost = 0
        self.open = False
        self.replica = ""
        """Stands in every line once it is set."""

    def __len__(self) -> int:
        return self._count

    def put(self, level: str, tenant: str, line: bytes) -> None:
        """One more line, from any thread. One that is too long is cut."""
        if len(line) > LINE_MAX_BYTES:
            line = cut(line)
        with self._lock:
            self._number += 1
            self._waiting[RANKS.get(level, 1)].append((self._number, level, tenant, line))
            self._count += 1
            self._bytes += len(line)
            if self._count > self._lines_max or self._bytes > self._bytes_max:
                self._shrink()

    def _shrink(self) -> None:
        for waiting in self._waiting:
            while waiting and (self._count > self._lines_max or self._bytes > self._bytes_max):
                self._count -= 1
                self._bytes -= len(waiting.popleft()[3])
                self._lost += 1

    def take(self, least: str = "debug", most: int = LINES_MAX) -> list[Line]:
        """The first lines from level `least` up, in the order in which they came."""
        with self._lock:
            waiting = [one for one in self._waiting[RANKS[least] :] if one]
            taken: list[Line] = []
            if len(waiting) == 1:  # all of one level: most of the time, when there are many
                (alone,) = waiting
                waiting = []
                taken = [alone.popleft() for _ in range(min(most, len(alone)))]
            while waiting and len(taken) < most:
                first = min(waiting, key=_head) if len(waiting) > 1 else waiting[0]
                taken.append(first.popleft())
                if not first:
                    waiting.remove(first)
            self._count -= len(taken)
            self._bytes -= sum(len(line[3]) for line in taken)
        return taken

    def lost(self) -> int:
        """How many were let go since the last time."""
        with self._lock:
            lost, self._lost = self._lost, 0
        return lost


def _head(waiting: deque[Line]) -> int:
    return waiting[0][0]


def cut(raw: bytes) -> bytes:
    """A line within its bound. One that is over it loses the ends of its long values."""
    if len(raw) <= LINE_MAX_BYTES:
        return raw
    line = cast("dict[str, object]", msgspec.json.decode(raw))
    short: dict[str, object] = {}
    left = LINE_MAX_BYTES - CUT_TEXT
    for name, value in line.items():
        one = {name[:64]: _shortened(value)}
        left -= len(msgspec.json.encode(one))
        if left < 0:
            break
        short |= one
    return msgspec.json.encode(short | {"cut_bytes": len(raw)})


def _shortened(value: object) -> object:
    if isinstance(value, str | dict | list):
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return text if len(text) <= CUT_TEXT else text[: CUT_TEXT - 1] + "…"
    return value
