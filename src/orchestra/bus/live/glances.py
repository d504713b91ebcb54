"""What many entries are about, in a few words: enough for who reads anew what is shown."""

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from orchestra.bus import Glance, Source
from orchestra.store.tails import Raw, entries


@runtime_checkable
class Glancing(Protocol):
    """A source that tells what many entries are about without making events of them."""

    def glance(self, found: Sequence[Raw]) -> Collection[Glance]:
        """What happened, each once, in no order. `found`: entries as they came."""
        ...


def glances(source: Source, key: str, found: Sequence[Raw]) -> Collection[Glance]:
    """Whose, which type, which key: each once, in no order."""
    if isinstance(source, Glancing):
        return source.glance(found)
    events = (source.event(key, position, fields) for position, fields in entries(found))
    return {(event.tenant, event.type, event.key) for event in events if event is not None}
