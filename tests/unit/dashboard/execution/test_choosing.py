"""What a viewer chose, in the address."""

import pytest

from orchestra.dashboard.execution.choosing import Choice, chosen


def test_an_address_says_all_that_was_chosen_and_nothing_more() -> None:
    choice = Choice("timeline", "a/b[3]", 2, "why", 1_795_000_000_000, critical=True)

    assert chosen(dict(part.split("=") for part in choice.href()[1:].split("&"))).tab == "timeline"
    assert choice.href() == (
        "?tab=timeline&step=a%2Fb%5B3%5D&attempt=2&view=why&at=1795000000000&critical=1"
    )
    assert Choice().href() == "?"


def test_another_step_has_attempts_of_its_own_and_another_tab_its_own_page() -> None:
    choice = Choice("logs", "a", 2, after="evt_1", level="error", q="x")

    assert choice.href(step="b") == "?tab=logs&step=b&after=evt_1&level=error&q=x"
    assert choice.href(tab="graph") == "?step=a&attempt=2"
    assert choice.href(after="") == "?tab=logs&step=a&attempt=2&level=error&q=x"


@pytest.mark.parametrize(
    "said",
    [{"tab": "x"}, {"attempt": "-1"}, {"attempt": "9" * 9}, {"at": "now"}, {"at": "١٢"},
     {"view": "<b>"}, {"level": "loud"}, {"follow": "yes"}, {"against": "all"}],
)  # fmt: skip
def test_what_an_address_says_wrongly_is_not_there(said: dict[str, str]) -> None:
    assert chosen(said) == Choice()
