"""Steps that wait for a time or a signal: R9, R30, R32 to R36, and what is shown of them."""

from typing import Any

import anyio
import pytest
from store_time import passes
from workflow_replica import (
    PATIENCE_S,
    Held,
    Replica,
    Shown,
    a_document,
    a_step,
    a_value,
    a_wait,
    answers,
    fails,
    replica,
)

from orchestra.errors import TooLarge
from orchestra.instants import instant
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.partitions import tag_number_of
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.workflows.history.executions import WrongState
from orchestra.workflows.history.reader import NoSuchExecution
from orchestra.workflows.history.signals import (
    NoSuchSignal,
    Send,
    SignalAnswered,
    SignalTooLate,
)

pytestmark = pytest.mark.anyio

SOON = "150ms"


def waits(name: str) -> Any:
    """Whether a step of that name waits."""
    return lambda shown: name in [one["step"] for one in shown["waiting_for"]]


async def no_timers(engine: Replica, execution: str) -> bool:
    prefix = engine.prefix(execution)
    timers = await engine.store.read(prefix, "ZRANGE", f"{prefix}t", 0, -1)
    left = await engine.store.read(prefix, "EXISTS", keys.awaiting(prefix, execution))
    return not [timer for timer in timers if timer.startswith(b"A|")] and left == 0


async def make_due(engine: Replica, execution: str, path: str) -> None:
    """The time of a waiting step comes now."""
    prefix = engine.prefix(execution)
    timer = f"A|1|@engine|{execution}/{path}"
    assert await engine.store.call(prefix, "ZADD", f"{prefix}t", "XX", "CH", "1", timer) == 1
    engine.module.engine.timer_set(tag_number_of(execution), 0)


# for, until


@pytest.mark.parametrize("duration", ["100ms", "${input.wait}"])
async def test_a_step_waits_for_a_while(engine: Replica, duration: str) -> None:
    shown = await engine.run(
        a_document(a_wait("w", for_=duration), a_value("b", "${steps.w.output}")), {"wait": "100ms"}
    )

    assert (shown["status"], shown.step("w")["output"]) == ("completed", None)
    assert shown.step("w")["duration_ms"] >= 100
    assert shown.step("w")["waits_for"]["for"] == "time"
    events = [kind for kind, path in await engine.events(shown["id"]) if path == "w"]
    assert events == [
        "step.started", "step.suspended", "step.woken", "step.started", "step.completed",
    ]  # fmt: skip


async def test_a_step_waits_until_an_instant(engine: Replica) -> None:
    soon_ms = engine.module._clock.now_ms() + 200

    shown = await engine.run(
        a_document(a_wait("w", until="${input.at}"), a_step("b")), {"at": instant(soon_ms)}
    )

    assert shown["status"] == "completed"
    assert engine.module._clock.now_ms() >= soon_ms
    assert shown.step("w")["waits_for"]["until"] == instant(soon_ms)


async def test_what_has_come_already_is_not_waited_for(engine: Replica) -> None:
    shown = await engine.run(
        a_document(a_wait("a", until="2001-01-01T00:00:00Z"), a_wait("b", for_="0s"))
    )

    assert shown["status"] == "completed"
    assert "step.suspended" not in [kind for kind, _ in await engine.events(shown["id"])]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"for_": "${input.x}"}, "expression.type"),
        ({"for_": "${'999d'}"}, "expression.limit"),
        ({"until": "${input.x}"}, "expression.type"),
        ({"until": "${'2001-01-01T00:00:00'}"}, "expression.type"),
        ({"until": "${'9999-01-01T00:00:00Z'}"}, "expression.limit"),
        ({"for_": "${input.y}"}, "expression.missing"),
    ],
)
async def test_what_is_no_time_fails_the_step(
    engine: Replica, fields: dict[str, str], code: str
) -> None:
    shown = await engine.run(a_document(a_wait("w", **fields)), {"x": 5})

    assert (shown["status"], shown.code) == ("failed", code)


# signals


async def test_r33_a_signal_ends_the_wait_with_its_payload(engine: Replica) -> None:
    execution = await engine.start(
        a_document(
            a_wait("w", output={"sum": "${result.amount}"}), a_value("b", "${steps.w.output.sum}")
        )
    )
    await engine.until(execution, waits("w"))

    sent = await engine.signal(execution, "go", {"amount": 7})

    assert sent.steps == ("w",)
    shown = await engine.end(execution)
    assert (shown["status"], shown["output"]) == ("completed", 7)
    assert await no_timers(engine, execution)


async def test_r33_a_signal_may_come_early(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_wait("w")))
    await held.begun.wait()

    assert (await engine.signal(execution, "go", [1])).steps == ()
    held.go_on()

    shown = await engine.end(execution)
    assert (shown["status"], shown["output"]) == ("completed", [1])


async def test_r33_a_signal_counts_once(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w"), a_wait("x", signal="other")))
    await engine.until(execution, waits("w"))
    await engine.signal(execution, "go", {"n": 1})

    with pytest.raises(SignalAnswered) as refused:
        await engine.signal(execution, "go", {"n": 2})

    first = refused.value.context["first"]
    assert isinstance(first, dict)
    assert (first["name"], first["by"], first["payload"]) == ("go", "bob", {"n": 1})
    await engine.signal(execution, "other")
    await engine.end(execution)
    with pytest.raises(SignalAnswered):
        await engine.signal(execution, "go", {"n": 2})


async def test_r33_of_eight_at_once_one_counts(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w")))
    await engine.until(execution, waits("w"))
    taken: list[int] = []
    refused: list[object] = []

    async def send(number: int) -> None:
        try:
            await engine.signal(execution, "go", number)
            taken.append(number)
        except SignalAnswered as error:
            first = error.context["first"]
            assert isinstance(first, dict)
            refused.append(first["payload"])

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(send, number)

    assert len(taken) == 1
    assert refused == taken * 7
    assert (await engine.end(execution))["output"] == taken[0]


async def test_r33_a_key_sends_one_signal(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w"), a_wait("x", signal="other")))

    first = await engine.signal(execution, "go", 1, key="k")
    again = await engine.signal(execution, "go", 1, key="k")

    assert (first.replayed, again.replayed) == (False, True)
    assert again.signal == first.signal
    for name, payload in (("go", 2), ("other", 1)):
        with pytest.raises(IdempotencyMismatch):
            await engine.signal(execution, name, payload, key="k")
    with pytest.raises(SignalAnswered):
        await engine.signal(execution, "go", 1, key="another")
    assert (await engine.until(execution, waits("x")))["status"] == "running"


async def test_r33_one_signal_answers_all_that_wait_for_it(engine: Replica) -> None:
    branches = [{"id": f"b{n}", "steps": [a_wait(f"w{n}")]} for n in range(3)]
    execution = await engine.start(
        a_document({"id": "p", "type": "parallel", "branches": branches}, a_wait("last"))
    )
    await engine.until(execution, lambda shown: len(shown["waiting_for"]) == 3)

    sent = await engine.signal(execution, "go", "yes")

    assert sorted(sent.steps) == ["p/b0/w0", "p/b1/w1", "p/b2/w2"]
    shown = await engine.end(execution)
    assert shown.step("p")["output"] == {"b0": "yes", "b1": "yes", "b2": "yes"}
    assert shown["output"] == "yes"


async def test_r33_what_nobody_waits_for_is_refused(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w")))

    with pytest.raises(NoSuchSignal):
        await engine.signal(execution, "come")
    with pytest.raises(NoSuchExecution):
        await engine.signal("exe_nothing", "go")
    with pytest.raises(NoSuchExecution):
        await engine.module.signals.send(Tenant("other"), execution, Send(name="go"), "eve")
    with pytest.raises(TooLarge):
        await engine.signal(execution, "go", "x" * 300_000)

    prefix = engine.prefix(execution)
    fields = await engine.store.read(prefix, "HKEYS", f"{prefix}r:{execution}")
    assert not [name for name in fields if name[:2] in (b"@!", b"@?")]


async def test_r33_a_signal_after_the_end_is_refused(engine: Replica) -> None:
    skipped = (await engine.run(a_document(a_wait("w", if_="false"), a_value("b", 1))))["id"]

    with pytest.raises(WrongState) as refused:
        await engine.signal(skipped, "go")

    assert refused.value.context["execution_status"] == "completed"


async def test_r33_a_signal_is_too_late_when_every_wait_for_it_is_over(engine: Replica) -> None:
    held = Held()
    engine.agents.on("b", held)
    rule = {"do": "continue", "output": "late"}
    execution = await engine.start(
        a_document(a_wait("w", timeout="100ms", on_timeout=rule), a_step("b"))
    )
    await held.begun.wait()

    with pytest.raises(SignalTooLate):
        await engine.signal(execution, "go")

    held.go_on()
    assert (await engine.end(execution)).step("w")["output"] == "late"


async def test_r33_a_large_payload_is_kept_whole(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w")))
    await engine.until(execution, waits("w"))

    await engine.signal(execution, "go", "x" * 200_000)

    await engine.end(execution)
    assert (await engine.step(execution, "w"))["output"] == "x" * 200_000


async def test_r33_who_when_and_what_are_in_the_history(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w")))
    await engine.until(execution, waits("w"))
    await engine.signal(execution, "go", {"n": 1})
    await engine.end(execution)

    [sent] = [i for i in await engine.history(execution) if i["type"] == "workflow.signalled"]
    assert sent["actor"] == {"type": "user", "id": "bob"}
    assert sent["data"] == {"op": "signal", "signal": "go", "payload": {"n": 1}}
    logs = {item["event"]: item["data"] for item in await engine.logs(execution)}
    assert logs["workflow.signalled"]["payload"] == {"n": 1}
    assert logs["step.suspended"]["waits_for"]["signal"] == "go"
    assert logs["step.answered"] == {"signal": "go"}
    assert (await engine.events(execution))[-7:] == [
        ("step.started", "w"),
        ("step.suspended", "w"),
        ("workflow.signalled", None),
        ("step.answered", "w"),
        ("step.started", "w"),
        ("step.completed", "w"),
        ("workflow.completed", None),
    ]


# timeouts


async def test_a_wait_without_a_signal_fails_in_time(engine: Replica) -> None:
    shown = await engine.run(a_document(a_wait("w", timeout=SOON), a_step("b")))

    assert (shown["status"], shown.code) == ("failed", "timeout.wait")
    assert shown["error"]["message"] == "no signal 'go' within 150ms"
    assert shown.of("w", "b") == ["failed", "skipped"]


async def test_a_wait_fails_with_the_code_it_names(engine: Replica) -> None:
    rule = {"do": "fail", "error": "order.unpaid", "message": "nobody paid"}

    shown = await engine.run(a_document(a_wait("w", timeout=SOON, on_timeout=rule)))

    assert (shown.code, shown["error"]["message"]) == ("order.unpaid", "nobody paid")


async def test_a_wait_goes_on_without_a_signal(engine: Replica) -> None:
    rule = {"do": "continue", "output": {"paid": "${input.x}"}}

    shown = await engine.run(
        a_document(
            a_wait("w", timeout=SOON, on_timeout=rule), a_value("b", "${steps.w.reason}")
        ),
        {"x": 3},
    )  # fmt: skip

    assert shown.step("w")["output"] == {"paid": 3}
    assert shown.step("w")["reason"] == shown["output"] == "timeout"


async def test_a_timeout_is_handled_as_any_failure(engine: Replica) -> None:
    handler = [{"match": ["timeout.wait"], "do": "steps", "steps": [a_step("ask")]}]
    engine.agents.on("w/ask", answers("asked"))

    shown = await engine.run(a_document(a_wait("w", timeout=SOON, on_error=handler), a_step("b")))

    assert (shown["status"], shown.step("w")["output"]) == ("completed", "asked")


async def test_r34_a_wait_that_is_due_twice_ends_once(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w", for_="1h"), a_step("b")))
    await engine.until(execution, waits("w"))
    await make_due(engine, execution, "w")
    await engine.end(execution)
    prefix, timer = engine.prefix(execution), f"A|1|@engine|{execution}/w"

    await engine.store.call(prefix, "ZADD", f"{prefix}t", "1", timer)
    await engine.declare_dead(execution, but=engine)

    events = await engine.events(execution)
    assert events.count(("step.completed", "w")) == events.count(("step.woken", "w")) == 1


# what is shown


async def test_the_status_says_what_is_waited_for_and_until_when(engine: Replica) -> None:
    execution = await engine.start(
        a_document(a_wait("w", timeout="1h"), a_wait("t", for_="2h", depends_on=[]))
    )

    shown = await engine.until(execution, lambda shown: len(shown["waiting_for"]) == 2)

    by = {one["step"]: one for one in shown["waiting_for"]}
    assert (by["w"]["for"], by["w"]["signal"]) == ("signal", "go")
    assert (by["t"]["for"], by["t"]["signal"]) == ("time", None)
    assert by["w"]["since"] < by["w"]["until"] < by["t"]["until"]
    assert shown["status"] == "running"
    assert shown.of("w", "t") == ["running", "running"]
    assert shown["current_steps"] == ["w", "t"]
    await engine.control(execution, "cancel")


# pause, cancel, rollback, retry


async def test_r30_a_signal_of_a_paused_execution_is_applied_on_resume(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w"), a_step("b")))
    await engine.until(execution, waits("w"))
    await engine.control(execution, "pause")

    assert (await engine.signal(execution, "go", 5)).status == "paused"
    assert (await engine.status(execution)).of("w") == ["ready"]
    await engine.control(execution, "resume")

    shown = await engine.end(execution)
    assert (shown["status"], shown.step("w")["output"]) == ("completed", 5)


async def test_r30_the_timer_of_a_wait_runs_on_while_paused(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w"), a_step("b")))
    await engine.until(execution, waits("w"))
    await engine.control(execution, "pause")
    await make_due(engine, execution, "w")
    await engine.until(execution, lambda shown: shown.of("w") == ["ready"])

    with pytest.raises(SignalTooLate):  # the time came first, though nothing followed yet
        await engine.signal(execution, "go")
    await engine.control(execution, "resume")

    assert (await engine.end(execution)).code == "timeout.wait"


async def test_r32_cancel_ends_a_wait_and_takes_its_timer(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w"), a_step("b")))
    await engine.until(execution, waits("w"))

    await engine.control(execution, "cancel")

    shown = await engine.end(execution)
    assert shown["status"] == "cancelled"
    assert shown.of("w", "b") == ["failed", "skipped"]
    assert shown.step("w")["error"]["code"] == "cancelled"
    assert shown["waiting_for"] == []
    assert await no_timers(engine, execution)


async def test_r32_a_rollback_leaves_no_wait_behind(engine: Replica) -> None:
    execution = await engine.start(
        a_document(a_step("a", compensate={"agent_type": "t"}), a_wait("w"))
    )
    await engine.until(execution, waits("w"))

    await engine.control(execution, "rollback")

    shown = await engine.end(execution)
    assert shown["status"] == "rolled_back"
    assert engine.agents.steps() == ["a", "~a"]
    assert await no_timers(engine, execution)
    with pytest.raises(WrongState):
        await engine.signal(execution, "go")


async def test_r22_a_failure_beside_a_wait_ends_it(engine: Replica) -> None:
    engine.agents.on("p/b/x", fails())
    branches = [{"id": "a", "steps": [a_wait("w")]}, {"id": "b", "steps": [a_step("x")]}]
    rule = [{"do": "continue", "output": "saved"}]
    execution = await engine.start(
        a_document(
            {"id": "p", "type": "parallel", "branches": branches, "on_error": rule},
            a_wait("end", for_="1h"),
        )
    )

    shown = await engine.until(execution, waits("end"))

    assert [one["step"] for one in shown["waiting_for"]] == ["end"]
    assert shown.of("p/a/w") == ["failed"]
    with pytest.raises(SignalTooLate):
        await engine.signal(execution, "go")
    await make_due(engine, execution, "p/a/w")
    await make_due(engine, execution, "end")
    assert (await engine.end(execution))["status"] == "completed"


async def test_r36_a_wait_that_failed_waits_anew(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w", timeout="1h"), a_step("b")))
    await engine.until(execution, waits("w"))
    await make_due(engine, execution, "w")
    assert (await engine.end(execution)).code == "timeout.wait"

    await engine.control(execution, "retry")
    await engine.until(execution, waits("w"))
    await engine.signal(execution, "go", "at last")

    shown = await engine.end(execution)
    assert (shown["status"], shown.step("w")["output"]) == ("completed", "at last")


async def test_r36_a_wait_that_a_failure_cut_off_goes_on(engine: Replica) -> None:
    held = Held(fails())
    engine.agents.on("a", held, answers(1))
    execution = await engine.start(a_document(a_wait("w", for_="1h", depends_on=[]), a_step("a")))
    before = await engine.until(execution, waits("w"))
    held.go_on()
    assert (await engine.end(execution))["status"] == "failed"

    await engine.control(execution, "retry")
    after = await engine.until(execution, waits("w"))

    assert after["waiting_for"][0]["until"] == before["waiting_for"][0]["until"]
    await make_due(engine, execution, "w")
    assert (await engine.end(execution))["status"] == "completed"


# crashes


async def test_r9_waits_outlive_the_replica(store: Store) -> None:
    async with replica(store) as first:
        signalled = await first.start(a_document(a_wait("w"), a_value("b", "${steps.w.output}")))
        timed = await first.start(a_document(a_wait("w", for_="1h"), a_value("b", 2)))
        await first.until(signalled, waits("w"))
        await first.until(timed, waits("w"))

    async with replica(store) as second:  # the first one ended as by kill -9
        await passes(store, 3_600_000)
        await second.signal(signalled, "go", 1)
        ends = [await second.end(one) for one in (signalled, timed)]

    assert [shown["output"] for shown in ends] == [1, 2]


async def test_r9_a_lost_timer_is_found_and_the_wait_keeps_its_end(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w", timeout="1h"), a_step("b")))
    before = await engine.until(execution, waits("w"))
    prefix, timer = engine.prefix(execution), f"A|1|@engine|{execution}/w"
    assert await engine.store.call(prefix, "ZREM", f"{prefix}t", timer) == 1

    assert await engine.module.sweeper.sweep(tag_number_of(execution), -60_000) == 1

    async def there() -> bool:
        return await engine.store.read(prefix, "ZSCORE", f"{prefix}t", timer) is not None

    with anyio.fail_after(PATIENCE_S):
        while not await there():
            await anyio.lowlevel.checkpoint()
    after = await engine.until(execution, waits("w"))
    assert after["waiting_for"] == before["waiting_for"]
    await engine.signal(execution, "go")
    assert (await engine.end(execution))["status"] == "completed"


async def test_r9_a_wait_that_is_well_is_left_alone(engine: Replica) -> None:
    execution = await engine.start(a_document(a_wait("w"), a_step("b")))
    await engine.until(execution, waits("w"))

    assert await engine.module.sweeper.sweep(tag_number_of(execution), -60_000) == 0

    await engine.control(execution, "rollback")
    assert await engine.module.sweeper.sweep(tag_number_of(execution), -60_000) == 0


async def test_a_signal_for_an_archived_execution_is_answered_with_the_first(
    engine: Replica,
) -> None:
    execution = await engine.start(a_document(a_wait("w")))
    await engine.signal(execution, "go", 1, key="k")
    await engine.end(execution)
    engine.module.retention._live_ms = 0
    await engine.module.retention.sweep(tag_number_of(execution))

    assert (await engine.signal(execution, "go", 1, key="k")).replayed
    with pytest.raises(SignalAnswered):
        await engine.signal(execution, "go", 2)
    shown = Shown(await engine.executions.status(Tenant("default"), execution))
    assert shown.step("w")["output"] == 1
