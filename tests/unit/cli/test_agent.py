import json
from pathlib import Path

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

SENTIMENT = {
    "task_id": "tsk_1",
    "status": "completed",
    "agent": {"id": "agt_1", "name": "text-processor"},
    "capability": "sentiment_analysis",
    "output": {"sentiment": "negative", "confidence": 0.9},
}
AGENT = {
    "id": "agt_1",
    "name": "text-processor",
    "agent_type": "text_processor",
    "provider": "python",
    "status": "healthy",
    "revision": 1,
    "capabilities": [{"name": "sentiment_analysis"}, {"name": "text_analysis"}],
    "warnings": [],
}


def test_list_shows_a_line_for_each_agent(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/agents/", (200, {"items": [AGENT], "next_cursor": None}))

    result = run("agent", "list", "--type", "text_processor", "--url", server.url)

    assert result.exit_code == 0
    assert "text-processor" in result.stdout
    assert "text_analysis" in result.stdout
    assert server.requests[0].query == "type=text_processor&limit=50"


def test_execute_sends_the_text_and_the_task_type(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/agents/execute", (200, SENTIMENT))

    result = run(
        "agent", "execute", "text_processor", "sentiment_analysis", "so bad", "--url", server.url
    )

    assert result.exit_code == 0
    assert server.requests[0].body == {
        "agent_type": "text_processor",
        "input_data": {"text": "so bad", "task_type": "sentiment_analysis"},
    }
    assert "negative" in result.stdout


def test_execute_reads_text_from_standard_input_and_data_from_a_file(
    server: FakeServer, run: Run, tmp_path: Path
) -> None:
    server.answers("POST", "/api/agents/execute", (200, SENTIMENT))
    (tmp_path / "more.json").write_text('{"analysis_type": "intent"}')

    more = f"@{tmp_path / 'more.json'}"
    arguments = ("agent", "execute", "text_processor", "text_analysis", "-", "--data", more)
    result = run(*arguments, "--url", server.url, stdin="from a pipe")

    assert result.exit_code == 0
    assert server.requests[0].body["input_data"] == {
        "analysis_type": "intent",
        "text": "from a pipe",
        "task_type": "text_analysis",
    }


def test_json_prints_the_answer_as_it_came(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/agents/execute", (200, SENTIMENT))

    result = run("agent", "execute", "a", "b", "--json", "--url", server.url)

    assert json.loads(result.stdout) == SENTIMENT


def test_data_that_is_no_object_is_a_usage_error(run: Run) -> None:
    result = run("agent", "execute", "a", "b", "--data", "[1]")

    assert result.exit_code == 2
    assert "must be a JSON object" in result.stderr


def test_register_sends_the_file_as_it_is(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.answers("POST", "/api/agents/register", (201, AGENT))
    file = tmp_path / "agent.json"
    file.write_text(json.dumps({"name": "text-processor"}))

    result = run("agent", "register", str(file), "--url", server.url)

    assert result.exit_code == 0
    assert server.requests[0].body == {"name": "text-processor"}
    assert "Registered." in result.stdout


def test_remove_asks_for_a_drain(server: FakeServer, run: Run) -> None:
    server.answers("DELETE", "/api/agents/text%20one", (204, b""))

    result = run("agent", "remove", "text one", "--drain-s", "30", "--url", server.url)

    assert result.exit_code == 0
    assert server.requests[0].query == "drain_s=30"


HEALTH = {
    "status": "unhealthy",
    "since": "2026-01-02T03:04:05.000Z",
    "reason": "three checks failed",
    "check": {"mode": "active", "interval_s": 10, "last": {"outcome": "fail", "duration_ms": 3}},
    "breaker": {"state": "open", "failures_in_row": 5, "trips": 1},
    "gate": {"closed": True, "until": None, "wait_ms": 29_000},
    "heartbeat": {"mode": "push", "late": True, "age_s": 41.2},
    "slots": {"in_use": 3, "max": 8},
}
PERFORMANCE = {
    "window": "1h",
    "tasks": 20,
    "outcomes": {"ok": 19, "failed": 1},
    "success_rate": 0.95,
    "duration_ms": {"p50": 41.4, "p95": 1_240.0, "p99": 1_900.0},
    "tokens": {"input": 900, "output": 80},
    "cost_usd": 0.0123,
}
EVENT = {"type": "agent.unhealthy", "at": "2026-01-02T03:04:05.000Z", "data": {"reason": "down"}}


def inspected(server: FakeServer) -> None:
    server.answers("GET", "/api/agents/a", (200, AGENT))
    server.answers("GET", "/api/agents/a/health", (200, HEALTH))
    server.answers("GET", "/api/agents/a/performance", (200, PERFORMANCE))
    server.answers("GET", "/api/agents/a/events", (200, {"items": [EVENT]}))


def test_inspect_tells_state_cause_load_and_what_it_did(server: FakeServer, run: Run) -> None:
    inspected(server)

    result = run("agent", "inspect", "a", "--url", server.url)

    assert result.exit_code == 0, result.output
    for words in (
        "unhealthy",
        "three checks failed",
        "3 of 8 tasks",
        "41 s ago, late",
        "open, 5 failures in a row",
        "29.00 s",
        "20, 95.0% well",
        "41 ms in the middle, 1.24 s",
        "900 in, 80 out",
        "$0.0123",
        "agent.unhealthy",
    ):
        assert words in result.stdout, words


def test_inspect_is_one_document_for_programs(server: FakeServer, run: Run) -> None:
    inspected(server)

    result = run("agent", "inspect", "a", "--json", "--url", server.url)

    assert json.loads(result.stdout).keys() == {"agent", "health", "performance", "events"}


def test_register_from_options_alone(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/agents/register", (201, AGENT))
    asked = ("--name", "mini", "--type", "t", "--provider", "openai", "--model", "m")
    more = ("--secret", "openai", "--capability", "a", "--capability", "b", "--set", "weight=3")

    result = run("agent", "register", *asked, *more, "--url", server.url)

    assert result.exit_code == 0, result.output
    assert server.requests[0].body == {
        "name": "mini",
        "agent_type": "t",
        "provider": "openai",
        "model": "m",
        "capabilities": [{"name": "a"}, {"name": "b"}],
        "auth": {"type": "bearer", "secret": "${secret:openai}"},
        "weight": 3,
    }


def test_options_win_over_the_file(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/agents/register", (200, AGENT))

    stdin = json.dumps({"name": "a", "priority": 3})
    result = run("agent", "register", "-", "--priority", "5", "--url", server.url, stdin=stdin)

    assert server.requests[0].body == {"name": "a", "priority": 5}
    assert "Was known; updated." in result.stdout


def test_register_with_nothing_is_a_usage_error(run: Run) -> None:
    assert "name a FILE" in run("agent", "register").stderr
    half = run("agent", "register", "--name", "x")
    assert (half.exit_code, "--type is needed" in half.stderr) == (2, True)


def test_a_pull_agents_token_is_on_a_line_of_its_own(server: FakeServer, run: Run) -> None:
    token = "orc_pull_" + "x" * 120
    pull = {"poll_url": "/api/agents/agt_1/poll", "token": token}
    server.answers("POST", "/api/agents/register", (201, AGENT | {"pull": pull}))

    result = run("agent", "register", "-", "--url", server.url, stdin="{}")

    assert token in result.stdout.splitlines()


def test_steering_says_what_follows(server: FakeServer, run: Run) -> None:
    for name in ("drain", "enable", "disable"):
        server.answers("POST", f"/api/agents/a/{name}", (200, AGENT))
        result = run("agent", name, "a", "--url", server.url)
        assert result.exit_code == 0
        assert result.stdout.startswith("text-processor: ")


def test_a_check_that_fails_is_exit_code_1(server: FakeServer, run: Run) -> None:
    error = {"code": "agent.unavailable", "message": "could not connect"}
    document = {"checked": True, "well": False, "error": error, "duration_ms": 2, "health": HEALTH}
    server.answers("POST", "/api/agents/a/check", (200, document))

    result = run("agent", "check", "a", "--url", server.url)

    assert result.exit_code == 1
    assert "could not connect [agent.unavailable]" in result.stdout


def test_select_marks_the_chosen_one_and_says_when_there_is_none(
    server: FakeServer, run: Run
) -> None:
    one = {"agent": "a", "eligible": True, "reason": "free", "tier": 8, "in_flight": 1, "max": 2}
    found = {"strategy": "least_load", "chosen": "a", "eligible": 1, "agents": [one]}
    nobody = {"chosen": None, "eligible": 0, "retry_after_ms": 1_500, "agents": [one]}
    server.answers("POST", "/api/agents/select", (200, found), (200, nobody))

    first = run("agent", "select", "t", "c", "--strategy", "ewma", "--url", server.url)
    second = run("agent", "select", "t", "--url", server.url)

    assert server.requests[0].body == {
        "agent_type": "t",
        "input_data": {},
        "strategy": "ewma",
        "capability": "c",
    }
    assert "→ a" in first.stdout
    assert "1/2" in first.stdout
    assert second.exit_code == 1
    assert "Nobody for another 1.50 s." in second.stdout


def test_why_tells_each_try(server: FakeServer, run: Run) -> None:
    failed = {"code": "agent.error", "message": "it broke"}
    attempts = [
        {"n": 1, "agent": "a", "outcome": "failed", "error": failed, "why": {"strategy": "ewma"}},
        {"n": 2, "agent": "b", "outcome": "ok", "why": {"strategy": "ewma", "fallback_of": "a"}},
    ]
    task = {"task_id": "tsk_1", "status": "completed", "attempts": attempts}
    server.answers("GET", "/api/agents/tasks/tsk_1", (200, task))

    result = run("agent", "why", "tsk_1", "--url", server.url)

    assert result.exit_code == 0
    assert "failed agent.error" in result.stdout
    assert "fallback of a" in result.stdout


def stream_of(*events: tuple[str, object]) -> bytes:
    return b"".join(
        f"event: {name}\ndata: {json.dumps(data)}\n\n: still here\n\n".encode()
        for name, data in events
    )


def test_a_stream_is_printed_as_it_comes(server: FakeServer, run: Run) -> None:
    said = stream_of(
        ("delta", {"text": "Hel"}),
        ("delta", {"text": "lo\x1b[2J"}),
        ("result", {"output": {"text": "Hello", "n": 1}}),
    )
    server.answers("POST", "/api/agents/execute", (200, said))
    server.kinds["/api/agents/execute"] = "text/event-stream"

    result = run("agent", "execute", "t", "c", "--stream", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout == "Hello\N{REPLACEMENT CHARACTER}[2J\n"
    assert server.requests[0].headers["accept"] == "text/event-stream"


def test_a_stream_that_breaks_off_is_a_failure(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/agents/execute", (200, stream_of(("delta", {"text": "Hel"}))))
    server.kinds["/api/agents/execute"] = "text/event-stream"

    result = run("agent", "execute", "t", "c", "--stream", "--url", server.url)

    assert result.exit_code == 1
    assert "before the answer was complete" in result.stderr


def test_discover_lists_what_is_there_and_what_was_tried(server: FakeServer, run: Run) -> None:
    one = {
        "kind": "a2a",
        "url": "http://h/card",
        "registration": {"name": "far", "agent_type": "far"},
        "capabilities": [{"name": "greet", "description": "says hello"}],
        "warnings": [],
        "agent": None,
    }
    missed = {"kind": "mcp", "url": "http://h/mcp", "message": "could not connect"}
    server.answers(
        "POST",
        "/api/agents/discover",
        (200, {"url": "http://h", "found": [one], "tried": []}),
        (200, {"url": "http://h", "found": [], "tried": [missed]}),
    )

    found = run("agent", "discover", "http://h", "--secret", "k", "--url", server.url)
    nothing = run("agent", "discover", "http://h", "--url", server.url)

    assert server.requests[0].body["auth"]["secret"] == "${secret:k}"
    assert "greet" in found.stdout
    assert "Nothing was registered" in found.stdout
    assert nothing.exit_code == 1
    assert "mcp: could not connect" in nothing.stdout


def test_bench_counts_and_tells_the_agents(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/agents/execute", (200, SENTIMENT))

    asked = ("agent", "bench", "t", "c", "--tasks", "20", "--callers", "2", "--json")
    result = run(*asked, "--url", server.url)

    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    assert (measured["tasks"], measured["failed"]) == (20, 0)
    assert measured["agents"] == {"text-processor": 20}
    assert len(server.requests) == 21


def test_plugins_show_the_traceback_of_what_is_broken(server: FakeServer, run: Run) -> None:
    broken = {"file": "b.py", "version": "abc", "error": 'File "b.py", line 3\nZeroDivisionError'}
    good = {"file": "a.py", "version": "def", "agent_type": "t", "agent": "a"}
    page = {"enabled": True, "items": [good, broken]}
    server.answers("GET", "/api/agents/plugins", (200, page), (200, {"enabled": False}))

    result = run("agent", "plugins", "--url", server.url)
    off = run("agent", "plugins", "--url", server.url)

    assert result.exit_code == 1
    assert "b.py is broken (version abc is served on):" in result.stdout
    assert "ZeroDivisionError" in result.stdout
    assert "--plugins FOLDER" in off.stdout


def test_an_empty_list_says_how_to_begin(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/agents/", (200, {"items": []}))

    assert "orchestra agent register" in run("agent", "list", "--url", server.url).stdout
    assert "like that" in run("agent", "list", "--status", "stale", "--url", server.url).stdout
