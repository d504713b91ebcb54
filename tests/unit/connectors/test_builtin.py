import subprocess
import sys

import pytest

from orchestra.connectors.builtin import BUILT_IN

NEEDS = {
    ("text_processor", "sentiment_analysis"): ["text"],
    ("text_processor", "text_analysis"): ["text"],
    ("data_analyzer", "data_summary"): ["data"],
}


def test_every_capability_says_what_it_needs() -> None:
    found = {
        (agent.agent_type, capability.spec.name): (capability.spec.input_schema or {})["required"]
        for agent in BUILT_IN
        for capability in agent.capabilities
    }

    assert found == NEEDS


def test_names_leave_the_obvious_ones_to_the_user() -> None:
    assert [agent.name for agent in BUILT_IN] == ["text_processor-builtin", "data_analyzer-builtin"]


def test_analysis_may_be_repeated() -> None:
    assert all(
        capability.spec.idempotent for agent in BUILT_IN for capability in agent.capabilities
    )


@pytest.mark.parametrize("cached", ["lexicon.lexicon", "intent._patterns", "language._common"])
def test_importing_the_agents_reads_no_data(cached: str) -> None:
    page, name = cached.split(".")
    program = (
        "import orchestra.connectors.builtin\n"
        f"from orchestra.connectors.analysis import {page}\n"
        f"print({page}.{name}.cache_info().currsize)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert ran.stdout.strip() == "0"
