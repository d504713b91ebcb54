"""Instruments: what this process counts of itself, in memory, until somebody takes it.

`count`, `gauge` and `observe` are for anywhere; where it is hot, bind one at the top of the file:
`_REQUESTS = counter("orchestra_http_requests_total", ("route", "status"))`, then
`_REQUESTS.add(1, route, status)`. Nothing here waits, and an addition costs well under 1 µs. What
is counted and not yet taken ends with the process: at most a second.

The label `tenant` says whose series it is; without one it is the installation's. Labels are values
from a small set: names, kinds, routes. Never an id of an execution, a trace or a user.

One for the process, as the log is. Not for threads: call it where the event loop runs.
"""

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Literal, TypeAlias, cast

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Values: TypeAlias = tuple[str, ...]

SERIES_MAX: Final = 1_000
"""Of one instrument in one process, unless it says more. Beyond, they are counted together as
`other`: then what one instrument says of a label is less than what another does that has room."""
OTHER: Final = "other"
ZERO: Final = -10_000
"""The bucket of what is 0 or less."""
LOOSE_MAX: Final = 1_000
"""Values of one series that wait to be sorted."""
SCALE: Final = 8
"""Buckets to a doubling: OpenTelemetry's exponential histogram at scale 3."""

_log2, _ceil = math.log2, math.ceil


def bucket_of(value: float) -> int:
    """The bucket of a value: i holds what is over 2^((i-1)/8) and not over 2^(i/8)."""
    return _ceil(_log2(value) * SCALE) if value > 0 else ZERO


class Tally:
    """A histogram: how many values, their sum, the least, the greatest, and how many a bucket."""

    __slots__ = ("buckets", "count", "high", "low", "sum")

    def __init__(self) -> None:
        self.count, self.sum = 0, 0.0
        self.low, self.high = math.inf, -math.inf
        self.buckets: dict[int, int] = {}

    def add(self, value: float, n: int = 1) -> None:
        """One more value, or `n` of them."""
        self.count += n
        self.sum += value * n
        if value < self.low:  # noqa: PLR1730 -- twice as fast as min(), on a hot path
            self.low = value
        if value > self.high:  # noqa: PLR1730 -- as above
            self.high = value
        bucket = _ceil(_log2(value) * SCALE) if value > 0 else ZERO
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + n

    def merge(self, other: "Tally") -> None:
        """Add what another one has. Exact, in any order."""
        self.count += other.count
        self.sum += other.sum
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        for bucket, n in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + n


class _Bounded:
    """The label values an instrument has seen: `most` of them, then all are `other`."""

    __slots__ = ("_known", "labels", "most", "name")

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name, self.labels, self.most = name, tuple(labels), SERIES_MAX
        self._known: set[Values] = set()

    def _admitted(self, values: Values) -> Values:
        if values in self._known:
            return values
        assert len(values) == len(self.labels), (self.name, self.labels, values)
        if len(self._known) >= self.most:
            return tuple(
                value if label == "tenant" else OTHER
                for label, value in zip(self.labels, values, strict=True)
            )
        self._known.add(values)
        return values


class Counter(_Bounded):
    """Only grows."""

    __slots__ = ("_fresh", "_totals")
    kind: Kind = "counter"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        super().__init__(name, labels)
        self._fresh: dict[Values, float] = {}
        self._totals: dict[Values, float] = {}

    def add(self, n: float, *values: str) -> None:
        """`n` more, of the series with these label values."""
        fresh = self._fresh
        if values in fresh:
            fresh[values] += n
        else:
            values = self._admitted(values)
            fresh[values] = fresh.get(values, 0) + n

    def take(self) -> dict[Values, float]:
        """What was added since the last time."""
        fresh, self._fresh = self._fresh, {}
        for values, n in fresh.items():
            self._totals[values] = self._totals.get(values, 0) + n
        return fresh

    def totals(self) -> dict[Values, float]:
        """What was added since the process began."""
        found = dict(self._totals)
        for values, n in self._fresh.items():
            found[values] = found.get(values, 0) + n
        return found


class Gauge(_Bounded):
    """A value now."""

    __slots__ = ("_fresh", "_totals")
    kind: Kind = "gauge"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        super().__init__(name, labels)
        self._totals: dict[Values, float] = {}
        self._fresh: dict[Values, float] = {}

    def set(self, value: float, *values: str) -> None:
        """It is so much now."""
        fresh = self._fresh
        if values in fresh:
            fresh[values] = value
        else:
            fresh[self._admitted(values)] = value

    def forget(self, *values: str) -> None:
        """Nobody knows any more how much it is: it is gone, or told elsewhere."""
        self._fresh.pop(values, None)
        self._totals.pop(values, None)

    def take(self) -> dict[Values, float]:
        """The last value of each that was set since the last time."""
        fresh, self._fresh = self._fresh, {}
        self._totals |= fresh
        return fresh

    def totals(self) -> dict[Values, float]:
        """The last value of each."""
        return self._totals | self._fresh


class Histogram(_Bounded):
    """How values are spread. They are sorted into buckets together: one by one takes five times as
    long, beside all that a request does.
    """

    __slots__ = ("_fresh", "_loose", "_totals")
    kind: Kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        super().__init__(name, labels)
        self._loose: dict[Values, list[float]] = {}
        self._fresh: dict[Values, Tally] = {}
        self._totals: dict[Values, Tally] = {}

    def observe(self, value: float, *values: str) -> None:
        """One more value, of the series with these label values."""
        loose = self._loose.get(values)
        if loose is None:
            loose = self._loose.setdefault(self._admitted(values), [])
        loose.append(value)
        if len(loose) >= LOOSE_MAX:
            self._sort()

    def take(self) -> dict[Values, Tally]:
        """What was observed since the last time."""
        self._sort()
        fresh, self._fresh = self._fresh, {}
        _merge(self._totals, fresh)
        return fresh

    def totals(self) -> dict[Values, Tally]:
        """What was observed since the process began."""
        self._sort()
        found: dict[Values, Tally] = {}
        _merge(found, self._totals)
        _merge(found, self._fresh)
        return found

    def _sort(self) -> None:
        for values, loose in self._loose.items():
            add = self._fresh.setdefault(values, Tally()).add
            for value in loose:
                add(value)
        self._loose = {}


def _merge(into: dict[Values, Tally], more: dict[Values, Tally]) -> None:
    for values, tally in more.items():
        into.setdefault(values, Tally()).merge(tally)


Instrument: TypeAlias = "Counter | Gauge | Histogram"
Delta: TypeAlias = "tuple[Instrument, dict[Values, float] | dict[Values, Tally]]"
Deltas: TypeAlias = "list[Delta]"


class Instruments:
    """All instruments of a process, by name."""

    def __init__(self) -> None:
        self._all: dict[str, Instrument] = {}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(list(self._all.values()))

    def find(self, kind: type[Instrument], name: str, labels: Sequence[str]) -> Instrument:
        """The instrument of that name, made when it is new."""
        found = self._all.get(name)
        if found is None:
            found = self._all[name] = kind(name, labels)
        assert isinstance(found, kind), (name, found.kind)
        assert found.labels == tuple(labels), (name, found.labels, tuple(labels))
        return found

    def take(self) -> Deltas:
        """What every one gathered since the last time: for the one who hands it on."""
        return [(one, fresh) for one in self for fresh in [one.take()] if fresh]


Reading: TypeAlias = "tuple[Gauge, Values, float]"
Survey: TypeAlias = Callable[[], Awaitable[Sequence[Reading]]]
"""Reads gauges of the whole installation in the store: one process of all asks, and shows them.

May raise StoreAway. Cheap: what it costs does not grow with what was ever stored.
"""

INSTRUMENTS: Final = Instruments()


def counter(name: str, labels: Sequence[str] = (), most: int = SERIES_MAX) -> Counter:
    """The counter of that name. `most`: so many series, where all values are ours and finite."""
    found = cast("Counter", INSTRUMENTS.find(Counter, name, labels))
    found.most = max(found.most, most)
    return found


def measure(name: str, labels: Sequence[str] = ()) -> Gauge:
    """The gauge of that name."""
    return cast("Gauge", INSTRUMENTS.find(Gauge, name, labels))


def histogram(name: str, labels: Sequence[str] = ()) -> Histogram:
    """The histogram of that name."""
    return cast("Histogram", INSTRUMENTS.find(Histogram, name, labels))


def count(name: str, n: float = 1, **labels: str) -> None:
    """`n` more. The names of the labels are those of the first call."""
    counter(name, tuple(labels)).add(n, *labels.values())


def gauge(name: str, value: float, **labels: str) -> None:
    """It is so much now."""
    measure(name, tuple(labels)).set(value, *labels.values())


def observe(name: str, value: float, **labels: str) -> None:
    """One more value."""
    histogram(name, tuple(labels)).observe(value, *labels.values())


def take() -> Deltas:
    """What this process gathered since the last time."""
    return INSTRUMENTS.take()
