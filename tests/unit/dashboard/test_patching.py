"""A JSON Patch as an edit of the text."""

import json
import tracemalloc
from typing import Any

import pytest

from orchestra.dashboard.editor.patching import PatchMisplaced, difference, edit_of

TEXT = """\
{
  "name": "äöü 🦊",
  "steps": [
    {"id": "a", "agent_typ": "x"},
    {
      "id": "b",
      "depends_on": ["a", "c"]
    }
  ],
  "vars": {}
}
"""


def test_what_stands_deep_inside_a_text_takes_no_more_memory_than_the_text() -> None:
    inner: Any = [1] * 20_000
    for i in range(50):
        inner = {f"{i:03}" * 70: inner}
    text = json.dumps({"stepz": 1, "x": inner})
    tracemalloc.start()
    edit = edit_of(text, [{"op": "move", "from": "/stepz", "path": "/steps"}])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert edit.insert == "s"
    assert most < 32 * 2**20  # with a pointer for each value: 210 MB


def patched(text: str, *patch: dict[str, Any]) -> str:
    return edit_of(text, patch).applied(text)


@pytest.mark.parametrize(
    ("patch", "old", "new"),
    [
        ({"op": "replace", "path": "/steps/1/id", "value": "c"}, '"b"', '"c"'),
        (
            {"op": "move", "from": "/steps/0/agent_typ", "path": "/steps/0/agent_type"},
            "agent_typ",
            "agent_type",
        ),
        ({"op": "remove", "path": "/steps/1/depends_on/1"}, '"a", "c"', '"a"'),
        ({"op": "remove", "path": "/steps/1/depends_on/0"}, '"a", "c"', '"c"'),
        ({"op": "remove", "path": "/steps/0/id"}, '"id": "a", ', ""),
        ({"op": "remove", "path": "/steps/1/depends_on"}, ',\n      "depends_on": ["a", "c"]', ""),
        ({"op": "add", "path": "/steps/1/depends_on/-", "value": "d"}, '"c"]', '"c", "d"]'),
        ({"op": "add", "path": "/steps/1/depends_on/0", "value": "d"}, '["a"', '["d", "a"'),
        ({"op": "add", "path": "/vars/x", "value": 1}, "{}", '{\n    "x": 1\n  }'),
        ({"op": "add", "path": "/steps/0/type", "value": "set"}, '"x"', '"x", "type": "set"'),
        (
            {"op": "add", "path": "/steps/1/type", "value": "set"},
            '"c"]',
            '"c"],\n      "type": "set"',
        ),
        ({"op": "add", "path": "/steps/1/id", "value": "z"}, '"b"', '"z"'),
    ],
)
def test_only_what_the_patch_is_about_changes(patch: dict[str, Any], old: str, new: str) -> None:
    assert patched(TEXT, patch) == TEXT.replace(old, new)


def test_several_changes_are_one_edit() -> None:
    edit = edit_of(
        TEXT,
        [
            {"op": "replace", "path": "/steps/1/depends_on/1", "value": "d"},
            {"op": "move", "from": "/steps/0/agent_typ", "path": "/steps/1/agent_type"},
        ],
    )

    after = json.loads(edit.applied(TEXT))
    assert after["steps"][0] == {"id": "a"}
    assert after["steps"][1] == {"id": "b", "depends_on": ["a", "d"], "agent_type": "x"}


def test_offsets_are_those_of_scripts() -> None:
    edit = edit_of(TEXT, [{"op": "replace", "path": "/steps/1/id", "value": "bc"}])
    units = TEXT.encode("utf-16-le")

    told = edit.in_units(TEXT)

    start, end = int(str(told["from"])), int(str(told["to"]))
    text = (
        units[: 2 * start].decode("utf-16-le") + edit.insert + units[2 * end :].decode("utf-16-le")
    )
    assert json.loads(text)["steps"][1]["id"] == "bc"


@pytest.mark.parametrize(
    "patch",
    [
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "remove", "path": "/steps/7"},
        {"op": "add", "path": "/name/x", "value": 1},
        {"op": "test", "path": "/name", "value": 1},
    ],
)
def test_what_the_text_does_not_have_is_refused(patch: dict[str, Any]) -> None:
    with pytest.raises(PatchMisplaced):
        edit_of(TEXT, [patch])


def test_a_difference_is_as_small_as_it_can_be() -> None:
    assert difference("aXb", "aYb").applied("aXb") == "aYb"
    assert difference("aa", "aaa").applied("aa") == "aaa"
    same = difference("same", "same")
    assert (same.start, same.end, same.insert) == (4, 4, "")
