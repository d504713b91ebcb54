"""The line that the registry keeps about an agent."""

import pytest

from orchestra.agents.registry.facts import facts_of


@pytest.mark.parametrize(
    ("digit", "mode"), [("0", "working"), ("1", "draining"), ("2", "disabled")]
)
def test_the_line_says_what_people_decided_and_since_when(digit: str, mode: str) -> None:
    facts = facts_of(f"agt_1|7|d1g35t|image|{digit}|1000|2000".encode())

    assert (facts.id, facts.revision, facts.agent_type) == ("agt_1", 7, "image")
    assert (facts.mode, facts.created_ms, facts.since_ms) == (mode, 1_000, 2_000)


def test_a_line_of_before_there_were_modes_is_since_it_was_made() -> None:
    facts = facts_of(b"agt_1|7|d1g35t|image|1|1000")

    assert (facts.mode, facts.since_ms) == ("draining", 1_000)
