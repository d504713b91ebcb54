from collections.abc import Callable
from typing import Any

import pytest
from unit.cli.fake_server import FakeServer

from orchestra.cli.client import Client
from orchestra.cli.demo_run import Handled, Message, handle_all
from orchestra.cli.demo_table import print_results, print_totals

MESSAGE = Message("c1", "Maria Lopez", "My order 4711 is late and nobody answers.", [{"order": 1}])
OUTPUT = {
    "sentiment": "negative",
    "intent": "delivery_problem",
    "facts": ["4711"],
    "history": ["1 order", "0 complaints"],
    "reply": "We are sorry.",
    "escalated": True,
}
COMPLETED = {
    "id": "exe_1",
    "status": "completed",
    "duration_ms": 41,
    "output": OUTPUT,
    "steps": [
        {"path": "sentiment", "status": "completed", "output": {"confidence": 0.9}},
        {"path": "history", "status": "skipped"},
    ],
}
FAILED = {"id": "exe_1", "status": "failed", "error": {"code": "agent.error", "message": "boom"}}


def handled(server: FakeServer, status: dict[str, Any]) -> Handled:
    started = {"id": "exe_1", "status": "pending"}
    server.answers("POST", "/api/workflows/wfl_1/execute", (202, started))
    server.answers("GET", "/api/executions/exe_1/status", (200, status))
    return handle_all(Client(server.url), "wfl_1", [MESSAGE], 2, quiet=True)[0]


def test_a_message_is_executed_with_its_history(server: FakeServer) -> None:
    handled(server, COMPLETED)

    assert server.requests[0].body == {
        "input_data": {
            "text": MESSAGE.text,
            "customer_id": "c1",
            "customer_history": [{"order": 1}],
        }
    }


def test_the_result_is_read_from_output_and_records(server: FakeServer) -> None:
    result = handled(server, COMPLETED)

    assert result.completed
    assert (result.sentiment, result.confidence, result.intent) == (
        "negative",
        0.9,
        "delivery_problem",
    )
    assert result.facts == ("4711",)
    assert result.history == "1 order; 0 complaints"
    assert result.escalated
    assert result.steps == 1


def test_a_failed_execution_says_why(server: FakeServer) -> None:
    result = handled(server, FAILED)

    assert not result.completed
    assert result.error == "agent.error: boom"


def test_results_keep_the_order_of_the_messages(server: FakeServer) -> None:
    server.answers("POST", "/api/workflows/wfl_1/execute", (202, {"id": "exe_1", "status": "x"}))
    server.answers("GET", "/api/executions/exe_1/status", (200, COMPLETED))
    messages = [Message(f"c{i}", f"Customer {i}", "hello") for i in range(12)]

    results = handle_all(Client(server.url), "wfl_1", messages, 4, quiet=True)

    assert [one.customer_id for one in results] == [f"c{i}" for i in range(12)]


@pytest.fixture
def printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[int, Handled], str]:
    def at(columns: int, result: Handled) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        print_results([result])
        return capsys.readouterr().out

    return at


@pytest.mark.parametrize("columns", [80, 100, 140, 200])
def test_the_table_fits_the_terminal_and_shows_every_result(
    server: FakeServer, printed: Callable[[int, Handled], str], columns: int
) -> None:
    text = printed(columns, handled(server, COMPLETED))

    assert max(len(line) for line in text.splitlines()) <= columns
    for shown in ("Maria", "My order 4711", "negative", "delivery", "1 order", "41 ms"):
        assert shown in text, shown


def test_totals_name_the_mode_and_what_failed(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = handled(server, FAILED)
    totals = {"executions": 1, "failed": 1, "escalated": 0, "steps": 0, "seconds": 0.1}

    print_totals({**totals, "durability": "fsync"}, [failure])

    text = capsys.readouterr().out
    assert "Maria Lopez: agent.error: boom (exe_1)" in text
    assert "durability fsync" in text
