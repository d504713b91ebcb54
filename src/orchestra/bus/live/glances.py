"""What many entries are about, in a few words: enough for who reads anew what is shown."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from orchestra.bus import Glances, Source
from orchestra.store.keys import Tenant
from orchestra.store.tails import Raw, entries


@runtime_checkable
class Glancing(Protocol):
    """A source that tells what many entries are about without making events of them."""

    def glance(self, found: Sequence[Raw]) -> Glances:
        """What happened, in no order. `found`: entries as they came."""
        ...


def glances(source: Source, key: str, found: Sequence[Raw]) -> Glances:
    """Whose, which type: which keys."""
    if isinstance(source, Glancing):
        return source.glance(found)
    told: dict[tuple[Tenant, str], set[str]] = defaultdict(set)
    for position, fields in entries(found):
        event = source.event(key, position, fields)
        if event is not None:
            told[event.tenant, event.type].add(event.key)
    return told
