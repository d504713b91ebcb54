"""The five minutes of docs/agents.md: its agent is started, its commands are run as written."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from orchestra.cli.child import server

GUIDE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text("utf-8")
START = GUIDE.split("\n## Kinds")[0]
COMMAND = Path(sys.executable).with_name("orchestra")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", START, re.MULTILINE | re.DOTALL)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server, with the agent of the guide at work."""
    with server(tmp_path / "data", None) as child:
        (code,) = blocks("python")
        file = tmp_path / "shouter.py"
        file.write_text(code.replace("http://127.0.0.1:8000", child.url), "utf-8")
        with subprocess.Popen([sys.executable, str(file)]) as agent:
            until = time.monotonic() + 120
            while time.monotonic() < until:
                found = httpx.get(f"{child.url}/api/agents/shouter-1", timeout=300)
                if found.status_code == 200 and found.json()["status"] == "healthy":
                    break
            yield child.url
            agent.terminate()
            assert agent.wait(timeout=300) == 0


def test_the_agent_of_the_guide_works_alone_and_in_a_workflow(url: str, tmp_path: Path) -> None:
    (definition,) = blocks("json")
    (tmp_path / "loud.json").write_text(definition, "utf-8")
    said, path = "", f"{COMMAND.parent}:{os.environ['PATH']}"
    for script in blocks("sh"):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"ORCHESTRA_URL": url, "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout
        said += ran.stdout

    assert "shouter-1" in said
    assert "IT WORKS" in said
    assert "WHERE IS MY PARCEL? I AM " in said
