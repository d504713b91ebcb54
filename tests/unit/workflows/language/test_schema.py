import re
from typing import Any

import jsonschema_rs
import pytest
from workflow_documents import (
    SHORT_STEPS,
    a_document,
    a_parallel,
    a_step,
    a_switch,
    checked,
    example,
    mutants,
)

from orchestra.workflows.language.schema import language_schema

BEYOND_A_SCHEMA = (
    *("step.id_duplicate", "step.id_shadowed", "limit.bytes", "limit.steps", "limit.depth"),
    *("limit.expressions", "secret.misplaced", "json.syntax"),
)
GROUPS_BEYOND = ("graph.", "expression.", "schema.")
MERGED = re.compile("would go into input_data|must be an object|says another task_type")


def refused(document: object) -> list[str]:
    """What the loader finds that a schema can say too."""
    return [
        f"{finding.code} {finding.pointer}"
        for finding in checked(document).findings
        if finding.severity == "error"
        and finding.code not in BEYOND_A_SCHEMA
        and not finding.code.startswith(GROUPS_BEYOND)
        and not (finding.code == "field.conflict" and MERGED.search(finding.message))
    ]


VALIDATOR = jsonschema_rs.Draft202012Validator(
    language_schema(), pattern_options=jsonschema_rs.RegexOptions()
)


@pytest.mark.parametrize(
    "document",
    [
        example("customer-support"),
        {"name": "w", "steps": SHORT_STEPS},
        a_document(a_step(agent="x")),
        a_document(a_step(effect="idempotent")),
        a_document({"agent": "x", "dependsOn": []}),
        a_document({"agent": {"id": "x", "type": "y"}}),
        a_document({"type": "emit", "event_type": "a.b", "retry": {}}),
        a_document({"type": "map", "items": []}),
        a_document({"connector": "slack.post", "text": "hi"}),
        a_document({"connector": "slack.post", "task_type": "x"}),
        a_document({"cases": []}),
        a_document({"anything": 1}),
        a_document({"task_type": 1}),
        a_document(a_switch("s", a_step()), a_parallel("p", left=[a_step("x")])),
        a_document(a_step(on_error=[{"do": "continue", "steps": []}])),
        a_document(a_step(on_error=[{"do": "next"}])),
        a_document(a_step(retry={"max_attempts": 3.0})),
        a_document(a_step(timeout="30")),
        a_document(language=2),
        a_document(defaults={"on_error": [{"do": "steps", "steps": [a_step("x")]}]}),
    ],
)
def test_the_schema_and_the_loader_agree(document: Any) -> None:
    assert VALIDATOR.is_valid(document) == (not refused(document)), refused(document)


def test_they_agree_on_mutants() -> None:
    """But for rules no schema can say, which `refused` leaves out."""
    accepted = 0
    for document in mutants(600, 11):
        found = refused(document)
        fits = VALIDATOR.is_valid(document)
        accepted += fits
        assert fits == (not found), (document, found, _first(document))
    assert 30 < accepted < 570


def _first(document: Any) -> list[str]:
    return [f"{e.message} {e.instance_path}" for e in VALIDATOR.iter_errors(document)][:3]


def test_every_field_says_what_it_is_of_this_version_or_a_later_one() -> None:
    schema = language_schema()

    assert schema["$id"] == "/api/workflows/schema"
    assert "not available" in schema["properties"]["budget"]["description"]
    assert schema["$defs"]["agent_step"]["properties"]["timeout"]["default"] == "2m"
