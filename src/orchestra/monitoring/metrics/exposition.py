"""What the instruments of this process say, as Prometheus text (0.0.4) or OpenMetrics (1.0).

Totals since the process began; each process has its own. The bounds of histograms are powers of
two, where our buckets have their edges, so their counts are exact.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from orchestra.instruments import ZERO, Counter, Gauge, Histogram, Instruments, Tally
from orchestra.monitoring.metrics.names import TOLD, unit_of

PLAIN: Final = "text/plain; version=0.0.4"
OPEN: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_ESCAPES_TOLD: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_SCALE: Final = 8


def wants_open(accept: str) -> bool:
    """Whether a scraper asks for OpenMetrics."""
    return "application/openmetrics-text" in accept


def families(
    instruments: Instruments, *, openmetrics: bool = False, tenant: str | None = None
) -> Iterator[list[str]]:
    """The lines of each, by name. `tenant`: of what is somebody's only this one's; None: all."""
    for one in sorted(instruments, key=lambda each: each.name):
        name = one.name
        if one.kind == "counter" and openmetrics:
            name = name.removesuffix("_total") + "_total"  # it is read under no other name
        rows = list(_rows(one, name, tenant))
        if rows:
            family = name.removesuffix("_total") if openmetrics and one.kind == "counter" else name
            told = TOLD.get(one.name, one.name.replace("_", " ")).translate(_ESCAPES_TOLD)
            head = [f"# TYPE {family} {one.kind}"]
            unit = unit_of(one.name)
            if openmetrics and unit and family.endswith(f"_{unit}"):
                head.append(f"# UNIT {family} {unit}")
            yield [f"# HELP {family} {told}", *head, *rows]
    if openmetrics:
        yield ["# EOF"]


def _rows(one: Counter | Gauge | Histogram, name: str, tenant: str | None) -> Iterator[str]:
    for values, value in sorted(one.totals().items()):
        labels = dict(zip(one.labels, values, strict=True))
        if tenant is not None and labels.get("tenant", tenant) != tenant:
            continue
        if isinstance(value, Tally):
            yield from _spread(name, labels, value)
        else:
            yield f"{name}{_labels(labels)} {_number(value)}"


def _spread(name: str, labels: Mapping[str, str], tally: Tally) -> Iterator[str]:
    passed = tally.buckets.get(ZERO, 0)
    bounds: dict[int, int] = {}
    for bucket, n in tally.buckets.items():
        if bucket != ZERO:
            power = math.ceil(bucket / _SCALE)
            bounds[power] = bounds.get(power, 0) + n
    if bounds:
        for power in range(min(bounds), max(bounds) + 1):
            passed += bounds.get(power, 0)
            yield f"{name}_bucket{_labels({**labels, 'le': _number(2.0**power)})} {passed}"
    yield f"{name}_bucket{_labels({**labels, 'le': '+Inf'})} {tally.count}"
    yield f"{name}_sum{_labels(labels)} {_number(tally.sum)}"
    yield f"{name}_count{_labels(labels)} {tally.count}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    parts = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return "{" + ",".join(parts) + "}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
