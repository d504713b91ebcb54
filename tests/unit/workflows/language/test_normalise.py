import json
from typing import Any

import pytest
from workflow_documents import (
    SHORT_STEPS,
    a_document,
    a_parallel,
    a_step,
    a_switch,
    checked,
    codes,
    example,
    found,
)

from orchestra.workflows.language.validation import definition_of


def normalised(document: object) -> dict[str, Any]:
    result = checked(document)
    assert result.normalised is not None, result.findings
    return result.normalised


def test_the_three_steps_of_the_original_are_taken_as_they_stand() -> None:
    result = checked({"name": "Sample Workflow", "steps": SHORT_STEPS})

    assert result.valid
    assert {finding.code for finding in result.findings} == {"field.moved"}
    assert result.definition is not None
    assert [step.input_data for step in result.definition.body.steps] == [
        {"task_type": "sentiment_analysis", "text": SHORT_STEPS[0]["text"]},
        {"task_type": "text_analysis", "analysis_type": "intent"},
        {"task_type": "data_summary", "data": [{"order": 1}]},
    ]
    assert [step.id for step in result.definition.body.steps] == ["step_1", "step_2", "step_3"]


@pytest.mark.parametrize(
    "document", [example("customer-support"), {"name": "w", "steps": SHORT_STEPS}]
)
def test_the_full_form_reads_back_as_itself(document: object) -> None:
    full = normalised(document)

    again = checked(json.loads(json.dumps(full)))

    assert again.normalised == full
    assert again.findings == ()


def test_checking_does_not_change_what_it_is_given() -> None:
    document = {"name": "w", "steps": SHORT_STEPS}
    before = json.dumps(document)

    checked(document)

    assert json.dumps(document) == before


def test_aliases_are_read_and_noted() -> None:
    document = a_document(a_step(), a_step("b", dependencies=["first"], input={"x": 1}))

    step = normalised(document)["steps"][1]

    assert (step["depends_on"], step["input_data"]) == (["first"], {"x": 1})
    assert codes(document) == ["field.alias", "field.alias"]


def test_a_finding_in_a_moved_key_points_to_where_it_was_written() -> None:
    finding = found(a_document({"agent_type": "t", "text": "${foo}"}), "expression.unknown_name")

    assert finding.pointer == "/steps/0/text"


def test_an_alias_beside_the_field_it_stands_for_is_a_conflict() -> None:
    document = a_document(a_step(input={}, input_data={}))

    assert found(document, "field.conflict").pointer == "/steps/0/input"


def test_a_connector_is_an_agent_type_and_a_task() -> None:
    document = a_document({"connector": "slack.post", "text": "hi"})

    step = normalised(document)["steps"][0]

    assert (step["agent_type"], step["task_type"]) == ("slack", "post")
    assert step["input_data"] == {"task_type": "post", "text": "hi"}


@pytest.mark.parametrize("key", ["dependsOn", "depend_on", "AgentType", "timeouts", "task-type"])
def test_a_key_that_looks_like_a_field_is_not_taken_as_input(key: str) -> None:
    finding = found(a_document({"agent_type": "t", "task_type": "x", key: 1}), "field.unknown")

    assert finding.pointer == f"/steps/0/{key}"
    assert finding.fix is not None


@pytest.mark.parametrize(
    ("key", "kind"),
    [("cases", "switch"), ("branches", "parallel"), ("vars", "set"), ("event_type", "emit")],
)
def test_a_step_that_lost_its_type_is_told_which(key: str, kind: str) -> None:
    finding = found(a_document({key: {}}), "field.missing")

    assert (finding.pointer, finding.suggestion) == ("/steps/0/type", kind)


def test_a_step_with_a_type_takes_no_unknown_keys() -> None:
    finding = found(a_document(a_step(type="agent", inputdata={})), "field.unknown")

    assert finding.suggestion == "input_data"
    assert finding.range is not None


def test_an_id_comes_from_the_name_and_is_never_one_that_is_taken() -> None:
    steps = [{"agent_type": "t", "name": "Send mail!"}, {"agent_type": "t", "name": "Send mail"}]
    document = a_document(*steps, {"agent_type": "t", "name": "1st"}, a_step("step_4"))

    ids = [step["id"] for step in normalised(document)["steps"]]

    assert ids == ["send_mail", "send_mail_2", "step_3", "step_4"]


def test_steps_without_ids_inside_one_another_get_different_ones() -> None:
    inner = {"agent_type": "t"}
    document = a_document(
        {"agent_type": "t"}, {"type": "switch", "cases": [{"when": "true", "steps": [inner]}]}
    )

    full = normalised(document)

    assert full["steps"][1]["cases"][0]["steps"][0]["id"] == "step_1_2"


def test_ids_are_unique_in_all_cases_of_a_switch_and_its_handlers() -> None:
    step = a_switch("s", a_step("x"), on_error=[{"do": "steps", "steps": [a_step("x")]}])

    finding = found(a_document(step), "step.id_duplicate")

    assert finding.pointer == "/steps/0/on_error/0/steps/0/id"
    assert finding.related == ("/steps/0/cases/0/steps/0",)


def test_branches_have_their_own_ids() -> None:
    document = a_document(a_parallel("p", left=[a_step("x")], right=[a_step("x")]))

    assert codes(document) == []


def test_a_handler_may_not_have_the_id_of_a_branch() -> None:
    step = a_parallel("p", left=[a_step("x")])
    step["on_error"] = [{"do": "steps", "steps": [a_step("left")]}]

    assert found(a_document(step), "step.id_duplicate").pointer.startswith("/steps/0/on_error")


def test_rollback_is_for_everything_once_a_step_can_be_undone() -> None:
    undo = {"compensate": {"agent_type": "t", "task_type": "undo"}}

    with_undo, without = normalised(a_document({**a_step(), **undo})), normalised(a_document())

    assert with_undo["rollback"] == {"on": ["failure", "cancel", "timeout"]}
    assert without["rollback"] == {"on": []}


def test_a_number_without_a_unit_is_refused_and_the_fix_offered() -> None:
    finding = found(a_document(a_step(timeout=30)), "duration.bad")

    assert finding.pointer == "/steps/0/timeout"
    assert finding.fix == [{"op": "replace", "path": "/steps/0/timeout", "value": "30s"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"retry": {"max_attempts": 21}},
        {"timeout": "99ms"},
        {"timeout": "25h"},
        {"run_when": "sometimes"},
        {"retry": {"on": []}},
        {"context": "some"},
        {"agent": "x"},
    ],
)
def test_values_beyond_their_limits_are_refused(fields: dict[str, Any]) -> None:
    code = "field.conflict" if "agent" in fields else "field.range"

    assert codes(a_document(a_step(**fields))) == [code]


@pytest.mark.parametrize("field", ["effect", "cache", "stream", "next", "repair", "priority"])
def test_fields_of_a_later_version_say_so(field: str) -> None:
    finding = found(a_document({**a_step(), field: 1}), "field.unsupported")

    assert finding.message == f"'{field}' is not available in this version"


def test_types_of_a_later_version_say_so() -> None:
    finding = found(a_document({"id": "a", "type": "map", "items": []}), "step.type_unsupported")

    assert finding.message == "'map' steps are not available in this version"
    assert finding.pointer == "/steps/0/type"


def test_retry_and_compensation_belong_to_agent_steps() -> None:
    document = a_document({"type": "transform", "retry": {}, "compensate": {}})

    assert codes(document) == ["step.retry_not_here", "step.compensate_not_here"]


def test_a_definition_is_read_with_everything_merged() -> None:
    document = a_document(
        a_step(retry={"initial": "2s"}, compensate={"agent": {"capability": "undo"}}),
        a_parallel("p", left=[a_step("x")], right=[a_step("y", timeout="1s")]),
        defaults={"retry": {"max_attempts": 5, "jitter": "none"}, "timeout": "10s"},
        rollback={"retry": {"max": "5m"}},
    )

    read = definition_of(normalised(document))

    first, both = read.body.steps
    assert (first.retry.max_attempts, first.retry.backoff.initial_ms) == (5, 2_000)
    assert (first.retry.backoff.jitter, first.timeout_ms) == ("none", 10_000)
    assert first.compensate is not None
    assert first.compensate.agent.capability == "undo"
    assert first.compensate.retry.max_attempts == 10
    assert first.compensate.retry.backoff.max_ms == 300_000
    assert (both.join, both.branches[1].scope.steps[0].timeout_ms) == (2, 1_000)
    assert both.waits == ("first",)
    assert read.rollback_on == ("failure", "cancel", "timeout")


def test_the_definition_of_a_check_is_the_one_of_its_document() -> None:
    result = checked(example("customer-support"))

    assert result.normalised is not None
    assert result.definition == definition_of(json.loads(json.dumps(result.normalised)))


def test_what_is_read_strictly_joins_and_what_may_be_absent_only_waits() -> None:
    document = a_document(
        a_step("a"),
        a_step("b"),
        a_step("c"),
        a_step("d", depends_on=["a"], input_data=["${steps.b.output}", "${steps.c.?output}"]),
    )

    result = checked(document)

    assert result.definition is not None
    assert not result.definition.body.sequence
    last = result.definition.body.steps[3]
    assert (last.joins, last.waits) == (("a", "b"), ("c",))
