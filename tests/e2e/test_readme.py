"""The README's first workflow, typed as it stands there, against a server that was just started."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestra.cli.child import Child, server

README = Path(__file__).parents[2] / "README.md"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with server(tmp_path_factory.mktemp("readme") / "data", None) as child:
        yield child


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's calls are made with curl")
def test_the_first_workflow_of_the_readme_completes(served: Child) -> None:
    (script,) = re.findall(r"^```sh\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)
    here = script.replace("localhost:8000", served.url)

    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    answer, status, logs, agent = documents(ran.stdout)
    assert answer["output"]["sentiment"] == "positive"
    assert logs["execution_id"] == status["execution_id"]
    assert agent["status"] == "healthy"
    ended = end_of(served.url, status["execution_id"])
    assert ended["status"] == "completed"
    assert [step["status"] for step in ended["steps"]] == ["completed"] * 3
    assert ended["steps"][1]["filled"] == {"text": "steps.step_1.input.text"}


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents that stand one after the other in `text`."""
    decoder = json.JSONDecoder()
    rest = text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].strip()


def end_of(url: str, execution: str) -> dict[str, Any]:
    """The status of an execution once it has ended, asked for a bounded time."""
    status: dict[str, Any] = {}
    with httpx.Client(base_url=url, timeout=60) as client:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            status = client.get(f"/api/executions/{execution}/status").json()
            if status["ended_at"]:
                return status
    raise AssertionError(f"still {status['status']} after {PATIENCE_S} s")
