"""R15, R16, R20, R21: trying again, and what follows when that does not help."""

from typing import Any

import pytest
from workflow_replica import (
    Held,
    Replica,
    a_document,
    a_step,
    a_value,
    answers,
    fails,
    retrying,
)

pytestmark = pytest.mark.anyio


async def delays(engine: Replica, execution: str) -> list[int]:
    """What was waited for between the attempts."""
    logs = await engine.logs(execution)
    return [item["data"]["delay_ms"] for item in logs if item["event"] == "step.retry_scheduled"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"backoff": "exponential", "initial": "10ms", "factor": 3}, [10, 30, 90]),
        ({"backoff": "exponential", "initial": "10ms", "max": "15ms"}, [10, 15, 15]),
        ({"backoff": "linear", "initial": "10ms"}, [10, 20, 30]),
        ({"backoff": "fixed", "initial": "10ms"}, [10, 10, 10]),
    ],
)
async def test_r15_the_delay_grows_as_its_kind_says(
    engine: Replica, policy: dict[str, Any], expected: list[int]
) -> None:
    engine.agents.on("a", fails("agent.error"))

    shown = await engine.run(
        a_document(a_step("a", retry={"max_attempts": 4, "jitter": "none", **policy}))
    )

    assert shown.code == "agent.error"
    assert await delays(engine, shown["id"]) == expected
    assert [task.attempt for task in engine.agents.of("a")] == [1, 2, 3, 4]


@pytest.mark.parametrize(("jitter", "least"), [("full", 0), ("equal", 20)])
async def test_r15_jitter_only_shortens(engine: Replica, jitter: str, least: int) -> None:
    engine.agents.on("a", fails("agent.error"))
    policy = {"max_attempts": 3, "backoff": "fixed", "initial": "40ms", "jitter": jitter}

    shown = await engine.run(a_document(a_step("a", retry=policy)))

    assert all(least <= delay <= 40 for delay in await delays(engine, shown["id"]))


async def test_r15_retry_after_is_a_lower_bound(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.rate_limited", retry_after_ms=120), answers(1))

    shown = await engine.run(a_document(a_step("a", retry=retrying())))

    assert shown["status"] == "completed"
    assert await delays(engine, shown["id"]) == [120]


async def test_r15_a_delay_that_passes_max_elapsed_is_not_waited_for(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"))
    policy = {
        "max_attempts": 5,
        "initial": "1h",
        "max": "1h",
        "jitter": "none",
        "max_elapsed": "1s",
    }

    shown = await engine.run(a_document(a_step("a", retry=policy)))

    assert shown["status"] == "failed"
    assert len(engine.agents.of("a")) == 1


TRIED_AGAIN = {
    "agent.error", "agent.invalid_response", "output.invalid", "agent.rate_limited",
    "agent.unavailable", "agent.lost", "timeout.attempt", "timeout.heartbeat",
}  # fmt: skip
NOT_TRIED_AGAIN = {
    "agent.bad_request", "agent.auth", "agent.too_large", "timeout.queue", "payment.declined",
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(TRIED_AGAIN | NOT_TRIED_AGAIN))
async def test_r16_each_code_is_tried_again_as_the_table_says(engine: Replica, code: str) -> None:
    engine.agents.on("a", fails(code), answers(1))

    shown = await engine.run(a_document(a_step("a", retry=retrying(2))))

    again = code in TRIED_AGAIN
    assert len(engine.agents.of("a")) == (2 if again else 1)
    assert shown["status"] == ("completed" if again else "failed")
    assert shown.code == (None if again else code)


async def test_r16_an_agents_own_code_is_tried_again_as_its_retryable_says(
    engine: Replica,
) -> None:
    engine.agents.on("a", fails("stock.busy", retryable=True), answers(1))

    shown = await engine.run(a_document(a_step("a", retry=retrying(2))))

    assert shown["status"] == "completed"


@pytest.mark.parametrize(
    ("code", "policy", "calls"),
    [
        ("payment.declined", {"on": ["payment.*"]}, 2),
        ("agent.error", {"on": ["payment.*"]}, 1),
        ("payment.declined", {"on": ["*"], "not_on": ["payment.declined"]}, 1),
        ("agent.error", {"not_on": ["agent.*"]}, 1),
        ("agent.bad_request", {"on": ["agent.bad_request"]}, 2),
    ],
)
async def test_r16_on_names_what_is_tried_again_and_not_on_wins(
    engine: Replica, code: str, policy: dict[str, Any], calls: int
) -> None:
    engine.agents.on("a", fails(code))

    await engine.run(a_document(a_step("a", retry=retrying(2, **policy))))

    assert len(engine.agents.of("a")) == calls


async def test_r20_what_is_missing_is_an_error_with_a_hint(engine: Replica) -> None:
    shown = await engine.run(a_document(a_value("a", "${input.nmae}")), {"name": "x"})

    assert (shown["status"], shown.code) == ("failed", "expression.missing")
    assert "name" in shown["error"]["message"]


async def test_r20_the_optional_is_asked_for(engine: Replica) -> None:
    shown = await engine.run(
        a_document(a_value("a", {"x": "${input.?x}", "y": "${input.?y}", "z": 1})), {"y": 2}
    )

    assert shown["output"] == {"y": 2, "z": 1}


async def test_r20_an_absent_value_in_text_is_an_error(engine: Replica) -> None:
    shown = await engine.run(a_document(a_value("a", "hello ${input.?x}")))

    assert shown["status"] == "failed"
    assert str(shown.code).startswith("expression.")


async def test_r21_retries_come_before_on_error(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"))
    rule = {"do": "continue", "output": "fallback"}

    shown = await engine.run(a_document(a_step("a", retry=retrying(3), on_error=[rule])))

    assert len(engine.agents.of("a")) == 3
    assert (shown["status"], shown["output"]) == ("completed", "fallback")


async def test_r21_a_step_that_continues_keeps_its_error(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"))
    rule = {"do": "continue", "output": {"because": "${error.code}"}}

    shown = await engine.run(a_document(a_step("a", on_error=[rule]), a_step("b")))

    step = shown.step("a")
    assert (step["status"], step["output"]) == ("completed", {"because": "payment.declined"})
    assert step["error"]["code"] == "payment.declined"
    assert shown.of("b") == ["completed"]
    assert shown["error"] is None


async def test_r21_the_first_rule_that_matches_is_taken(engine: Replica) -> None:
    engine.agents.on("a", fails("timeout.queue"))
    rules = [
        {"match": ["payment.*"], "do": "continue", "output": 1},
        {"match": ["timeout.*"], "do": "continue", "output": 2},
        {"do": "continue", "output": 3},
    ]

    shown = await engine.run(a_document(a_step("a", on_error=rules)))

    assert shown["output"] == 2


async def test_r21_no_rule_that_matches_fails_the_scope(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"))
    rule = {"match": ["timeout.*"], "do": "continue", "output": 1}

    shown = await engine.run(a_document(a_step("a", on_error=[rule]), a_step("b")))

    assert (shown["status"], shown.code) == ("failed", "payment.declined")
    assert shown["error"]["step"] == "a"
    assert shown.of("a", "b") == ["failed", "skipped"]


async def test_r21_a_handlers_output_is_the_steps(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"))
    handler = [a_step("ask", input_data={"q": 1}), a_value("say", {"got": "${steps.ask.output}"})]

    shown = await engine.run(
        a_document(a_step("a", on_error=[{"do": "steps", "steps": handler}]), a_value("b", 1))
    )

    assert shown["status"] == "completed"
    assert shown.step("a")["output"] == {"got": {"q": 1}}
    assert shown.of("a", "a/ask", "a/say", "b") == ["completed"] * 4


async def test_r21_a_handler_that_fails_fails_its_step(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"))
    engine.agents.on("a/ask", fails("help.absent"))

    shown = await engine.run(
        a_document(a_step("a", on_error=[{"do": "steps", "steps": [a_step("ask")]}]))
    )

    assert (shown["status"], shown.code) == ("failed", "help.absent")
    assert shown["error"]["step"] == "a/ask"


async def test_r21_a_rule_may_fail_with_another_error(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.bad_request"))
    rule = {"do": "fail", "error": "order.bad", "message": "cannot be read"}

    shown = await engine.run(a_document(a_step("a", on_error=[rule])))

    assert (shown.code, shown["error"]["message"]) == ("order.bad", "cannot be read")


async def test_r21_a_rule_may_roll_back(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))
    undo = {"agent_type": "t", "input_data": {"undo": "${result}"}}

    shown = await engine.run(
        a_document(
            a_step("a", input_data=1, compensate=undo),
            a_step("b", on_error=[{"do": "rollback"}]),
            rollback={"on": []},
        )
    )

    assert shown["status"] == "rolled_back"
    assert engine.agents.of("~a")[0].input_data == {"undo": 1}


async def test_r21_defaults_hold_for_steps_that_do_not_say(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"))
    engine.agents.on("b", fails("agent.error"))
    rule = {"do": "continue", "output": "default"}

    shown = await engine.run(
        a_document(
            a_step("a"),
            a_step("b", retry=retrying(1), on_error=[{"do": "continue", "output": "own"}]),
            defaults={"retry": retrying(2), "on_error": [rule], "timeout": "7s"},
        )
    )

    assert [shown.step(path)["output"] for path in "ab"] == ["default", "own"]
    assert (len(engine.agents.of("a")), len(engine.agents.of("b"))) == (2, 1)
    assert engine.agents.of("a")[0].timeout_ms == 7_000


async def test_r22_the_first_unhandled_failure_cancels_its_siblings(engine: Replica) -> None:
    held, failing = Held(), Held(fails("payment.declined"))
    engine.agents.on("slow", held)
    engine.agents.on("bad", failing)
    execution = await engine.start(
        a_document(a_step("slow"), a_step("bad"), a_step("next", "slow", "bad"))
    )
    await held.begun.wait()

    failing.go_on()

    shown = await engine.end(execution)
    assert shown.code == "payment.declined"
    await held.stopped.wait()
    shown = await engine.until(execution, lambda shown: shown.of("slow") == ["failed"])
    assert shown.step("slow")["error"]["code"] == "cancelled"
    assert shown.step("next")["reason"] == "cancelled"


async def test_r22_without_fail_fast_siblings_finish_and_the_first_failure_counts(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("slow", held)
    engine.agents.on("bad", fails("payment.declined"))
    execution = await engine.start(
        a_document(
            a_step("slow"),
            a_step("bad"),
            a_step("on", "slow"),
            a_step("off", "bad"),
            fail_fast=False,
        )
    )
    await held.begun.wait()
    await engine.until(execution, lambda shown: shown.of("off") == ["skipped"])

    held.go_on()

    shown = await engine.end(execution)
    assert (shown["status"], shown.code) == ("failed", "payment.declined")
    assert shown.of("slow", "on", "off") == ["completed", "completed", "skipped"]
    assert shown.step("off")["reason"] == "upstream_failed"
