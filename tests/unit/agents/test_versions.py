"""Version ranges."""

import pytest

from orchestra.agents.registration.versions import BadRange, matches


@pytest.mark.parametrize(
    ("version", "wanted", "inside"),
    [
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2", True),
        ("1.3.0", "1.2", False),
        ("1.9.9", "1.x", True),
        ("2.0.0", "1.x", False),
        ("0.0.0", "*", True),
        ("1.9.0", "^1.2.3", True),
        ("1.2.2", "^1.2.3", False),
        ("2.0.0", "^1.2.3", False),
        ("0.2.9", "^0.2.3", True),
        ("0.3.0", "^0.2.3", False),
        ("0.0.4", "^0.0.3", False),
        ("1.2.9", "~1.2.3", True),
        ("1.3.0", "~1.2.3", False),
        ("1.5.0", ">=1.0 <2.0", True),
        ("2.0.0", ">= 1.0 < 2.0", False),
        ("3.1.0", "1.x || ^3.0", True),
        ("1.0.0-rc.1", ">=1.0.0-beta", True),
        ("1.1.0-rc.1", ">=1.0.0", False),
        ("1.0.0", ">1.0.0-rc.9", True),
        ("not one", "*", False),
    ],
)
def test_a_range_covers_what_its_grammar_says(version: str, wanted: str, inside: bool) -> None:
    assert matches(version, wanted) is inside


@pytest.mark.parametrize("wanted", ["latest", "1.2.3.4", "^", ">=", "1." + "9" * 300])
def test_what_is_no_range_is_refused(wanted: str) -> None:
    with pytest.raises(BadRange):
        matches("1.0.0", wanted)
