"""Who lives, and who serves what: this process's picture of all processes, renewed by each beat.

A process is given up when it did not beat while we did: three seconds of looks that all answered.
The store's clock plays no part, nor does an outage of the store: nobody beats in one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from orchestra.bus.requests import Process

LEASE_S: Final = 3.0
LOOK_MAX_S: Final = 1.5
"""A longer pause between two looks counts as this: it may have been ours, or the store's."""


class Seen:
    """A process, and how long it has been silent."""

    __slots__ = ("beats", "dead", "process", "silent_s")

    def __init__(self, process: Process, beats: str) -> None:
        self.process, self.beats = process, beats
        self.silent_s, self.dead = 0.0, False


class Directory:
    """Processes by session."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._texts: dict[str, bytes] = {}
        self._looked_s: float | None = None
        self._turn = 0

    def look(self, reply: Sequence[Any], now_s: float) -> frozenset[str]:
        """Take the reply of `process_beat`. Sessions that are to be given up since."""
        pause_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s, LOOK_MAX_S)
        self._looked_s = now_s
        before = {name for name, one in self._seen.items() if not one.dead}
        told: set[str] = set()
        for name, line in zip(reply[1::2], reply[2::2], strict=True):
            session = name.decode()
            told.add(session)
            self._heard(session, line, pause_s)
        for session in self._seen.keys() - told:
            del self._seen[session]
            self._texts.pop(session, None)
        return frozenset(before - self.alive())

    def _heard(self, session: str, line: bytes, pause_s: float) -> None:
        beats, _, about = line.partition(b"|")
        seen = self._seen.get(session)
        if seen is None or self._texts.get(session) != about:
            process = msgspec.json.decode(about, type=Process)
            self._texts[session] = about
            if seen is None:
                self._seen[session] = Seen(process, beats.decode())
                return
            seen.process = process
        if seen.beats != beats.decode():
            seen.beats, seen.silent_s, seen.dead = beats.decode(), 0.0, False
        else:
            seen.silent_s += pause_s
            seen.dead = seen.dead or seen.silent_s >= LEASE_S

    def alive(self) -> frozenset[str]:
        """Sessions of all that live."""
        return frozenset(name for name, one in self._seen.items() if not one.dead)

    def gone(self, session: str) -> None:
        """Its inbox is no more."""
        seen = self._seen.get(session)
        if seen is not None:
            seen.dead = True

    def processes(self) -> tuple[Process, ...]:
        """All that live."""
        return tuple(one.process for one in self._seen.values() if not one.dead)

    def providers(self, subject: str) -> list[str]:
        """Sessions that serve `subject`, each time beginning with another one."""
        found = sorted(
            name
            for name, one in self._seen.items()
            if not one.dead and subject in one.process.subjects
        )
        self._turn += 1
        turn = self._turn % len(found) if found else 0
        return found[turn:] + found[:turn]

    def hints(self, subject: str, name: str) -> list[frozenset[str]]:
        """What every process that serves `subject` says under `name`."""
        return [
            frozenset(one.process.hints.get(name, ()))
            for one in self._seen.values()
            if not one.dead and subject in one.process.subjects
        ]


def hinted(words: Iterable[str]) -> tuple[str, ...]:
    """Words as a hint: in order, so that equal ones are told once."""
    return tuple(sorted(words))
