"""What the instruments of this process say now, for a thread to send: copied, so that it stays."""

from collections.abc import Mapping
from typing import NamedTuple

from orchestra.instruments import Instruments, Kind, Tally, Values


class Reading(NamedTuple):
    """One instrument."""

    kind: Kind
    name: str
    labels: tuple[str, ...]
    series: Mapping[Values, "float | Tally"]


class Snapshot(NamedTuple):
    """All of them, from when to when."""

    since_ns: int
    at_ns: int
    readings: tuple[Reading, ...]


def snapshot(instruments: Instruments, since_ns: int, at_ns: int) -> Snapshot:
    """As they are. For where the event loop runs."""
    readings = tuple(
        Reading(one.kind, one.name, one.labels, series)
        for one in instruments
        if (series := one.totals())
    )
    return Snapshot(since_ns, at_ns, readings)
