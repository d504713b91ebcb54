"""Metrics that are forgotten, while something of them still waits to be handed over."""

from typing import Any

import pytest

from orchestra.clock import ManualClock
from orchestra.monitoring.metrics.admission import Admission, MetricUnknown
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.forgetting import Forgetting
from orchestra.monitoring.metrics.recording import Recorder
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.monitoring.metrics.wishes import Wish
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


async def test_what_is_forgotten_at_once_does_not_come_back(store: Store) -> None:
    clock = ManualClock()
    admission, buffer = Admission(store, clock), Buffer(store, "s")
    recorder = Recorder(admission, buffer, clock)
    answers = Answers(admission, Shelf(store), clock, buffer)
    now_s = clock.now_ms() // 1_000
    asked = Question("m", now_s - 60, now_s, agg="increase", by=())

    async def record(value: float) -> None:
        await recorder.record(DEFAULT_TENANT, [Wish("m", value, {}, "f", "", clock.now_ms())])

    async def flush() -> None:
        await recorder.refresh()
        await buffer.flush()

    async def answer() -> list[Any]:
        found = await answers.answer([DEFAULT_TENANT], asked)
        return [one for row in found["series"] for one in row["values"] if one is not None]

    await record(40)
    before = await answer()
    await record(2)
    await Forgetting(store, admission, clock, buffer).forget(DEFAULT_TENANT, "m")
    await flush()
    with pytest.raises(MetricUnknown):
        await answer()
    await record(1)
    after = await answer()

    assert (before, after) == ([40.0], [1.0])
