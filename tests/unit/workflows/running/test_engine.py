"""The engine's signal: an event that can be awaited again and again."""

import pytest

from orchestra.workflows.running.engine import Signal

pytestmark = pytest.mark.anyio


async def test_a_signal_set_before_the_wait_ends_it_at_once() -> None:
    signal = Signal()
    signal.set()

    await signal.wait(60)

    assert signal.was_set


async def test_a_wait_that_runs_out_says_so_and_the_next_can_be_woken() -> None:
    signal = Signal()

    await signal.wait(0.001)
    assert not signal.was_set

    signal.set()
    await signal.wait(60)
    assert signal.was_set
