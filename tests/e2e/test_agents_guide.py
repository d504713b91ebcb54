"""The agent of docs/agents.md, started, registered and asked as the guide says."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from store_server import free_port

from orchestra.cli.child import server

GUIDE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text("utf-8")
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the guide uses curl")


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture
def agent_port() -> Iterator[int]:
    port = free_port()
    code = block("python").replace("9000", str(port))
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        for _ in range(1_000):
            try:
                httpx.post(f"http://127.0.0.1:{port}", json={"input": {"text": ""}}, timeout=5)
                break
            except httpx.ConnectError:
                continue
        yield port
        process.kill()


def test_the_agent_of_the_guide_does_its_task(
    agent_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRA_NETWORK_ALLOW", f"127.0.0.0/8:{agent_port}")
    with server(tmp_path / "data", None) as child:
        script = block("sh").replace("localhost:8000", child.url).replace("9000", str(agent_port))

        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert '"IT WORKS"' in ran.stdout
