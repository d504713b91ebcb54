"""Statistics that outliers do not bend: medians, their spread, a trend with its range. Pure.

No data is None, never 0.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

Z_95: Final = 1.959964
"""So many standard deviations of a normal distribution hold 95 % of it."""


class Trend(NamedTuple):
    """A slope for each unit of x, and the range it is in with 95 % confidence."""

    slope: float
    low: float
    high: float
    level: float
    """The value at x = 0, so that half of the points are above the line."""

    @property
    def certain(self) -> bool:
        """Whether the whole range has one sign."""
        return self.low > 0 or self.high < 0


def median(values: Sequence[float]) -> float | None:
    """The middle one; between the two middle ones. None of nothing."""
    if not values:
        return None
    ordered, half = sorted(values), len(values) // 2
    if len(ordered) % 2:
        return float(ordered[half])
    return (ordered[half - 1] + ordered[half]) / 2


def deviation(values: Sequence[float]) -> float | None:
    """MAD: the median of the distances from the median. None of nothing."""
    middle = median(values)
    return None if middle is None else median([abs(one - middle) for one in values])


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that so many are not above, one of the values themselves. None of nothing."""
    return quantiles(values, share)[0]


def quantiles(values: Sequence[float], *wanted: float) -> list[float | None]:
    """One for each share, and one sort for all. It is quicker when parts are in order already."""
    if not values:
        return [None for _ in wanted]
    ordered = sorted(values)
    return [float(ordered[max(1, math.ceil(share * len(ordered))) - 1]) for share in wanted]


def theil_sen(points: Sequence[tuple[float, float]]) -> Trend | None:
    """The median of the slopes of all pairs; None with fewer than two different x.

    Theil 1950; the range is Sen's: P. K. Sen, "Estimates of the regression coefficient based on
    Kendall's tau", Journal of the American Statistical Association 63 (1968), pp. 1379-1389, with
    the variance for tied y as in R. O. Gilbert, "Statistical Methods for Environmental Pollution
    Monitoring" (1987), section 16.5.
    """
    slopes = sorted(
        (y2 - y1) / (x2 - x1)
        for i, (x1, y1) in enumerate(points)
        for x2, y2 in points[i + 1 :]
        if x2 != x1
    )
    if not slopes:
        return None
    slope = median(slopes)
    level = median([y - (slope or 0.0) * x for x, y in points])
    assert slope is not None
    assert level is not None
    n, total = len(points), len(slopes)
    ties = Counter(y for _, y in points).values()
    variance = n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)
    reach = Z_95 * math.sqrt(max(variance, 0) / 18)
    # Places among the ordered slopes, counted from 1: (N - C) / 2 and (N + C) / 2 + 1.
    low = max(1, math.floor((total - reach) / 2))
    high = min(total, math.ceil((total + reach) / 2) + 1)
    return Trend(slope, slopes[low - 1], slopes[high - 1], level)


def unusual(value: float, others: Sequence[float], floor: float = 0.05) -> float | None:
    """How many MADs a value is from the median of others; None without any.

    A MAD below `floor` of the median counts as that: what hardly varied is not surprised by a hair.
    """
    middle, spread = median(others), deviation(others)
    if middle is None or spread is None:
        return None
    least = max(spread, abs(middle) * floor)
    if not least:
        return None if value == middle else math.inf
    return abs(value - middle) / least
