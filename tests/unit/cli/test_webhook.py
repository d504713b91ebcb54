"""`orchestra webhook` and `orchestra hook`: what is asked, and what is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

WEBHOOK: dict[str, Any] = {
    "id": "whk_1", "name": "on call", "url": "https://example.com/hook", "state": "active",
    "event_filter": {"event_types": ["step.*"], "expression": ""}, "waiting": 7,
    "circuit": {"state": "open"}, "secret": "whsec_abc", "skipped": 3,
}  # fmt: skip
ATTEMPT: dict[str, Any] = {
    "delivery": "dlv_1", "event": "evt_1", "type": "step.failed", "result": "failed",
    "at": "2026-11-23T08:00:00.000Z", "attempt": 2, "status": 503, "ms": 41, "error": "status",
    "detail": "busy",
}  # fmt: skip
HOOK: dict[str, Any] = {
    "id": "ihk_1", "name": "pushes", "url": "/api/webhooks/in/ihk_1", "state": "active",
    "scheme": "github", "public": False, "target": {"workflow": "wfl_1"}, "secret": "s3cret",
}  # fmt: skip


def test_webhooks_are_listed_with_how_they_are(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/webhooks/", (200, {"webhooks": [WEBHOOK], "cursor": None}))

    result = run("webhook", "list", "--url", server.url)

    assert result.exit_code == 0, result.output
    for word in ("whk_1", "open", "7", "step.*"):
        assert word in result.stdout


def test_what_is_said_of_a_webhook_is_sent(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.answers("POST", "/api/webhooks/", (201, WEBHOOK))
    own = tmp_path / "own"
    own.write_text("whsec_own\n")

    result = run(
        "webhook", "add", "on call", "https://example.com/hook", "--type", "step.*",
        "--where", "event.data.x > 1", "--header", "X-Team: a:b", "--format", "plain",
        "--secret-file", str(own), "--url", server.url,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert result.stdout == "whk_1  whsec_abc\n"
    body = server.requests[0].body
    assert body["event_filter"] == {"event_types": ["step.*"], "expression": "event.data.x > 1"}
    assert body["headers"] == {"X-Team": "a:b"}
    assert (body["format"], body["secret"]) == ("plain", "whsec_own")


def test_a_header_without_a_colon_is_not_understood(server: FakeServer, run: Run) -> None:
    result = run("webhook", "add", "x", "https://x.example", "--header", "a", "--url", server.url)

    assert result.exit_code == 2
    assert server.requests == []


@pytest.mark.parametrize(("result", "code"), [("delivered", 0), ("failed", 1)])
def test_a_test_fails_as_its_delivery_does(
    server: FakeServer, run: Run, result: str, code: int
) -> None:
    server.answers("POST", "/api/webhooks/whk_1/test", (200, ATTEMPT | {"result": result}))

    found = run("webhook", "test", "whk_1", "--url", server.url)

    assert found.exit_code == code
    assert found.stdout.startswith("status 503 after 41 ms")


def test_deliveries_are_asked_for_by_what_they_were(server: FakeServer, run: Run) -> None:
    server.answers(
        "GET", "/api/webhooks/whk_1/deliveries", (200, {"deliveries": [ATTEMPT], "cursor": None})
    )

    result = run("webhook", "deliveries", "whk_1", "--status", "failed", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert "dlv_1" in result.stdout


def test_each_delivery_is_sent_again(server: FakeServer, run: Run) -> None:
    for name in ("dlv_1", "dlv_2"):
        at = f"/api/webhooks/whk_1/deliveries/{name}/redeliver"
        server.answers("POST", at, (202, {"delivery": name, "status": "queued"}))

    result = run("webhook", "redeliver", "whk_1", "dlv_1", "dlv_2", "--json", "--url", server.url)

    assert [one["delivery"] for one in json.loads(result.stdout)["redeliveries"]] == [
        "dlv_1",
        "dlv_2",
    ]


@pytest.mark.parametrize(
    ("options", "method", "body"),
    [
        ((), "GET", None),
        (("--stop",), "DELETE", None),
        (
            ("--since", "2026-01-01T00:00:00Z", "--failed", "--per-s", "5"),
            "POST",
            {"since": "2026-01-01T00:00:00Z", "failed_only": True, "event_types": [], "per_s": 5},
        ),
    ],
)
def test_a_replay_is_begun_looked_at_and_stopped(
    server: FakeServer, run: Run, options: tuple[str, ...], method: str, body: object
) -> None:
    server.answers(method, "/api/webhooks/whk_1/replay", (200, {"state": "running", "sent": 4}))

    result = run("webhook", "replay", "whk_1", *options, "--url", server.url)

    assert result.stdout == "running: 4 are in line\n", result.output
    assert (server.requests[0].body or None) == body


def test_who_is_on_again_is_told_what_was_skipped(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/webhooks/whk_1/enable", (200, WEBHOOK))

    result = run("webhook", "enable", "whk_1", "--url", server.url)

    assert "3 deliveries were skipped" in result.stdout


def test_a_new_secret_is_alone_on_its_line(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/webhooks/whk_1/rotate-secret", (200, WEBHOOK))
    server.answers("POST", "/api/webhooks/inbound/ihk_1/rotate-secret", (200, HOOK))

    outs = [
        run("webhook", "rotate", "whk_1", "--overlap-h", "1", "--url", server.url).stdout,
        run("hook", "rotate", "ihk_1", "--url", server.url).stdout,
    ]

    assert outs == ["whsec_abc\n", "s3cret\n"]
    assert server.requests[0].body == {"overlap_h": 1}


def test_a_hook_is_made_for_a_workflow_and_its_address_is_whole(
    server: FakeServer, run: Run
) -> None:
    server.answers("POST", "/api/webhooks/inbound", (201, HOOK))

    asked = ("hook", "add", "pushes", "--scheme", "github", "--workflow", "wfl_1")
    result = run(*asked, "--url", server.url)

    assert server.requests[0].body["target"] == {"workflow": "wfl_1"}
    assert result.stdout.splitlines() == [f"ihk_1  {server.url}/api/webhooks/in/ihk_1", "s3cret"]


def test_a_hook_can_be_for_a_signal(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/webhooks/inbound", (201, HOOK))

    run("hook", "add", "a", "--signal", "ok", "--execution", "${input.id}", "--url", server.url)

    target = {"signal": {"execution": "${input.id}", "name": "ok"}}
    assert server.requests[0].body["target"] == target


def test_hooks_are_listed(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/webhooks/inbound", (200, {"hooks": [HOOK]}))

    result = run("hook", "list", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert "github" in result.stdout


@pytest.mark.parametrize("words", [("webhook", "remove", "x"), ("hook", "remove", "x")])
def test_removing_asks_first(server: FakeServer, run: Run, words: tuple[str, ...]) -> None:
    for path in ("/api/webhooks/x", "/api/webhooks/inbound/x"):
        server.answers("DELETE", path, (204, None))

    unsure, sure = run(*words, "--url", server.url), run(*words, "--yes", "--url", server.url)

    assert (unsure.exit_code, sure.exit_code) == (1, 0), sure.output
    assert len(server.requests) == 1
