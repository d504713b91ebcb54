"""R17 to R19 and the kinds of steps: conditions, joins, containers, templates, context, output."""

from typing import Any

import pytest
import workflow_documents
from workflow_replica import (
    Held,
    Replica,
    a_document,
    a_step,
    a_value,
    answers,
    fails,
    hangs,
    retrying,
)

pytestmark = pytest.mark.anyio


async def test_r17_a_false_condition_skips_with_that_reason_and_no_output(
    engine: Replica,
) -> None:
    shown = await engine.run(
        a_document(
            a_step("a", if_="input.x > 1"),
            a_value("b", {"s": "${steps.a.status}", "o": "${steps.a.?output}"}),
        ),
        {"x": 1},
    )

    assert (shown.step("a")["status"], shown.step("a")["reason"]) == ("skipped", "condition")
    assert shown.step("a")["output"] is None
    assert shown["output"] == {"s": "skipped"}
    assert engine.agents.calls == []


async def test_r17_in_a_sequence_the_step_after_a_skipped_one_runs(engine: Replica) -> None:
    shown = await engine.run(a_document(a_step("a", if_="false"), a_step("b")))

    assert shown.of("a", "b") == ["skipped", "completed"]
    assert shown["status"] == "completed"


async def test_r17_a_condition_that_cannot_be_told_fails_the_step(engine: Replica) -> None:
    shown = await engine.run(a_document(a_step("a", if_="input.x == 1")))

    assert (shown["status"], shown.code) == ("failed", "expression.missing")


async def test_r18_a_step_is_skipped_when_all_it_depends_on_was_skipped(engine: Replica) -> None:
    shown = await engine.run(
        a_document(
            a_step("a", if_="false"), a_step("b", if_="false"), a_step("c", "a", "b"),
            a_step("d", "c"),
        )
    )  # fmt: skip

    assert shown.of("c", "d") == ["skipped", "skipped"]
    assert (shown.step("c")["reason"], shown.step("d")["reason"]) == ("upstream", "upstream")
    assert shown["status"] == "completed"


async def test_r18_one_completed_dependency_among_skipped_ones_is_enough(
    engine: Replica,
) -> None:
    shown = await engine.run(
        a_document(a_step("a", if_="false"), a_step("b"), a_step("c", "a", "b"))
    )

    assert shown.of("a", "b", "c") == ["skipped", "completed", "completed"]


@pytest.mark.parametrize(
    ("run_when", "expected"),
    [
        ("none_failed", ("skipped", "upstream_failed")),
        ("all_completed", ("skipped", "upstream")),
        ("any_completed", ("completed", None)),
        ("any_failed", ("completed", None)),
        ("all_done", ("completed", None)),
    ],
)
async def test_r18_joins_after_a_failure_are_decided_by_run_when(
    engine: Replica, run_when: str, expected: tuple[str, str | None]
) -> None:
    engine.agents.on("bad", fails("payment.declined"))

    shown = await engine.run(
        a_document(
            a_step("good"), a_step("bad"), a_step("joined", "good", "bad", run_when=run_when),
            fail_fast=False,
        )
    )  # fmt: skip

    joined = shown.step("joined")
    assert (joined["status"], joined["reason"]) == expected
    tolerated = run_when in ("any_completed", "any_failed", "all_done")
    assert shown["status"] == ("completed" if tolerated else "failed")


async def test_r18_a_tolerant_follower_keeps_the_failure_from_the_scope(engine: Replica) -> None:
    engine.agents.on("bad", fails("payment.declined"))

    shown = await engine.run(
        a_document(
            a_step("bad"), a_value("after", "${steps.bad.status}", "bad", run_when="all_done")
        )
    )

    assert (shown["status"], shown["output"]) == ("completed", "failed")


async def test_r19_a_step_starts_when_its_own_dependencies_are_done(engine: Replica) -> None:
    held = Held()
    engine.agents.on("slow", held)
    execution = await engine.start(
        a_document(
            a_step("quick"), a_step("slow"), a_step("after", "quick"), a_step("last", "after"),
            a_step("both", "last", "slow"),
        )
    )  # fmt: skip

    shown = await engine.until(execution, lambda shown: shown.of("last") == ["completed"])

    assert shown.of("slow", "both") == ["running", "waiting"]
    held.go_on()
    assert (await engine.end(execution))["status"] == "completed"


async def test_r19_edges_are_inferred_from_expressions(engine: Replica) -> None:
    shown = await engine.run(
        a_document(
            a_value("sum", "${steps.one.output + steps.two.output}"),
            a_value("one", 1), a_value("two", 2, "one"),
        )
    )  # fmt: skip

    assert shown.step("sum")["output"] == 3


async def test_a_sequence_runs_in_list_order(engine: Replica) -> None:
    await engine.run(a_document(a_step("c"), a_step("a"), a_step("b")))

    assert engine.agents.steps() == ["c", "a", "b"]


# containers


def a_switch(**fields: Any) -> dict[str, Any]:
    """Three ways through."""
    cases = [
        {"name": "low", "when": "input.n < 10", "steps": [a_value("l", "low")]},
        {"name": "mid", "when": "input.n < 20", "steps": [a_value("m", 1)], "output": "${'mid'}"},
    ]
    return {"id": "s", "type": "switch", "cases": cases, **fields}


@pytest.mark.parametrize(
    ("n", "case", "output"), [(5, "low", "low"), (15, "mid", "mid"), (25, "default", "high")]
)
async def test_a_switch_takes_the_first_true_case(
    engine: Replica, n: int, case: str, output: str
) -> None:
    document = a_document(a_switch(default=[a_value("h", "high")]), a_value("z", "${steps.s.case}"))

    shown = await engine.run(document, {"n": n})

    assert (shown.step("s")["case"], shown.step("s")["output"]) == (case, output)
    assert shown["output"] == case


async def test_a_switch_without_a_fitting_case_gives_null(engine: Replica) -> None:
    shown = await engine.run(a_document(a_switch()), {"n": 99})

    assert (shown["status"], shown.step("s")["output"]) == ("completed", None)


def a_fan(*branches: str, **fields: Any) -> dict[str, Any]:
    """A parallel step, each branch one agent step `x`."""
    made = [{"id": name, "steps": [a_step("x", input_data=name)]} for name in branches]
    return {"id": "p", "type": "parallel", "branches": made, **fields}


async def test_a_parallel_step_gives_the_output_of_each_branch(engine: Replica) -> None:
    shown = await engine.run(a_document(a_fan("a", "b", "c")))

    assert shown["output"] == {"a": "a", "b": "b", "c": "c"}
    assert shown.of("p/a/x", "p/b/x", "p/c/x") == ["completed"] * 3


@pytest.mark.parametrize(("wanted", "winners"), [("any", ["a"]), (1, ["a"]), (2, ["a", "b"])])
async def test_a_parallel_join_ends_with_enough_branches_and_cancels_the_others(
    engine: Replica, wanted: str | int, winners: list[str]
) -> None:
    held = {name: Held() for name in "abc"}
    for name, outcome in held.items():
        engine.agents.on(f"p/{name}/x", outcome)
    execution = await engine.start(a_document(a_fan("a", "b", "c", join=wanted)))
    for outcome in held.values():
        await outcome.begun.wait()

    for name in winners:
        held[name].go_on()

    shown = await engine.end(execution)
    assert shown["output"] == {name: name for name in winners}
    for name in set("abc") - set(winners):
        await held[name].stopped.wait()
        path = f"p/{name}/x"
        shown = await engine.until(execution, lambda s, path=path: s.of(path) == ["failed"])
        assert shown.step(path)["error"]["code"] == "cancelled"


async def test_a_parallel_step_fails_fast_and_cancels_the_other_branches(engine: Replica) -> None:
    held, failing = Held(), Held(fails("payment.declined"))
    engine.agents.on("p/a/x", held)
    engine.agents.on("p/b/x", failing)
    execution = await engine.start(a_document(a_fan("a", "b")))
    await held.begun.wait()

    failing.go_on()

    shown = await engine.end(execution)
    assert (shown.code, shown["error"]["step"]) == ("payment.declined", "p/b/x")
    await held.stopped.wait()


async def test_a_parallel_step_without_fail_fast_lets_branches_finish(engine: Replica) -> None:
    held = Held()
    engine.agents.on("p/a/x", held)
    engine.agents.on("p/b/x", fails("payment.declined"))
    execution = await engine.start(a_document(a_fan("a", "b", fail_fast=False)))
    await engine.until(execution, lambda shown: shown.of("p/b/x") == ["failed"])

    assert (await engine.status(execution))["status"] == "running"
    held.go_on()

    shown = await engine.end(execution)
    assert (shown["status"], shown.code) == ("failed", "payment.declined")
    assert shown.of("p/a/x") == ["completed"]


@pytest.mark.parametrize("fail_fast", [True, False])
async def test_a_join_of_n_bears_as_many_failures_as_it_can_do_without(
    engine: Replica, fail_fast: bool
) -> None:
    engine.agents.on("p/a/x", fails("payment.declined"))

    shown = await engine.run(a_document(a_fan("a", "b", "c", join=2, fail_fast=fail_fast)))

    assert (shown["status"], shown["output"]) == ("completed", {"b": "b", "c": "c"})


async def test_a_join_that_can_no_longer_be_reached_fails(engine: Replica) -> None:
    held = Held()
    engine.agents.on("p/a/x", fails("payment.declined"))
    engine.agents.on("p/b/x", fails("payment.declined"))
    engine.agents.on("p/c/x", held)

    shown = await engine.run(a_document(a_fan("a", "b", "c", join=2)))

    assert (shown["status"], shown.code) == ("failed", "payment.declined")
    await held.stopped.wait()


async def test_a_containers_own_on_error_handles_what_failed_inside(engine: Replica) -> None:
    engine.agents.on("p/b/x", fails("payment.declined"))
    rule = {"do": "continue", "output": {"why": "${error.code}"}}

    shown = await engine.run(a_document(a_fan("a", "b", on_error=[rule]), a_step("after")))

    assert shown["status"] == "completed"
    assert shown.step("p")["output"] == {"why": "payment.declined"}


async def test_containers_nest(engine: Replica) -> None:
    inner = a_fan("x", "y")
    outer = {"id": "o", "type": "parallel", "branches": [{"id": "b", "steps": [inner]}]}
    choice = {"id": "s", "type": "switch", "cases": [{"when": "true", "steps": [outer]}]}

    shown = await engine.run(a_document(choice))

    assert shown["output"] == {"b": {"x": "x", "y": "y"}}
    assert shown.step("s/o/b/p/x/x")["status"] == "completed"


# values


async def test_set_changes_variables_and_only_set(engine: Replica) -> None:
    shown = await engine.run(
        a_document(
            {"id": "s", "type": "set", "vars": {"n": "${vars.n + 1}", "who": "${input.who}"}},
            a_value("b", "${vars}"),
            vars={"n": 1, "kept": True},
        ),
        {"who": "ann\n\tbob"},
    )

    assert shown["output"] == {"n": 2, "kept": True, "who": "ann\n\tbob"}
    assert shown.step("s")["output"] is None


async def test_emit_publishes_with_the_transition(engine: Replica) -> None:
    event = {"event_type": "order.done", "payload": {"id": "${input.id}"}}

    shown = await engine.run(a_document({"id": "e", "type": "emit", **event}), {"id": 7})

    prefix = engine.prefix(shown["id"])
    entries = await engine.store.read(prefix, "XRANGE", f"{prefix}pub", "-", "+")
    assert shown.step("e")["output"] is None
    assert len(entries) == 1
    assert b'["order.done","/orchestra/workflows"' in b"".join(entries[0][1])
    assert b'{"id":7}' in b"".join(entries[0][1])


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${input.n}", 3),
        ("${input.list}", [1, {"a": None}]),
        ("n=${input.n}", "n=3"),
        ("list ${input.list}", 'list [1,{"a":null}]'),
        ("$${input.n}", "${input.n}"),
        ({"deep": ["${input.n + 1}"]}, {"deep": [4]}),
    ],
)
async def test_templates_keep_types_alone_and_become_text_in_text(
    engine: Replica, template: object, value: object
) -> None:
    shown = await engine.run(a_document(a_value("a", template)), {"n": 3, "list": [1, {"a": None}]})

    assert shown["output"] == value


async def test_an_output_template_of_a_step_sees_result_and_request(engine: Replica) -> None:
    engine.agents.on("a", answers({"score": 2}))
    output = {"s": "${result.score}", "q": "${request.q}"}

    shown = await engine.run(a_document(a_step("a", input_data={"q": 1}, output=output)))

    assert shown["output"] == {"s": 2, "q": 1}


async def test_an_answer_that_does_not_fit_the_steps_schema_is_tried_again(
    engine: Replica,
) -> None:
    engine.agents.on("a", answers({"n": "x"}), answers({"n": 1}))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}

    shown = await engine.run(a_document(a_step("a", output_schema=schema, retry=retrying())))

    assert (shown["status"], shown["output"]) == ("completed", {"n": 1})
    assert len(engine.agents.of("a")) == 2


async def test_the_output_is_that_of_the_last_completed_step_in_list_order(
    engine: Replica,
) -> None:
    shown = await engine.run(a_document(a_value("a", 1), a_value("b", 2), a_step("c", if_="false")))

    assert shown["output"] == 2


async def test_the_output_template_and_schema_are_applied_at_the_end(engine: Replica) -> None:
    document = a_document(
        a_value("a", 1), output={"n": "${steps.a.output}"},
        output_schema={"type": "object", "required": ["n"]},
    )  # fmt: skip

    assert (await engine.run(document))["output"] == {"n": 1}


async def test_an_output_that_does_not_fit_fails_the_execution(engine: Replica) -> None:
    shown = await engine.run(a_document(a_value("a", 1), output_schema={"type": "string"}))

    assert (shown["status"], shown.code) == ("failed", "output.invalid")


# context by name (WORKFLOWS.md section 6)


async def test_the_three_steps_of_the_original_complete_and_the_second_gets_the_text(
    engine: Replica,
) -> None:
    engine.agents.required = {
        "sentiment_analysis": ("text",), "text_analysis": ("text",), "data_summary": ("data",),
    }  # fmt: skip
    document = {"name": "Sample Workflow", "steps": workflow_documents.SHORT_STEPS}

    shown = await engine.run(document)

    assert shown["status"] == "completed"
    first, second, third = engine.agents.calls
    text = "I'm disappointed with my recent order..."
    assert first.input_data == {"task_type": "sentiment_analysis", "text": text}
    assert second.input_data == {
        "task_type": "text_analysis", "analysis_type": "intent", "text": text,
    }  # fmt: skip
    assert third.input_data == {"task_type": "data_summary", "data": [{"order": 1}]}
    assert list(shown["steps"][1]["filled"]) == ["text"]


@pytest.mark.parametrize("name", ["text", "input_text"])
async def test_what_no_step_has_is_filled_from_the_input(engine: Replica, name: str) -> None:
    engine.agents.required = {"look": ("text",)}

    shown = await engine.run(a_document(a_step("a", task_type="look")), {name: "hello"})

    assert engine.agents.calls[0].input_data == {"task_type": "look", "text": "hello"}
    assert shown.step("a")["filled"] == {"text": f"input.{name}"}


async def test_the_nearest_earlier_step_fills_first(engine: Replica) -> None:
    engine.agents.required = {"look": ("text",)}

    await engine.run(
        a_document(
            a_value("far", {"text": "far"}), a_value("near", {"text": "near"}),
            a_step("a", task_type="look"),
        ),
        {"text": "input"},
    )  # fmt: skip

    assert engine.agents.of("a")[0].input_data == {"task_type": "look", "text": "near"}


async def test_in_a_graph_only_what_a_step_depends_on_fills_it(engine: Replica) -> None:
    engine.agents.required = {"look": ("text",)}

    await engine.run(
        a_document(
            a_value("mine", {"text": "mine"}), a_value("other", {"text": "other"}, "mine"),
            a_step("a", "mine", task_type="look"),
        )
    )  # fmt: skip

    assert engine.agents.of("a")[0].input_data == {"task_type": "look", "text": "mine"}


async def test_context_none_fills_nothing(engine: Replica) -> None:
    engine.agents.required = {"look": ("text",)}

    await engine.run(a_document(a_step("a", task_type="look", context="none")), {"text": "x"})

    assert engine.agents.calls[0].input_data == {"task_type": "look"}


async def test_r41_expressions_in_data_are_just_text(engine: Replica) -> None:
    evil = "${vars.secret} {{7*7}} ${1+1}"
    engine.agents.on("a", answers({"said": evil}))

    shown = await engine.run(
        a_document(a_step("a", input_data="${input.x}"), a_value("b", "${steps.a.output.said}")),
        {"x": evil},
    )

    assert engine.agents.calls[0].input_data == evil
    assert shown["output"] == evil


async def test_r41_what_was_rendered_is_sent_again_unchanged(engine: Replica) -> None:
    first = Held(fails("agent.error"))
    engine.agents.on("a", first, answers(1))
    execution = await engine.start(
        a_document(
            a_step("a", input_data={"n": "${vars.n}"}, retry=retrying()),
            a_step("gate"),
            {"id": "s", "type": "set", "vars": {"n": 2}, "depends_on": ["gate"]},
            vars={"n": 1},
        )
    )
    await engine.until(execution, lambda shown: shown.of("s") == ["completed"])
    first.go_on()

    shown = await engine.end(execution)

    assert [task.input_data for task in engine.agents.of("a")] == [{"n": 1}, {"n": 1}]
    assert shown.step("a")["input_data"] == {"n": 1}


async def test_r41_an_expression_over_its_budget_is_an_error(engine: Replica) -> None:
    heavy = "${input.l.map(x, input.l.map(y, input.l.map(z, 1)))}"

    shown = await engine.run(a_document(a_value("a", heavy)), {"l": list(range(100))})

    assert shown.code == "expression.limit"


async def test_a_tolerated_timeout_is_a_failure_like_others(engine: Replica) -> None:
    engine.agents.on("a", hangs)
    rule = {"match": ["timeout.*"], "do": "continue", "output": "late"}

    shown = await engine.run(
        a_document(a_step("a", timeout="100ms", retry=retrying(1), on_error=[rule]))
    )

    assert shown["output"] == "late"
