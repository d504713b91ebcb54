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


def test_a_rollback_can_be_looked_at_first(server: FakeServer, run: Run) -> None:
    steps = [{"path": "charge", "outcome": "unknown", "status": "waiting", "agent_type": "pay"}]
    told = {"steps": steps, "kept": [{"path": "mail", "reason": "no_compensation"}]}
    server.answers("GET", "/api/executions/exe_1/rollback/preview", (200, told))

    result = run("execution", "rollback", "exe_1", "--preview", "--url", server.url)

    assert "charge" in result.stdout
    assert "unknown" in result.stdout
    assert "stays: mail, nothing says how to undo it" in result.stdout
    assert [one.method for one in server.requests] == ["GET"]


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


SIGNAL = "/api/executions/exe_1/signal"


def test_a_signal_is_sent_with_its_payload_and_key(server: FakeServer, run: Run) -> None:
    sent = {"id": "exe_1", "status": "running", "name": "go", "steps": ["paid"]}
    server.answers("POST", SIGNAL, (202, sent), (202, {**sent, "steps": []}))

    given = ("--payload", '{"amount": 3}', "--idempotency-key", "k")
    first = run("execution", "signal", "exe_1", "go", *given, "--url", server.url)
    second = run("execution", "signal", "exe_1", "go", "--url", server.url)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert [asked.body for asked in server.requests] == [
        {"name": "go", "payload": {"amount": 3}},
        {"name": "go", "payload": None},
    ]
    assert server.requests[0].headers["idempotency-key"] == "k"
    assert "idempotency-key" not in server.requests[1].headers
    assert "waited for by: paid" in first.stdout
    assert "it is kept" in second.stdout


def test_a_payload_that_is_not_json_is_a_usage_error(server: FakeServer, run: Run) -> None:
    result = run("execution", "signal", "exe_1", "go", "--payload", "{amount", "--url", server.url)

    assert result.exit_code == 2
    assert "not JSON" in result.stderr
    assert server.requests == []


def test_the_status_says_what_is_waited_for(server: FakeServer, run: Run) -> None:
    waiting = {"step": "paid", "for": "signal", "signal": "go", "until": "2027-01-31T09:00:00.000Z"}
    server.answers("GET", STATUS, (200, {**RUNNING, "waiting_for": [waiting]}))

    result = run("execution", "status", "exe_1", "--url", server.url)

    assert "paid waits for the signal go, at most until 2027-01-31T09:00:00.000Z" in result.stdout


BATCH = "/api/executions/batch"
COUNTED = {"matched": 3, "possible": 2, "complete": True, "as_of": "2026-11-23T10:00:00.000Z"}
PAGE = {"done": 1, "refused": 1, "failed": 0, "items": [], "next_cursor": "1.exe_1"}


def test_a_batch_is_counted_asked_about_and_carried_out_page_by_page(
    server: FakeServer, run: Run
) -> None:
    last = PAGE | {"refused": 0, "next_cursor": None}
    server.answers("POST", BATCH, (200, COUNTED), (200, PAGE), (200, last))
    words = ("execution", "batch", "retry", "--status", "failed", "--longer-than", "5s", "--yes")

    result = run(*words, "--url", server.url)

    assert result.exit_code == 0, result.stdout
    assert "2 done, 1 passed over, 0 failed" in result.stdout
    chosen = {"status": "failed", "longer_than": "5s"}
    counted, first, second = (request.body for request in server.requests)
    assert counted == {"action": "retry", "filter": chosen, "dry_run": True}
    assert first["filter"] == {"started_before": COUNTED["as_of"]} | chosen
    assert second == first | {"cursor": "1.exe_1"}


def test_a_batch_needs_to_know_which_and_a_yes(server: FakeServer, run: Run) -> None:
    server.answers("POST", BATCH, (200, COUNTED | {"possible": 1_000}))

    assert run("execution", "batch", "pause", "--url", server.url).exit_code == 2
    assert run("execution", "batch", "pause", "exe_1", "--all", "--url", server.url).exit_code == 2
    shown = run("execution", "batch", "pause", "--all", "--dry-run", "--url", server.url)
    assert "pause: possible for 1,000 of 3" in shown.stdout
    assert run("execution", "batch", "pause", "--all", "--url", server.url).exit_code == 1
    assert all(request.body["dry_run"] for request in server.requests)
