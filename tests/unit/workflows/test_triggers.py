"""What a hook is for is done once, tried again, or told and buried."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from orchestra.bus import Bury, Draft, Event, Gap, Handler, Reading
from orchestra.errors import NotFound, Unavailable
from orchestra.security import hops
from orchestra.store.keys import Tenant
from orchestra.workflows.running.starting import Started
from orchestra.workflows.triggers import READING, RECEIVED, Triggers

pytestmark = pytest.mark.anyio


class Doer:
    """A starter and signals that do what the test says."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals, self.calls = list(refusals), list[tuple[Any, ...]]()
        self.hops = list[int]()

    async def start(self, tenant: Tenant, workflow: str, request: Any, **named: Any) -> Started:
        self.calls.append((tenant, workflow, request.input_data, named["key"], named["actor"]))
        self.hops.append(hops.come_so_far())
        if self.refusals:
            raise self.refusals.pop(0)
        return Started("exe_1", workflow, 1, created=True)

    async def send(
        self, tenant: Tenant, execution: str, request: Any, actor: str, key: str
    ) -> None:
        self.calls.append((tenant, execution, request.name, request.payload, key, actor))


class Bus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.drafts = list[tuple[Draft, str | None]]()
        self.subscribed = list[tuple[str, Sequence[str], Reading]]()

    def subscribe(
        self, name: str, patterns: Sequence[str], handler: Handler, options: Reading
    ) -> None:
        self.subscribed.append((name, patterns, options))

    async def publish(self, draft: Draft, *, dedup: str | None = None) -> str:
        self.drafts.append((draft, dedup))
        return "evt_2"


def an_event(data: object) -> Event:
    raw = msgspec.Raw(msgspec.json.encode(data))
    return Event("evt_1", RECEIVED, "/s", "ihk_1", Tenant("t"), "module", 5, raw)


def starts(**more: Any) -> dict[str, Any]:
    return {"hook": "ihk_1", "target": {"workflow": "w"}, "input": {"x": 1}, **more}


def made(doer: Doer) -> tuple[Triggers, Bus]:
    bus = Bus()
    triggers = Triggers(doer, doer, bus)  # type: ignore[arg-type]  # both at once
    triggers.listen()
    return triggers, bus


async def test_a_workflow_starts_with_the_event_as_its_key() -> None:
    doer = Doer()
    triggers, bus = made(doer)

    await triggers.handle(an_event(starts(hop=3)))

    assert doer.calls == [("t", "w", {"x": 1}, "evt_1", "hook:ihk_1")]
    assert (doer.hops, hops.come_so_far()) == ([3], 0)
    assert bus.subscribed == [("triggers", (RECEIVED,), READING)]
    assert "api" not in READING.origins, "what somebody posted is believed by nobody"


async def test_a_signal_is_sent_with_what_came_in() -> None:
    doer = Doer()
    triggers, _ = made(doer)
    target = {"workflow": None, "signal": {"execution": "exe_1", "name": "go"}}

    await triggers.handle(an_event({"hook": "ihk_1", "target": target, "input": [1]}))

    assert doer.calls == [("t", "exe_1", "go", [1], "evt_1", "hook:ihk_1")]


async def test_what_can_never_be_done_is_told_once_and_buried() -> None:
    triggers, bus = made(Doer(NotFound("no such workflow")))

    with pytest.raises(Bury):
        await triggers.handle(an_event(starts()))

    [(draft, dedup)] = bus.drafts
    told = msgspec.json.decode(draft.data)
    assert (draft.type, draft.key, draft.origin, draft.causation) == (
        "trigger.failed", "ihk_1", "module", "evt_1",
    )  # fmt: skip
    assert (told["code"], told["reason"]) == ("not_found", "no such workflow")
    assert dedup == "trigger.failed:evt_1"


async def test_what_cannot_be_done_now_is_tried_again_and_at_last_told() -> None:
    triggers, bus = made(Doer(*[Unavailable("the store is away")] * READING.tries))

    for _ in range(READING.tries - 1):
        with pytest.raises(Unavailable):
            await triggers.handle(an_event(starts()))
        assert bus.drafts == []
    with pytest.raises(Bury):
        await triggers.handle(an_event(starts()))

    assert len(bus.drafts) == 1
    assert triggers._tried == {}


async def test_a_try_that_succeeds_begins_the_count_anew() -> None:
    triggers, _ = made(Doer(Unavailable("away"), Unavailable("away")))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await triggers.handle(an_event(starts()))

    await triggers.handle(an_event(starts()))

    assert triggers._tried == {}


async def test_what_is_no_event_of_a_hook_is_buried() -> None:
    doer = Doer()
    triggers, _ = made(doer)

    for data in ({}, {"hook": 5}, [1], {"hook": "h", "target": {"signal": {"execution": 1}}}):
        with pytest.raises(Bury):
            await triggers.handle(an_event(data))

    assert doer.calls == []


async def test_a_gap_and_a_hook_for_nothing_do_nothing() -> None:
    doer = Doer()
    triggers, bus = made(doer)

    await triggers.handle(Gap(1, 2))
    await triggers.handle(an_event({"hook": "ihk_1", "target": {}, "input": 1}))

    assert (doer.calls, bus.drafts) == ([], [])
