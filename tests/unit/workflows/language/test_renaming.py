"""Another id for a step, in the text of its definition."""

import json
from typing import Any

import pytest
from workflow_documents import EXAMPLES, a_document, a_parallel, a_step, a_switch, checked

from orchestra.errors import Invalid
from orchestra.workflows.language.renaming import NoSuchStep, renamed

TEXT = """{
  "name": "w",  "x": 1.0,
  "steps": [
    {"id": "first", "agent_type": "t", "input_data": {"12": 1, "2": "${input.a}"}},
    {"agent_type": "t", "dependencies": ["first"],
     "input": {"a": "said ${steps.first.output.x} and ${steps.?first.status}, not ${input.steps}"},
     "if": "steps['first'].status == 'completed' && !has(steps.first.output.first)",
     "note": "first"}
  ],
  "output": "${steps[?\\"first\\"].output}"
}
"""


def test_what_depends_on_a_step_and_what_speaks_of_it_follows() -> None:
    text, changed = renamed(TEXT, "first", "new-name")

    assert text == (
        TEXT.replace('"id": "first"', '"id": "new-name"')
        .replace('["first"]', '["new-name"]')
        .replace("steps.first.", "steps['new-name'].")
        .replace("steps.?first.", "steps[?'new-name'].")
        .replace("steps['first']", "steps['new-name']")
        .replace('steps[?\\"first\\"]', "steps[?'new-name']")
    )
    assert changed == (
        "/output", "/steps/0/id", "/steps/1/dependencies/0", "/steps/1/if", "/steps/1/input/a",
    )  # fmt: skip
    assert renamed(text, "new-name", "first")[0].count("new-name") == 0


def test_a_step_without_an_id_gets_one() -> None:
    document: dict[str, Any] = {"name": "w", "steps": [{"agent_type": "t"}, {}]}
    text = json.dumps(document, indent=2)

    text, _ = renamed(text, "step_1", "begin")
    text, _ = renamed(text, "step_2", "end")

    assert json.loads(text)["steps"] == [{"id": "begin", "agent_type": "t"}, {"id": "end"}]


def test_a_name_means_the_step_that_is_seen_from_there() -> None:
    inner = a_step("inner", input_data="${steps.a.output}")
    document = a_document(
        a_step("a"),
        a_switch("s", inner),
        a_parallel("p", one=[a_step("b")], two=[a_step("b"), a_step("c", depends_on=["b"])]),
    )

    text, _ = renamed(json.dumps(document), "a", "z")
    text, changed = renamed(text, "p/two/b", "y")

    assert changed == ("/steps/2/branches/1/steps/0/id", "/steps/2/branches/1/steps/1/depends_on/0")
    assert '"${steps.z.output}"' in text
    assert json.loads(text)["steps"][2]["branches"][0]["steps"][0]["id"] == "b"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_there_and_back_is_the_same_text(path: Any) -> None:
    text = path.read_text("utf-8")
    for node in checked(json.loads(text)).graph["nodes"]:
        head, _, name = node["id"].rpartition("/")
        there, _ = renamed(text, node["id"], "another_name")
        assert checked(json.loads(there)).valid, node["id"]
        back, _ = renamed(there, f"{head}/another_name" if head else "another_name", name)
        assert json.loads(back) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "to", "problem"),
    [
        (TEXT, "step_2", Invalid),
        (TEXT, "a b", Invalid),
        (TEXT, "", Invalid),
        ("{", "x", Invalid),
        ("[]", "x", Invalid),
        ("\ud800", "x", Invalid),
        ('{"name": "w"}', "x", NoSuchStep),
        ('{"steps": [{"id": 7}, 8, null]}', "x", NoSuchStep),
    ],
)
def test_what_cannot_be_renamed_is_refused(text: str, to: str, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        renamed(text, "first", to)
