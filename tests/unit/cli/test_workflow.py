import json
from importlib.resources import files
from pathlib import Path

import pytest
from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer
from unit.cli.test_execution import COMPLETED, FAILED, STATUS

STARTED = {"execution_id": "exe_1", "id": "exe_1", "status": "pending", "created": True}
SAVED = {"id": "wfl_1", "workflow_id": "wfl_1", "name": "support", "version": 1}
EXECUTE = "/api/workflows/wfl_1/execute"


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    file = tmp_path / "support.json"
    file.write_text('{\n  "name": "support",\n  "steps": [{"depends_on": ["clasify"]}]\n}\n')
    return file


def test_run_saves_the_file_executes_it_and_waits(
    server: FakeServer, run: Run, definition: Path
) -> None:
    server.answers("POST", "/api/workflows/", (201, SAVED))
    server.answers("POST", EXECUTE, (202, STARTED))
    server.answers("GET", STATUS, (200, COMPLETED))

    given = ("--input", '{"text": "hello"}')
    result = run("workflow", "run", str(definition), *given, "--url", server.url)

    assert result.exit_code == 0
    saved, executed, _ = server.requests
    assert saved.body["name"] == "support"
    assert saved.headers["idempotency-key"].startswith("cli-")
    assert executed.body == {"input_data": {"text": "hello"}}
    assert executed.headers["prefer"] == "wait=30"
    assert "Thank you." in result.stdout


def test_run_of_a_failing_execution_exits_with_1(server: FakeServer, run: Run) -> None:
    server.answers("POST", EXECUTE, (202, STARTED))
    server.answers("GET", STATUS, (200, FAILED))

    assert run("workflow", "run", "wfl_1", "--url", server.url).exit_code == 1


def test_run_without_waiting_prints_the_id(server: FakeServer, run: Run) -> None:
    server.answers("POST", EXECUTE, (202, STARTED))

    result = run("workflow", "run", "wfl_1", "--no-wait", "--json", "--url", server.url)

    assert result.exit_code == 0
    assert json.loads(result.stdout) == STARTED
    assert "prefer" not in server.requests[0].headers


def test_a_name_is_looked_up(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/workflows/", (200, {"items": [SAVED]}))
    server.answers("POST", EXECUTE, (202, STARTED))

    result = run("workflow", "run", "support", "--no-wait", "--url", server.url)

    assert result.exit_code == 0
    assert "name=support" in server.requests[0].query


def test_a_name_that_several_workflows_have_is_refused_with_their_ids(
    server: FakeServer, run: Run
) -> None:
    twins = [SAVED, {**SAVED, "id": "wfl_2"}]
    server.answers("GET", "/api/workflows/", (200, {"items": twins}))

    result = run("workflow", "run", "support", "--url", server.url)

    assert result.exit_code == 1
    assert "wfl_1, wfl_2" in result.stderr


def test_a_refused_file_is_shown_with_line_caret_and_suggestion(
    server: FakeServer, run: Run, definition: Path
) -> None:
    finding = {
        "code": "graph.unknown_step",
        "severity": "error",
        "pointer": "/steps/0/depends_on/0",
        "message": "no step 'clasify' in this scope",
        "suggestion": "classify",
        "range": {"line": 3, "column": 29, "end_line": 3, "end_column": 38},
    }
    problem = {"status": 422, "code": "definition_invalid", "detail": "bad", "errors": [finding]}
    server.answers("POST", "/api/workflows/", (422, problem))

    result = run("workflow", "run", str(definition), "--url", server.url)

    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0] == (
        f"{definition}:3:29: error: no step 'clasify' in this scope [graph.unknown_step]"
    )
    assert lines[2].index('"clasify"') == lines[3].index("^^^^^^^^^")
    assert "did you mean classify?" in result.stderr


def test_a_file_that_is_not_there_is_told(server: FakeServer, run: Run) -> None:
    result = run("workflow", "run", "nowhere.json", "--url", server.url)

    assert result.exit_code == 1
    assert "nowhere.json: No such file or directory" in result.stderr


def test_validate_accepts_the_demos_definition(run: Run) -> None:
    demo = str(files("orchestra") / "demo" / "customer-support.json")

    result = run("workflow", "validate", demo)

    assert result.exit_code == 0, result.stdout
    assert "customer-support.json: valid" in result.stdout


def test_validate_shows_every_error_with_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    step = '{"id": "b", "type": "transform", "depends_on": ["aa"], "if": "1 +"}'
    file.write_text(
        '{"name": "bad", "steps": [\n  {"id": "a", "type": "transform"},\n  ' + step + "\n]}"
    )

    result = run("workflow", "validate", str(file))

    assert result.exit_code == 1
    assert f"{file}:3:" in result.stdout
    assert "[graph.unknown_step]" in result.stdout
    assert "[expression.syntax]" in result.stdout
    assert "did you mean a?" in result.stdout
    assert "not valid, 2 errors" in result.stdout


def test_validate_of_broken_json_is_a_finding_for_programs_too(run: Run) -> None:
    result = run("workflow", "validate", "-", "--json", stdin='{"name": ')

    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["valid"] is False
    assert document["findings"][0]["code"] == "json.syntax"
    assert document["normalised"] is None
