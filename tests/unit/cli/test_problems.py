import json
import socket

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

PROBLEM = {
    "type": "/problems/no-such-capability",
    "title": "No such capability",
    "status": 422,
    "detail": "nobody of type 'text_processor' offers 'sing'",
    "code": "no_such_capability",
    "errors": [
        {
            "pointer": "/input_data/task_type",
            "code": "value",
            "message": "is unknown",
            "suggestion": "sign",
        }
    ],
    "known": ["sentiment_analysis", "text_analysis"],
}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_problem_is_told_with_pointer_message_and_suggestion(
    server: FakeServer, run: Run
) -> None:
    server.answers("GET", "/api/agents/", (422, PROBLEM))

    result = run("agent", "list", "--url", server.url)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "nobody of type 'text_processor' offers 'sing'" in result.stderr
    assert "/input_data/task_type  is unknown" in result.stderr
    assert "did you mean 'sign'?" in result.stderr
    assert "known: sentiment_analysis, text_analysis" in result.stderr


def test_a_problem_is_the_json_document_for_programs(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/agents/", (422, PROBLEM))

    result = run("agent", "list", "--json", "--url", server.url)

    assert result.exit_code == 1
    assert json.loads(result.stdout) == PROBLEM
    assert result.stderr == ""


def test_a_refused_connection_says_how_to_start_a_server(run: Run) -> None:
    result = run("agent", "list", "--url", f"http://127.0.0.1:{closed_port()}")

    assert result.exit_code == 1
    assert "nothing listens at" in result.stderr
    assert "orchestra serve" in result.stderr


def test_a_missing_key_says_how_to_give_one(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/agents/", (401, {"title": "Unauthenticated", "status": 401}))

    result = run("agent", "list", "--url", server.url)

    assert result.exit_code == 1
    assert "ORCHESTRA_KEY" in result.stderr


def test_an_answer_that_is_no_problem_document_is_told_by_its_status(
    server: FakeServer, run: Run
) -> None:
    server.answers("GET", "/api/agents/", (502, b"<html>bad gateway</html>"))

    result = run("agent", "list", "--url", server.url)

    assert result.exit_code == 1
    assert "Bad Gateway" in result.stderr


def test_the_key_is_sent_as_a_bearer_token(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/agents/", (200, {"items": []}))

    run("agent", "list", "--url", server.url, "--key", "orc_live_x")

    assert server.requests[0].headers["authorization"] == "Bearer orc_live_x"


def test_an_address_that_is_none_is_told(run: Run) -> None:
    result = run("agent", "list", "--url", "ftp://x")

    assert result.exit_code == 1
    assert "is no address of a server" in result.stderr


def test_terminal_sequences_in_an_answer_are_not_obeyed(server: FakeServer, run: Run) -> None:
    agent = {"id": "agt_1", "name": "\x1b[2Jred", "agent_type": "[bold]x[/bold]"}
    server.answers("GET", "/api/agents/", (200, {"items": [agent]}))

    result = run("agent", "list", "--url", server.url)

    assert "\x1b" not in result.stdout
    assert "[bold]x[/bold]" in result.stdout
