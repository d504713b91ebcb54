"""Figures of the whole installation: shown by the leader alone, and no longer than they hold."""

from collections.abc import Sequence
from typing import Any, cast

import anyio
import pytest
from told import told

from orchestra.clock import ManualClock
from orchestra.errors import Unavailable
from orchestra.instruments import Reading, measure
from orchestra.monitoring.metrics.leading import Leading
from orchestra.monitoring.surveying import EVERY_S, Surveying

pytestmark = pytest.mark.anyio

GAUGE = measure("orchestra_test_surveyed", ("of",))


class Lead:
    """Leads when the test says so."""

    leads = True

    def __init__(self) -> None:
        self.waited_for = anyio.Event()

    async def elected(self) -> None:
        """See `Leading.elected`; who has lost it never gets it back."""
        if not self.leads:
            self.waited_for.set()
            await anyio.sleep_forever()


class Surveyed:
    """A survey that says what the test wants."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}
        self.away = False
        self.asked = 0
        self.loses: Lead | None = None
        """Who leads no more by the second time."""

    async def survey(self) -> Sequence[Reading]:
        """A `Survey`."""
        self.asked += 1
        if self.asked == 2 and self.loses is not None:
            self.loses.leads = False
        if self.away:
            raise Unavailable("away")
        return [(GAUGE, (name,), value) for name, value in self.found.items()]


def made() -> tuple[Surveying, Surveyed, Lead, ManualClock]:
    lead, clock, one = Lead(), ManualClock(), Surveyed()
    return Surveying([one.survey], clock, cast("Leading", cast("Any", lead))), one, lead, clock


async def test_what_is_gone_is_shown_no_more() -> None:
    surveying, one, _, clock = made()
    one.found = {"a": 1, "b": 2}
    await surveying.look()
    first = told(GAUGE.name)
    one.found = {"b": 3}
    clock.advance(round(EVERY_S * 1_000))
    await surveying.look()

    assert (first, told(GAUGE.name)) == ({("a",): 1, ("b",): 2}, {("b",): 3})
    await leave(surveying)


async def test_the_store_is_asked_now_and_then_only() -> None:
    surveying, one, _, clock = made()
    for _ in range(10):
        await surveying.look()
        clock.advance(1_000)

    assert one.asked == 10 / EVERY_S
    await leave(surveying)


async def test_who_leads_no_more_shows_nothing() -> None:
    surveying, one, lead, _ = made()
    one.found = {"a": 1}
    await surveying.look()
    lead.leads = False
    await surveying.look()
    hidden = told(GAUGE.name)
    lead.leads = True
    await surveying.look()

    assert (hidden, told(GAUGE.name)) == ({}, {("a",): 1})
    await leave(surveying)


async def test_what_was_read_while_the_lead_was_lost_is_not_shown() -> None:
    surveying, one, lead, _ = made()
    one.found, one.loses = {"a": 1}, lead
    async with anyio.create_task_group() as group:
        group.start_soon(surveying.serve)
        with anyio.fail_after(60):
            await lead.waited_for.wait()

        assert (one.asked, told(GAUGE.name)) == (2, {})
        group.cancel_scope.cancel()


async def test_what_cannot_be_read_is_not_shown() -> None:
    surveying, one, _, clock = made()
    one.found = {"a": 1}
    await surveying.look()
    one.away = True
    clock.advance(round(EVERY_S * 1_000))
    await surveying.look()

    assert told(GAUGE.name) == {}


async def leave(surveying: Surveying) -> None:
    """Show nothing in the tests that follow."""
    surveying._hide()
