"""MCP servers that the configuration names: how its lines are read."""

import pytest

from orchestra.agents.discovery.local_servers import commands_in
from orchestra.errors import Invalid, Problem


def test_a_line_is_a_name_and_a_command_as_a_shell_would_split_it() -> None:
    found = commands_in(["files=server --root '/a b' -x=1", " git = git-mcp ", "e=sh -c 'a; b'"])

    assert found == {
        "files": ("server", "--root", "/a b", "-x=1"),
        "git": ("git-mcp",),
        "e": ("sh", "-c", "a; b"),
    }
    assert commands_in([]) == {}


def test_everything_that_cannot_be_read_is_told_by_its_line() -> None:
    lines = [
        "ok=run",
        "",
        "no command",
        "empty=",
        "quote='open",
        "a/b=run",
        "=run",
        "x" * 64 + "=r",
    ]
    with pytest.raises(Invalid) as refused:
        commands_in(lines)

    places = [one.pointer for one in refused.value.findings if isinstance(one, Problem)]
    assert places == [f"/mcp_servers/{i}" for i in range(1, 8)]
