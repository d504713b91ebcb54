import pytest
from workflow_documents import a_document, a_step, checked, codes, found

from orchestra.workflows.language.validation import check


def test_what_may_be_skipped_should_not_be_read_strictly() -> None:
    document = a_document(
        a_step("a", if_="input.x"), a_step("b", input_data="${steps.a.output.text}")
    )

    finding = found(document, "expression.maybe_skipped")

    assert finding.severity == "warning"
    assert finding.fix is not None
    assert finding.fix[0]["value"] == "${steps.a.?output.text}"


@pytest.mark.parametrize(
    "text",
    [
        "${steps.a.?output}",
        "${steps.a.status == 'completed' ? steps.a.output : 1}",
        "${has(steps.a.output) ? steps.a.output : 1}",
    ],
)
def test_asking_first_is_no_doubt(text: str) -> None:
    assert codes(a_document(a_step("a", if_="input.x"), a_step("b", input_data=text))) == []


def test_a_step_that_is_skipped_with_what_it_reads_is_no_doubt() -> None:
    document = a_document(
        a_step("a", if_="input.x"), a_step("b", depends_on=["a"], input_data="${steps.a.output}")
    )

    assert codes(document) == []


def test_a_join_whose_dependencies_may_all_be_skipped_is_a_doubt() -> None:
    maybe = [a_step(name, if_="input.x") for name in "ab"]

    finding = found(
        a_document(*maybe, a_step("c", depends_on=["a", "b"])), "graph.maybe_all_skipped"
    )

    assert finding.pointer == "/steps/2/depends_on"


def test_a_step_of_a_graph_that_waits_for_nothing_is_noted() -> None:
    document = a_document(a_step("a"), a_step("b", depends_on=["a"]), a_step("c"))

    assert found(document, "graph.starts_at_once").pointer == "/steps/2"


def test_input_that_the_schema_does_not_have_is_a_doubt() -> None:
    schema = {"properties": {"text": {"properties": {"de": {}}}}}
    document = a_document(
        a_step(input_data="${input.text.en} ${input.text.de}"), input_schema=schema
    )

    assert "'input.text.en'" in found(document, "expression.unknown_input").message


def test_a_compensation_should_bear_an_unknown_outcome() -> None:
    undo = {"agent_type": "t", "input_data": {"id": "${result.id}"}}

    finding = found(a_document(a_step(compensate=undo)), "step.compensate_needs_result")

    assert finding.fix is not None
    assert finding.fix[0]["value"] == "${result.?id}"
    assert codes(a_document(a_step(compensate={**undo, "when_uncertain": False}))) == []


def test_retries_that_a_clock_cuts_off_are_a_doubt() -> None:
    step = a_step(retry={"max_attempts": 5, "initial": "10s"}, total_timeout="2m")

    assert found(a_document(step), "step.retry_outlasts_timeout").pointer == "/steps/0/retry"


def test_what_never_runs_is_a_doubt() -> None:
    switch = {
        "type": "switch",
        "cases": [
            {"when": "true", "steps": [a_step("x")]},
            {"when": "input.x", "steps": [a_step("y")]},
        ],
        "default": [a_step("z")],
    }

    pointers = [finding.pointer for finding in checked(a_document(switch)).findings]

    assert pointers == ["/steps/0/cases/1", "/steps/0/default"]


def test_agent_types_nobody_has_registered_are_a_doubt() -> None:
    result = check(a_document(a_step(agent_type="text_procesor")), None, {"text_processor"})

    assert [(f.code, f.suggestion) for f in result.findings] == [
        ("agent.none_registered", "text_processor")
    ]
    assert result.valid
