"""The code of plugins: what is served, and what is said of code that cannot be."""

import pickle
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from orchestra import sdk
from orchestra.agents import Capability, PythonAgent, PythonCapability
from orchestra.agents.discovery.plugin_files import (
    SOURCE_MAX_BYTES,
    TRACEBACK_MAX,
    PluginBroken,
    agent_in_file,
    agent_of_entry_point,
    checked,
)

FOLDER = Path("/no/such/place")
GOOD = """
from dataclasses import dataclass
from orchestra import sdk

@dataclass
class Point:
    x: int = 1

agent = sdk.Agent("far", agent_type="far")
agent.capability("do")(lambda task: Point())
"""


def read(source: str, name: str = "orchestra_plugin_test") -> PythonAgent:
    return agent_in_file(FOLDER / "far.py", source.encode(), name)


def broken(source: str) -> str:
    with pytest.raises(PluginBroken) as found:
        read(source, "orchestra_plugin_broken")
    assert "orchestra_plugin_broken" not in sys.modules
    return str(found.value)


def an_agent(**given: object) -> PythonAgent:
    one = PythonCapability(Capability("do"), print)
    fields: dict[str, object] = {"name": "far", "agent_type": "far", "capabilities": (one,)}
    return PythonAgent(**(fields | given))  # type: ignore[arg-type]  # what plugins do


def test_the_text_as_it_was_read_is_what_runs() -> None:
    agent = read(GOOD)
    try:
        point = sys.modules["orchestra_plugin_test"].Point(7)

        assert (agent.name, agent.agent_type) == ("far", "far")
        assert pickle.loads(pickle.dumps(point)) == point  # noqa: S301 -- our own
    finally:
        del sys.modules["orchestra_plugin_test"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "no variable 'agent'"),
        ("agent = 'far'", "is no agent"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("def (:", "SyntaxError"),
        ("x = '\0'", "null bytes"),
        ("import no_such_module_at_all", "ModuleNotFoundError"),
        ("def f():\n    f()\nf()", "RecursionError"),
        ("from orchestra import sdk\nagent = sdk.Agent('a', agent_type='b', version=1)\n"
         "agent.capability('x', timeout_ms='soon')(print)", "ValidationError"),
    ],
)  # fmt: skip
def test_what_cannot_run_says_why_and_names_no_folder(source: str, words: str) -> None:
    said = broken(source)

    assert words in said
    assert str(FOLDER) not in said


def test_what_is_said_begins_with_the_plugins_own_line_and_has_an_end() -> None:
    said = broken("def deep():\n    raise ValueError('y' * 20_000)\n\ndeep()\n")
    short = broken("\n\n1 / 0")

    assert len(said) == TRACEBACK_MAX
    assert short.splitlines()[1].strip() == 'File "far.py", line 3, in <module>'


def test_a_file_that_is_too_large_is_not_run() -> None:
    assert "larger than" in broken("1 / 0\n" + "#" * SOURCE_MAX_BYTES)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    bad: dict[str, object] = {"type": 7}
    odd = PythonCapability(Capability("a b\n", input_schema=bad), print)
    with pytest.raises(PluginBroken) as found:
        checked(an_agent(name="", agent_type="x/y", version="new", capabilities=(odd, odd)))

    said = str(found.value)
    for words in (
        "is no name:",
        "is no type",
        "no version",
        "twice",
        "no name of a capab",
        "schema",
    ):
        assert words in said, words
    with pytest.raises(PluginBroken, match="65 capabilities"):
        checked(an_agent(capabilities=tuple(
            PythonCapability(Capability(f"c{i}"), print) for i in range(65)
        )))  # fmt: skip


def test_an_agent_of_the_sdk_is_adopted_and_one_of_ours_is_itself() -> None:
    made = sdk.Agent("far", agent_type="far")
    made.capability("do")(print)
    ours = an_agent()

    assert [one.spec.name for one in checked(made).capabilities] == ["do"]
    assert checked(ours) is ours
    with pytest.raises(PluginBroken, match="0 capabilities"):
        checked(sdk.Agent("far", agent_type="far"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_package_at_all:agent", "ModuleNotFoundError"),
        ("json:no_such_name", "AttributeError"),
        ("json:loads", "is no agent"),
    ],
)
def test_a_package_that_offers_no_agent_says_why(value: str, words: str) -> None:
    with pytest.raises(PluginBroken, match=words):
        agent_of_entry_point(EntryPoint("far", value, "orchestra.agents"))
