"""The index of executions: one a partition, merged by when they began."""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.cursors import Place
from orchestra.workflows.history.choosing import Choice
from orchestra.workflows.history.reader import every
from orchestra.workflows.history.stored import STATES
from orchestra.workflows.ports import SCRIPTS, Partitions

PAGE: Final = 100
LOOKED_MAX: Final = 5_000

Entry = tuple[int, str, int]
"""An execution in an index: when it began, its id, its partition."""


class Some(msgspec.Struct, frozen=True):
    """The next ones. `behind`: where to go on; None: there are no more. `looked` is about right."""

    entries: list[Entry]
    behind: Place | None
    looked: int


class _Part(msgspec.Struct, frozen=True):
    """Of one partition. `last`: the last one looked at, when there is more behind it."""

    entries: list[Entry]
    last: Place | None
    looked: int


class Index:
    """Executions of all partitions, newest first, or oldest."""

    def __init__(self, store: Partitions) -> None:
        self._store = store

    async def next(self, tenant: Tenant, behind: Place | None, choice: Choice, most: int) -> Some:
        """At most so many behind a place, in the range of time. Raises StoreAway.

        Of those that are live only the ones in the states of the choice: the store looks, so that
        the many others are never read.
        """
        span, shares = _span(behind, choice), 2 * most // len(self._store.partitions) + 8
        # Those of the millisecond it goes on in were given out, maybe.
        each = min(shares, most) if behind is None else max(shares, PAGE)
        if choice.states:
            parts = await self._suiting(tenant, span, choice, each)
        else:
            parts = await self._all(tenant, span, choice, each)
        found = [one for part in parts for one in part.entries if _beyond(one, behind, choice)]
        found.sort(reverse=not choice.oldest)
        # What one partition has not looked at yet may stand before what others have found.
        ends = [part.last for part in parts if part.last is not None]
        until = (min(ends) if choice.oldest else max(ends)) if ends else None
        matched = sum(len(part.entries) for part in parts)
        if until is not None:
            found = [one for one in found if not _beyond(one, until, choice)]
        if len(found) > most:
            found = found[:most]
            until = found[-1][:2]
        if until is not None and not found and not _beyond(until, behind, choice):
            until = None  # thousands of one millisecond: there is no way behind them
        looked = sum(part.looked for part in parts)
        if matched:  # those behind `until` are looked at again
            looked = max(looked * len(found) // matched, len(found), 1)
        return Some(found, until, looked)

    async def _all(
        self, tenant: Tenant, span: Sequence[int | str], choice: Choice, each: int
    ) -> list[_Part]:
        way = () if choice.oldest else ("REV",)
        prefixes = [self._store.prefix(tag) for tag in self._store.partitions]
        replies: list[list[bytes]] = await every(
            [
                self._store.read(
                    prefix, "ZRANGE", f"{prefix}ix:{tenant}", *span, "BYSCORE", *way,
                    "LIMIT", 0, each, "WITHSCORES",
                )
                for prefix in prefixes
            ]
        )  # fmt: skip
        parts: list[_Part] = []
        for tag, flat in zip(self._store.partitions, replies, strict=True):
            entries = _entries(flat, tag)
            more = len(entries) == each
            parts.append(_Part(entries, entries[-1][:2] if more else None, len(entries)))
        return parts

    async def _suiting(
        self, tenant: Tenant, span: Sequence[int | str], choice: Choice, each: int
    ) -> list[_Part]:
        letters = "".join(letter for letter, state in STATES.items() if state in choice.states)
        tags = self._store.partitions
        look = max(LOOKED_MAX // len(tags), PAGE)
        replies = await every(
            [
                self._store.run(
                    SCRIPTS["executions_suiting"], self._store.prefix(tag), tenant=tenant,
                    first=span[0], last=span[1], newest=0 if choice.oldest else 1,
                    states=letters, look=look, most=each,
                )
                for tag in tags
            ]
        )  # fmt: skip
        parts: list[_Part] = []
        for tag, (looked, more, ms, id_, *flat) in zip(tags, replies, strict=True):
            last = (int(ms), id_.decode()) if more else None
            parts.append(_Part(_entries(flat, tag), last, looked))
        return parts


def _span(behind: Place | None, choice: Choice) -> tuple[int | str, int | str]:
    """From where to where, as the store takes it."""
    lowest: int | str = "-inf" if choice.after_ms is None else choice.after_ms
    highest: int | str = "+inf" if choice.before_ms is None else f"({choice.before_ms}"
    if behind is not None and choice.oldest:
        lowest = behind[0]
    elif behind is not None and (choice.before_ms is None or behind[0] < choice.before_ms):
        highest = behind[0]
    return (lowest, highest) if choice.oldest else (highest, lowest)


def _entries(flat: Sequence[bytes], tag: int) -> list[Entry]:
    return [
        (int(float(score)), name.decode(), tag)
        for name, score in zip(flat[::2], flat[1::2], strict=True)
    ]


def _beyond(one: Sequence[object], behind: Place | None, choice: Choice) -> bool:
    """Whether it comes later in the list."""
    place = (one[0], one[1])
    return behind is None or (place > behind if choice.oldest else place < behind)
