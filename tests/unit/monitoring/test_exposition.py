"""Text for Prometheus, read back by Prometheus' own parsers: hostile values, units, edges."""

import math
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_open,
)
from prometheus_client.parser import text_string_to_metric_families as read_plain

from orchestra.instruments import Counter, Gauge, Histogram, Instruments
from orchestra.monitoring.metrics.exposition import families

Read = Callable[[str], Iterable[Any]]
HOSTILE = (
    "", '"', "\\", "\n", '\\"', "\\n", "a\\\\nb", "}", '"} 1', "# EOF", "\r", "\u2028", "\x85",
    "\x00", "\t", "ä", "💥", "{a=1}", ',b="c"', " ", "le",
    '" 1\norchestra_x_total{a="b"} 7', "# TYPE x counter",
)  # fmt: skip
READERS = [(read_plain, False), (read_open, True)]


def text_of(made: Instruments, *, openmetrics: bool, tenant: str | None = None) -> str:
    found = families(made, openmetrics=openmetrics, tenant=tenant)
    return "".join(f"{line}\n" for lines in found for line in lines)


def some() -> tuple[Instruments, Counter, Gauge, Histogram]:
    made = Instruments()
    counter = made.find(Counter, "orchestra_asked_total", ("tenant", "what"))
    gauge = made.find(Gauge, "orchestra_kept_bytes", ("what",))
    spread = made.find(Histogram, "orchestra_asked_seconds", ("what",))
    assert isinstance(counter, Counter)
    assert isinstance(gauge, Gauge)
    assert isinstance(spread, Histogram)
    return made, counter, gauge, spread


@pytest.mark.parametrize(("read", "openmetrics"), READERS)
def test_hostile_label_values_come_back_as_they_are(read: Read, openmetrics: bool) -> None:
    made, counter, gauge, spread = some()
    for n, value in enumerate(HOSTILE, 1):
        counter.add(n, "default", value)
        gauge.set(n, value)
        spread.observe(n, value)

    found = {one.name: one for one in read(text_of(made, openmetrics=openmetrics))}

    asked = found["orchestra_asked"].samples
    assert {one.labels["what"]: one.value for one in asked} == {
        value: n for n, value in enumerate(HOSTILE, 1)
    }
    kept = found["orchestra_kept_bytes"].samples
    assert {one.labels["what"] for one in kept} == set(HOSTILE)
    sums = [one for one in found["orchestra_asked_seconds"].samples if one.name.endswith("_sum")]
    assert {one.labels["what"]: one.value for one in sums} == {
        value: n for n, value in enumerate(HOSTILE, 1)
    }


@pytest.mark.parametrize(("read", "openmetrics"), READERS)
def test_types_and_help_are_true(read: Read, openmetrics: bool) -> None:
    made, counter, gauge, spread = some()
    counter.add(1, "default", "x")
    gauge.set(math.inf, "x")
    spread.observe(0.3, "x")

    found = {one.name: one for one in read(text_of(made, openmetrics=openmetrics))}

    kinds = {name: one.type for name, one in found.items()}
    assert kinds == {
        "orchestra_asked": "counter",
        "orchestra_kept_bytes": "gauge",
        "orchestra_asked_seconds": "histogram",
    }
    assert all(one.documentation for one in found.values())
    assert found["orchestra_kept_bytes"].samples[0].value == math.inf
    assert {one.name for one in found["orchestra_asked"].samples} == {"orchestra_asked_total"}


def test_openmetrics_says_units_and_ends() -> None:
    made, counter, gauge, spread = some()
    counter.add(1, "default", "x")
    gauge.set(1, "x")
    spread.observe(0.3, "x")
    text = text_of(made, openmetrics=True)

    units = {one.name: one.unit for one in read_open(text)}

    assert units == {
        "orchestra_asked": "",
        "orchestra_kept_bytes": "bytes",
        "orchestra_asked_seconds": "seconds",
    }
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1


@pytest.mark.parametrize(("read", "openmetrics"), READERS)
@pytest.mark.parametrize("seed", range(5))
def test_buckets_are_those_of_the_values(read: Read, openmetrics: bool, seed: int) -> None:
    chance, values = random.Random(seed), list[float]()
    made, _, _, spread = some()
    for _ in range(300):
        value = chance.choice(
            [0.0, -1.5, 2.0 ** chance.randint(-8, 8), chance.lognormvariate(0, 3)]
        )
        values.append(value)
        spread.observe(value, "x")

    [found] = [
        one
        for one in read(text_of(made, openmetrics=openmetrics))
        if one.name == "orchestra_asked_seconds"
    ]

    buckets = {
        float(one.labels["le"]): one.value for one in found.samples if one.name.endswith("_bucket")
    }
    assert math.inf in buckets
    for bound, count in buckets.items():
        assert count == sum(value <= bound for value in values)
    [count] = [one.value for one in found.samples if one.name.endswith("_count")]
    assert count == len(values)


def test_what_is_another_tenants_is_not_told() -> None:
    made, counter, _, _ = some()
    counter.add(1, "mine", "x")
    counter.add(2, "theirs", "hush-hush")

    assert "hush-hush" not in text_of(made, openmetrics=True, tenant="mine")
    assert "hush-hush" in text_of(made, openmetrics=True)
