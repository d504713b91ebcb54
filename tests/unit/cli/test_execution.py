import json

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

RUNNING = {
    "id": "exe_1",
    "execution_id": "exe_1",
    "workflow_name": "support",
    "workflow_version": 3,
    "status": "running",
    "progress": {"total": 2, "done": 1, "percent": 50},
    "steps": [
        {"path": "sentiment", "status": "completed", "attempts": 1, "duration_ms": 4},
        {"path": "intent", "status": "running", "attempts": 1},
    ],
}
COMPLETED = {
    **RUNNING,
    "status": "completed",
    "duration_ms": 1_240,
    "output": {"reply": "Thank you."},
    "steps": [
        {"path": "sentiment", "status": "completed", "attempts": 1, "duration_ms": 4},
        {"path": "intent", "status": "completed", "attempts": 2, "duration_ms": 9, "agent": "tp-1"},
    ],
}
FAILED = {
    **RUNNING,
    "status": "failed",
    "error": {"code": "agent.unavailable", "message": "nobody offers it"},
    "steps": [
        {
            "path": "sentiment",
            "status": "failed",
            "attempts": 3,
            "error": {"code": "agent.unavailable", "message": "nobody offers it"},
        }
    ],
}
STATUS = "/api/executions/exe_1/status"


def test_status_shows_state_steps_and_output(server: FakeServer, run: Run) -> None:
    server.answers("GET", STATUS, (200, COMPLETED))

    result = run("workflow", "status", "exe_1", "--url", server.url)

    assert result.exit_code == 0
    assert "completed  exe_1  support v3  1.24 s" in result.stdout
    assert "tp-1" in result.stdout
    assert "Thank you." in result.stdout


def test_status_of_a_running_execution_is_no_failure(server: FakeServer, run: Run) -> None:
    server.answers("GET", STATUS, (200, RUNNING))

    assert run("execution", "status", "exe_1", "--url", server.url).exit_code == 0


def test_follow_tells_each_step_once_and_ends_with_the_execution(
    server: FakeServer, run: Run
) -> None:
    server.answers("GET", STATUS, (200, RUNNING), (200, RUNNING), (200, COMPLETED))

    result = run("execution", "status", "exe_1", "--follow", "--url", server.url)

    assert result.exit_code == 0
    assert result.stdout.count(" sentiment") == 1
    assert "running     intent" in result.stdout
    assert "completed   intent  9 ms  attempt 2  tp-1" in result.stdout


def test_waiting_for_a_failed_execution_exits_with_1_and_says_why(
    server: FakeServer, run: Run
) -> None:
    server.answers("GET", STATUS, (200, FAILED))

    result = run("execution", "status", "exe_1", "--wait", "--url", server.url)

    assert result.exit_code == 1
    assert "agent.unavailable: nobody offers it" in result.stdout


def test_follow_with_json_keeps_standard_output_one_document(server: FakeServer, run: Run) -> None:
    server.answers("GET", STATUS, (200, COMPLETED))

    result = run("execution", "status", "exe_1", "--follow", "--json", "--url", server.url)

    assert json.loads(result.stdout) == COMPLETED
    assert "completed   sentiment" in result.stderr


def test_control_verbs_are_sent_with_their_reason(server: FakeServer, run: Run) -> None:
    for verb in ("pause", "cancel", "rollback"):
        path = f"/api/executions/exe_1/{verb}"
        server.answers("POST", path, (202, {"id": "exe_1", "status": "paused"}))

        result = run("execution", verb, "exe_1", "--reason", "wrong", "--url", server.url)

        assert result.exit_code == 0, verb
        assert server.requests[-1].body["reason"] == "wrong"
        assert "exe_1  paused" in result.stdout


def test_a_verb_that_is_impossible_now_tells_what_is_possible(server: FakeServer, run: Run) -> None:
    problem = {
        "title": "Wrong state",
        "status": 409,
        "code": "wrong_state",
        "detail": "a completed execution cannot be resumed",
        "allowed": ["rollback"],
    }
    server.answers("POST", "/api/executions/exe_1/resume", (409, problem))

    result = run("execution", "resume", "exe_1", "--url", server.url)

    assert result.exit_code == 1
    assert "possible now: rollback" in result.stderr


def test_list_shows_each_by_its_whole_id(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/executions/", (200, {"items": [RUNNING]}))

    result = run("execution", "list", "--status", "running", "--url", server.url)

    assert result.exit_code == 0
    assert str(RUNNING["id"]) in result.stdout
    assert "running" in result.stdout
    assert server.requests[0].query == "status=running&limit=20"


def test_logs_are_shown_in_order(server: FakeServer, run: Run) -> None:
    line = {"at": "2026-11-22T21:28:00.123Z", "event": "step.completed", "step": "sentiment"}
    server.answers("GET", "/api/executions/exe_1/logs", (200, {"logs": [line]}))

    result = run("execution", "logs", "exe_1", "--url", server.url)

    assert result.exit_code == 0
    assert "21:28:00.123" in result.stdout
    assert "step.completed" in result.stdout
