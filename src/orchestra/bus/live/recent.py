"""The newest entries of a stream, as the tail brought them: who reads at the tail asks nobody."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from orchestra.bus import Event, Source
from orchestra.bus.positions import parsed
from orchestra.store.tails import Raw, entries

KEPT_MAX: Final = 1_000
KEPT_MAX_BYTES: Final = 1_048_576

_UNREAD: Final = object()


class Told:
    """An entry, and the event it stands for, worked out once for all who ask."""

    __slots__ = ("_event", "_key", "_raw", "_source", "at", "bytes", "position")

    def __init__(self, source: Source, key: str, raw: Raw) -> None:
        self.position = raw[0].decode()
        self.at = parsed(self.position)
        self.bytes = sum(map(len, raw[1]))
        self._source, self._key, self._raw = source, key, raw
        self._event: object = _UNREAD

    @property
    def event(self) -> Event | None:
        """What happened; None for what is nobody's business."""
        if self._event is _UNREAD:
            ((position, fields),) = entries((self._raw,))
            self._event = self._source.event(self._key, position, fields)
        return self._event if isinstance(self._event, Event) else None


class Recent:
    """What came lately on one stream, without a hole since `start`."""

    __slots__ = ("_bytes", "_floor", "_kept", "_key", "_source")

    def __init__(self, source: Source, key: str, start: str) -> None:
        self._source, self._key = source, key
        self._kept: deque[Told] = deque()
        self._floor = parsed(start)
        self._bytes = 0

    def pass_over(self, found: Sequence[Raw]) -> None:
        """More has come, and nobody here hears it: who comes later asks the store for it."""
        self._kept.clear()
        self._bytes = 0
        self._floor = parsed(found[-1][0].decode())

    def add(self, found: Sequence[Raw]) -> list[Told]:
        """More has come."""
        told = [Told(self._source, self._key, entry) for entry in found]
        for one in told:
            self._kept.append(one)
            self._bytes += one.bytes
        while len(self._kept) > KEPT_MAX or (self._bytes > KEPT_MAX_BYTES and self._kept):
            gone = self._kept.popleft()
            self._floor = gone.at
            self._bytes -= gone.bytes
        return told

    def after(self, position: str, most: int) -> list[Told] | None:
        """At most `most` entries behind `position`; None when not all of them are here."""
        at = parsed(position)
        if at < self._floor:
            return None
        newer: list[Told] = []
        for one in reversed(self._kept):
            if one.at <= at:
                break
            newer.append(one)
        newer.reverse()
        return newer[:most]
