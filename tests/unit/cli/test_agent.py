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
