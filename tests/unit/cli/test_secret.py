import json
from pathlib import Path

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

VALUE = "a-value-nobody-may-see"
SECRET = {
    "name": "far",
    "version": 1,
    "reference": "${secret:far}",
    "allowed_hosts": ["api.example.com"],
    "description": "",
    "created_at": "2026-01-02T03:04:05.000Z",
    "updated_at": "2026-01-02T03:04:05.000Z",
    "updated_by": "developer",
}


def test_a_value_comes_from_standard_input_and_is_not_shown(server: FakeServer, run: Run) -> None:
    server.answers("PUT", "/api/secrets/far", (201, SECRET))

    asked = ("secret", "set", "far", "--allow-host", "api.example.com", "--url", server.url)
    result = run(*asked, stdin=f"{VALUE}\n")

    assert result.exit_code == 0, result.output
    [sent] = server.requests
    assert sent.body == {
        "value": VALUE,
        "allowed_hosts": ["api.example.com"],
        "description": "",
    }
    assert result.stdout == "Set. Refer to it as ${secret:far}\n"
    assert VALUE not in result.output


def test_a_value_comes_from_a_file(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.answers("PUT", "/api/secrets/far", (200, SECRET | {"version": 2}))
    file = tmp_path / "value"
    file.write_bytes(VALUE.encode() + b"\r\n")

    result = run("secret", "set", "far", "--from-file", str(file), "--url", server.url)

    assert server.requests[0].body["value"] == VALUE
    assert result.stdout.startswith("Set: version 2.")


def test_warnings_go_to_standard_error(server: FakeServer, run: Run) -> None:
    warning = {"pointer": "/allowed_hosts", "code": "any_host", "message": "sent to any host"}
    server.answers("PUT", "/api/secrets/far", (201, SECRET | {"warnings": [warning]}))

    result = run("secret", "set", "far", "--url", server.url, stdin=VALUE)

    assert "warning: sent to any host" in result.stderr


def test_an_empty_value_is_not_sent(server: FakeServer, run: Run) -> None:
    result = run("secret", "set", "far", "--url", server.url, stdin="\n")

    assert result.exit_code == 1
    assert "empty" in result.stderr
    assert server.requests == []


def test_the_list_tells_names_hosts_and_who(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/secrets/", (200, {"items": [SECRET], "next_cursor": None}))

    result = run("secret", "list", "--url", server.url)

    assert result.exit_code == 0
    for word in ("far", "api.example.com", "2026-01-02 03:04", "developer"):
        assert word in result.stdout


def test_an_empty_list_says_how_to_begin(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/secrets/", (200, {"items": [], "next_cursor": None}))

    result = run("secret", "list", "--url", server.url)

    assert "orchestra secret set NAME" in result.stdout


def test_remove_is_one_document_for_programs(server: FakeServer, run: Run) -> None:
    server.answers("DELETE", "/api/secrets/far", (204, b""))

    result = run("secret", "remove", "far", "--json", "--url", server.url)

    assert json.loads(result.stdout) == {"removed": "far"}
