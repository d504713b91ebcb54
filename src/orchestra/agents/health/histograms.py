"""Durations in buckets that merge exactly: 8 to a doubling, so a figure is at most 4.4 % off.

The layout is that of OpenTelemetry's exponential histogram at scale 3: bucket i holds what is over
2^((i-1)/8) and not over 2^(i/8). What is 0 or less is in a bucket of its own.
"""

import math
from collections.abc import Mapping

ZERO = -1_000
SCALE = 8
_KNOWN_MAX = 4_096
_MIDDLE = 2 / (1 + 2 ** (1 / SCALE))


def _computed(value: int) -> int:
    return ZERO if value <= 0 else math.ceil(math.log2(value) * SCALE)


_KNOWN = tuple(_computed(value) for value in range(_KNOWN_MAX))


def bucket_of(value: int) -> int:
    """The bucket of a value."""
    return _KNOWN[value] if 0 <= value < _KNOWN_MAX else _computed(value)


def middle_of(bucket: int) -> float:
    """The value a bucket stands for: as far, as a share, from its lowest as from its highest.

    That is (g - 1) / (g + 1) = 4.33 %, with g = 2^(1/8).
    """
    return 0.0 if bucket == ZERO else 2.0 ** (bucket / SCALE) * _MIDDLE


def quantiles(buckets: Mapping[int, int], wanted: tuple[float, ...]) -> list[float | None]:
    """For each share of `wanted`, the value that so many are not above; None without any."""
    total = sum(buckets.values())
    if not total:
        return [None] * len(wanted)
    ordered = sorted(buckets.items())
    found: list[float | None] = []
    for share in wanted:
        rank, passed = max(1, math.ceil(share * total)), 0
        for bucket, count in ordered:
            passed += count
            if passed >= rank:
                found.append(middle_of(bucket))
                break
    return found
