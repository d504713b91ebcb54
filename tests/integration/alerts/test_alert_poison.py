"""Records that cannot be read, and work that is too much: nobody else has to wait for it."""

from typing import Any

import anyio
import msgspec
import pytest
from alert_hall import HOUR_MS, Hall

from orchestra.monitoring.alerts import windows
from orchestra.monitoring.alerts.evaluating import BREATH_S, Evaluator
from orchestra.monitoring.alerts.facts import AlertSource
from orchestra.monitoring.alerts.judging import Row
from orchestra.monitoring.alerts.ring import Ring
from orchestra.monitoring.alerts.windows import Windows
from orchestra.store import alert_keys, metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio
OTHER = Tenant("other")


async def test_an_alert_that_cannot_be_read_keeps_no_other_from_being_judged(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(by=("room",))
    await hall.level(50, room="red")
    await hall.level(50, room="blue")
    first, second = [one.alert.id for one in await hall.alerts.active(DEFAULT_TENANT)]
    prefix = alert_keys.alerts(store.space)
    for field, text in (("facts", "{nonsense"), ("since_ms", "yesterday")):
        key = alert_keys.alert(prefix, DEFAULT_TENANT, first)
        await store.call(prefix, "HSET", key, field, text)
        unread = [one.alert.id for one in await hall.alerts.active(DEFAULT_TENANT)]
        hall.evaluator = hall.heir()

        await hall.level(60, room="green")

        assert second in unread
        assert first not in unread
        assert {first, second} < {one.alert.id for one in await hall.alerts.active(DEFAULT_TENANT)}


async def test_the_status_of_a_rule_that_cannot_be_read_is_written_anew(store: Store) -> None:
    hall = Hall(store)
    rule = await hall.a_rule()
    prefix = alert_keys.alerts(store.space)
    for text in ("{nonsense", "7", "null"):
        key = alert_keys.rule_states(prefix, DEFAULT_TENANT)
        await store.call(prefix, "HSET", key, rule.id, text)
        hall.evaluator = hall.heir()

        await hall.level(5)

        assert (await hall.rules.statuses(DEFAULT_TENANT))[rule.id].state == "ok"


async def test_what_was_said_and_cannot_be_read_is_passed_over(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule()
    prefix = alert_keys.alerts(store.space)
    history = alert_keys.history(prefix, DEFAULT_TENANT)
    await store.call(prefix, "XADD", history, "*", "t", "alert.fired", "f", "{nonsense")

    await hall.level(50)

    said = await hall.alerts.history(DEFAULT_TENANT, None, 10)
    assert [one["type"] for _, one in said] == ["alert.fired"]
    bad = {"t": b"alert.fired", "tn": b"default", "a": b"x", "at": b"1", "v": b"", "n": b"0"}
    source = AlertSource(store)
    assert source.event(alert_keys.outbox(prefix), "1-0", bad | {"f": b"{nonsense"}) is None
    assert source.event(alert_keys.outbox(prefix), "1-0", bad) is None


@pytest.mark.parametrize("fault", [TypeError, AssertionError, msgspec.DecodeError])
async def test_a_rule_whose_judging_breaks_fails_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    hall = Hall(store)
    bad = await hall.a_rule(OTHER, metric="other")
    await hall.a_rule()
    meter = hall.evaluator._meter
    real = meter.measure

    async def measure(rule: Any) -> Any:
        if rule.id == bad.id:
            raise fault("broken")
        return await real(rule)

    monkeypatch.setattr(meter, "measure", measure)

    await hall.level(50)

    assert await hall.said() == ["rule_failed", "fired"] or await hall.said() == [
        "fired",
        "rule_failed",
    ]


async def test_others_have_their_turn_between_rules_that_take_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = Hall(store)
    for _ in range(30):
        await hall.a_rule()
    turns: list[int] = []
    judged: list[int] = []
    real = Evaluator._judge

    async def judge(self: Evaluator, *args: Any) -> Any:
        hall.clock.advance(int(BREATH_S * 1_000) + 1)
        judged.append(1)
        return await real(self, *args)

    monkeypatch.setattr(Evaluator, "_judge", judge)

    async def beside() -> None:
        while True:
            turns.append(len(judged))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(beside)
        await hall.level(5)
        group.cancel_scope.cancel()

    assert len([n for n in dict.fromkeys(turns) if 0 < n < 30]) >= 25


async def test_a_clock_that_is_set_back_an_hour_stops_no_alert(store: Store) -> None:
    hall = Hall(store)
    await hall.a_rule(keep_firing_s=30)
    await hall.level(50, 2)

    hall.clock.advance(-HOUR_MS)
    await hall.level(50, 2)
    await hall.level(5, 20)

    assert await hall.said() == ["fired", "resolved"]
    assert await hall.state() == []


async def test_a_rule_that_is_deleted_under_a_clock_set_back_resolves(store: Store) -> None:
    hall = Hall(store)
    rule = await hall.a_rule()
    await hall.level(50, 2)

    hall.clock.advance(-HOUR_MS)
    await hall.rules.remove(rule)
    await hall.tick()

    assert await hall.said() == ["fired", "resolved"]


async def test_windows_of_the_past_are_kept_up_to_so_many_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "ROWS_MAX", 20)
    hall = Hall(store)
    for n in range(3):
        await hall.record("level", 5.0, room=f"r{n}")
    past = Windows(hall.answers, Ring(store, hall.admission), hall.clock)
    most, rows = 0, list[Row]()

    for n in range(40):
        hall.clock.advance(60_000)
        await past.prepare({}, hall.clock.now_ms() // 1_000)
        rows = await past.rows((DEFAULT_TENANT, "level"), 7_200 + n)
        most = max(most, past.kept_rows)
        assert len(rows) == 3
    again = await past.rows((DEFAULT_TENANT, "level"), 7_200 + 39)

    assert again is rows
    assert 10 <= most <= 20
    past.forget()
    assert past.kept_rows == 0


@pytest.mark.parametrize("text", ["nonsense", "x y z w", ""])
async def test_a_metric_whose_register_cannot_be_read_keeps_no_other_rule_from_firing(
    store: Store, text: str
) -> None:
    hall = Hall(store)
    await hall.a_rule(metric="other")
    await hall.record("other", 50.0)
    await hall.a_rule()
    mon = metric_keys.monitoring(store.space)
    await store.call(mon, "HSET", metric_keys.metrics(mon, DEFAULT_TENANT), "other", text)
    hall.evaluator = hall.heir()

    await hall.level(50)

    assert "fired" in await hall.said()
