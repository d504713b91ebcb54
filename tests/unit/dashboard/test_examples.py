"""The workflows to begin with."""

from pathlib import Path

import pytest

from orchestra.dashboard.workflows.examples import EXAMPLES
from orchestra.workflows.language.validation import check_text

FOLDER = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_sound_and_says_what_it_is_for(name: str) -> None:
    example = EXAMPLES[name]

    checked = check_text(example.text.encode())

    assert [one for one in checked.findings if one.severity != "note"] == []
    assert example.description


def test_the_examples_of_the_repository_are_among_them() -> None:
    for path in FOLDER.glob("*.json"):
        assert EXAMPLES[path.stem].text == path.read_text("utf-8")
