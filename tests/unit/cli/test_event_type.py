from pathlib import Path

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

AT = "/api/events/types"


def test_put_sends_the_schema_of_a_file(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.answers("PUT", f"{AT}/order.placed", (200, {"type": "order.placed"}))
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object"}')

    words = ("put", "order.placed", "--schema", f"@{file}", "--backward", "--about", "A sale.")
    result = run("event", "type", *words, "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout == "kept order.placed\n"
    assert server.requests[0].body == {
        "schema": {"type": "object"},
        "compatibility": "backward",
        "description": "A sale.",
    }


def test_list_says_whose_each_is(server: FakeServer, run: Run) -> None:
    types = [
        {"type": "step.failed", "told": "It failed.", "source": "/orchestra/workflows"},
        {"type": "order.placed", "told": "A sale.", "source": None},
    ]
    server.answers("GET", AT, (200, {"types": types}))

    result = run("event", "type", "list", "--url", server.url)

    assert [line.split() for line in result.stdout.splitlines()] == [
        ["step.failed", "built", "in", "It", "failed."],
        ["order.placed", "yours", "A", "sale."],
    ]


def test_remove_asks_before_it_does(server: FakeServer, run: Run) -> None:
    server.answers("DELETE", f"{AT}/order.placed", (204, None))

    words = ("event", "type", "remove", "order.placed", "--url", server.url)
    assert run(*words).exit_code != 0
    assert server.requests == []
    assert run(*words, "--yes").exit_code == 0
