"""Series: a metric with the values of its labels, where it is kept, and for how long.

A series is named by what it is, so that every replica names it the same without asking.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast

import msgspec

from orchestra.instruments import Tally
from orchestra.store.keys import Tenant

INSTALLATION: Final = Tenant("~")
"""Whose what a process says of itself is: nobody's, so it needs `system:read`."""

Letter = Literal["c", "f", "g", "h"]
"""Counter in whole numbers, counter, gauge, histogram."""
KINDS: Final[Mapping[Letter, str]] = {
    "c": "counter",
    "f": "counter",
    "g": "gauge",
    "h": "histogram",
}
MICRO: Final = 1_000_000
"""Counters in whole numbers count millionths, so that money and seconds are exact."""

METRIC_MAX: Final = 200
TENANT_MAX: Final = 2_000
HISTOGRAMS_MAX: Final = 300
ALL_MAX: Final = 50_000
OTHER: Final = (("other", "true"),)


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Slots of `step_s`, a chunk of them in one key, kept for so long behind its end."""

    step_s: int
    chunk_s: int
    kept_s: int


SLOTS: Final = 360
_H, _D = 3_600, 86_400
SCALARS: Final = (Span(10, _H, 6 * _H), Span(60, 6 * _H, 3 * _D), Span(3_600, 15 * _D, 90 * _D))
SPREADS: Final = (
    Span(60, 6 * _H, 7 * _H),
    Span(600, 60 * _H, 4 * _D),
    Span(3_600, 15 * _D, 90 * _D),
)
SPANS: Final[Mapping[str, tuple[Span, ...]]] = {"c": SCALARS, "g": SCALARS, "h": SPREADS}
PACKED_SPANS: Final = msgspec.msgpack.encode(SPANS)


def place(kind: Letter) -> str:
    """The letter of its chunks."""
    return "c" if kind == "f" else kind


Labels = tuple[tuple[str, str], ...]


class Series(msgspec.Struct, frozen=True):
    """One series. `labels` are sorted by name."""

    tenant: Tenant
    name: str
    kind: Letter
    unit: str
    labels: Labels
    sid: str

    def labels_json(self) -> str:
        """As they are stored."""
        return msgspec.json.encode(dict(self.labels)).decode()


def series_of(
    tenant: Tenant, name: str, kind: Letter, unit: str, labels: Mapping[str, str]
) -> Series:
    """The series of these labels."""
    ordered = tuple(sorted(labels.items()))
    text = msgspec.json.encode([name, ordered])
    sid = hashlib.blake2b(text, digest_size=8).hexdigest()
    return Series(tenant, name, kind, unit, ordered, sid)


def tag_of(sid: str, tags: Sequence[int]) -> int:
    """The partition it is kept in."""
    return tags[int(sid[:4], 16) % len(tags)]


Packed = list[int | float]
"""A histogram as it is stored: count, sum, least, greatest, then bucket, n, …, ascending."""


def packed(tally: Tally) -> Packed:
    """As it is stored."""
    made: Packed = [tally.count, tally.sum, tally.low, tally.high]
    for bucket in sorted(tally.buckets):
        made += (bucket, tally.buckets[bucket])
    return made


def add_packed(tally: Tally, stored: Sequence[float]) -> None:
    """Add what is stored."""
    tally.count += int(stored[0])
    tally.sum += stored[1]
    tally.low, tally.high = min(tally.low, stored[2]), max(tally.high, stored[3])
    buckets = tally.buckets
    if not buckets:  # most are the only one in their bin
        whole = cast("Sequence[int]", stored)
        tally.buckets = dict(zip(whole[4::2], whole[5::2], strict=True))
        return
    for i in range(4, len(stored), 2):
        bucket = int(stored[i])
        buckets[bucket] = buckets.get(bucket, 0) + int(stored[i + 1])
