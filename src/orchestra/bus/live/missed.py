"""What happened in the past: ranges of several streams, merged into the order of time."""

import heapq
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from orchestra.bus import Event, Source
from orchestra.bus.positions import parsed
from orchestra.store.client import Store
from orchestra.store.tails import START, Entry, entries

PAGE = 200
READ_MAX = 50_000
"""Entries that one reader is given before it is told to begin anew."""

Origins = Mapping[str, tuple[Source, str]]


class Expired(Exception):
    """A part of what was asked for has been trimmed, or it is too much."""


async def between(
    store: Store, origins: Origins, start: Mapping[str, str], end: Mapping[str, str]
) -> AsyncIterator[tuple[str, str, Event | None]]:
    """Everything behind `start` and up to `end`, both by stream. Raises Expired on the way."""
    pages = [
        _Pages(store, key, origins[key][1], start.get(key, START), end[key])
        for key in end
        if key in origins and parsed(start.get(key, START)) < parsed(end[key])
    ]
    for page in pages:
        if await page.trimmed():
            raise Expired
    heap: list[tuple[tuple[int, int], int]] = []
    for index, page in enumerate(pages):
        if await page.more():
            heapq.heappush(heap, (parsed(page.next[0]), index))
    read = 0
    while heap:
        _, index = heapq.heappop(heap)
        page = pages[index]
        position, fields = page.take()
        yield page.key, position, origins[page.key][0].event(page.key, position, fields)
        read += 1
        if read > READ_MAX:
            raise Expired
        if await page.more():
            heapq.heappush(heap, (parsed(page.next[0]), index))


async def gone_until(store: Store, prefix: str, key: str, start: str) -> int | None:
    """Up to which ms entries behind `start` are gone; None when all of them are kept."""
    found = await store.insist(lambda: store.read(prefix, "EXISTS", key))
    if not found:
        return None if start == START else parsed(start)[0]
    raw = cast("list[Any]", await store.insist(lambda: store.read(prefix, "XINFO", "STREAM", key)))
    about = {name.decode(): value for name, value in zip(raw[::2], raw[1::2], strict=True)}
    if int(about["entries-added"]) <= int(about["length"]):
        return None
    last = about["last-generated-id"].decode()
    first = about["first-entry"][0].decode() if about["first-entry"] else last
    return parsed(first)[0] if parsed(start) < parsed(first) else None


class _Pages:
    """A range of one stream, a page at a time."""

    def __init__(self, store: Store, key: str, prefix: str, start: str, end: str) -> None:
        self.key = key
        self._store, self._prefix = store, prefix
        self._from, self._end = f"({start}", end
        self._start = start
        self._entries: list[Entry] = []
        self._at = 0
        self._last = False

    @property
    def next(self) -> Entry:
        return self._entries[self._at]

    def take(self) -> Entry:
        entry = self._entries[self._at]
        self._at += 1
        return entry

    async def trimmed(self) -> bool:
        """Whether entries behind the start are gone."""
        return await gone_until(self._store, self._prefix, self.key, self._start) is not None

    async def more(self) -> bool:
        """Whether there is a next entry."""
        if self._at < len(self._entries):
            return True
        if self._last:
            return False
        raw = await self._read("XRANGE", self.key, self._from, self._end, "COUNT", PAGE)
        self._entries, self._at = entries(raw), 0
        self._last = len(self._entries) < PAGE
        if self._entries:
            self._from = f"({self._entries[-1][0]}"
        return bool(self._entries)

    async def _read(self, *command: str | int) -> Any:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command))
