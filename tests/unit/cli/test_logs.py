"""`orchestra logs`: what is asked, what is shown, and that nothing of it is obeyed."""

import json
from typing import Any
from urllib.parse import parse_qs

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

SEARCH, TAIL = "/api/logs/search", "/api/logs/tail"


def line(n: int, level: str = "info", **facts: Any) -> dict[str, Any]:
    at = f"2026-11-23T04:09:{n:02}.123456Z"
    return {"ts": at, "level": level, "event": f"thing.done_{n}", "tenant": "default"} | facts


def page(*lines: dict[str, Any], cursor: str | None = None) -> tuple[int, dict[str, Any]]:
    return 200, {"lines": lines, "next_cursor": cursor, "scanned": {}, "bounded": False}


def test_pages_are_shown_the_oldest_first(server: FakeServer, run: Run) -> None:
    server.answers("GET", SEARCH, page(line(3), line(2), cursor="c"), page(line(1)))

    result = run(
        "logs", "agent:gpt*", "-n x", "--level", "warning", "--since", "1h", "--url", server.url
    )
    assert result.exit_code == 2, "what begins with a minus stands behind --"
    words = ("--level", "warning", "--since", "1h", "--url", server.url)
    result = run("logs", *words, "--", "agent:gpt*", "-retry")

    assert result.exit_code == 0, result.output
    events = [text.split()[2] for text in result.stdout.splitlines()]
    assert events == ["thing.done_1", "thing.done_2", "thing.done_3"]
    first, second = (parse_qs(one.query) for one in server.requests)
    assert first["q"] == ["agent:gpt* -retry level>=warning"]
    assert first["from"] == ["-1h"]
    assert "cursor" not in first
    assert second["cursor"] == ["c"]


def test_a_line_is_for_the_eye_and_obeys_nothing(server: FakeServer, run: Run) -> None:
    hostile = line(1, "error", text="a\x1b[2J\nb", execution_id="exe_1", long="x" * 500)
    server.answers("GET", SEARCH, page(hostile | {"exception": "Traceback\n  at\x07 1"}))

    result = run("logs", "--url", server.url)

    first, *below = result.stdout.splitlines()
    assert first.startswith("04:09:01.123  error  thing.done_1")
    assert first.endswith("execution_id=exe_1")
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert "x" * 200 not in result.stdout
    assert below == ["Traceback", "  at\N{REPLACEMENT CHARACTER} 1"]


def test_json_is_the_lines_and_a_limit_is_kept(server: FakeServer, run: Run) -> None:
    server.answers("GET", SEARCH, page(line(2), line(1), cursor="c"))

    result = run("logs", "--json", "--limit", "2", "--url", server.url)

    assert [json.loads(text) for text in result.stdout.splitlines()] == [line(1), line(2)]
    assert len(server.requests) == 1


def test_nothing_found_is_said_on_standard_error(server: FakeServer, run: Run) -> None:
    server.answers("GET", SEARCH, page())

    result = run("logs", "--url", server.url)

    assert (result.stdout, result.stderr) == ("", "No lines.\n")


def test_following_shows_each_line_once(server: FakeServer, run: Run) -> None:
    events = [("open", {}), ("line", line(2)), ("line", line(3)), ("resync", {})]
    told = "".join(
        f"id: {n}-0\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        for n, (name, data) in enumerate(events)
    )
    gone = (404, {"title": "Not found", "detail": "gone", "code": "x"})
    server.kinds[TAIL] = "text/event-stream"
    server.answers("GET", TAIL, (200, told.encode()), gone)
    server.answers("GET", SEARCH, page(line(2), line(1)))

    result = run("logs", "-f", "--url", server.url)

    assert [text.split()[2][-1] for text in result.stdout.splitlines()] == ["1", "2", "3"]
    assert "lines are missing" in result.stderr
    assert parse_qs(server.requests[-1].query)["after"] == ["3-0"]
