"""`orchestra alert`: what is asked, and what is shown."""

import json
from pathlib import Path
from typing import Any

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

ALERTS, RULES = "/api/alerts/", "/api/alerts/rules"
ALERT: dict[str, Any] = {
    "id": "alr_1.abc", "rule_id": "alr_1", "name": "Slow", "labels": {"agent": "gpt"},
    "severity": "critical", "state": "firing", "since": "2026-11-23T10:00:00.000Z",
    "fired_at": "2026-11-23T10:00:00.000Z", "value": 9.0, "summary": "gpt: 9 \x1b[31m",
    "runbook": "https://example.com/r", "episode": 2, "flapping": False,
    "acknowledged": {"by": "key_1", "at": "2026-11-23T10:01:00.000Z"}, "silenced_by": None,
}  # fmt: skip
RULE: dict[str, Any] = {
    "id": "alr_1", "name": "Slow", "kind": "threshold", "metric": "m", "by": ["agent"],
    "where": {}, "scope": "tenant", "window": "5m", "op": ">", "threshold": 3.0, "recover": 3.0,
    "for": "0s", "severity": "warning", "enabled": True, "notify": ["oncall"], "built_in": False,
    "created_at": None, "updated_at": None, "revision": 4, "warnings": [],
    "evaluation": {"state": "no_data", "since": None, "alerts": 0, "dropped": 0, "error": ""},
}  # fmt: skip


def test_what_fires_is_listed_without_what_a_terminal_would_obey(
    server: FakeServer, run: Run
) -> None:
    server.answers("GET", ALERTS, (200, {"alerts": [ALERT]}))

    result = run("alert", "list", "--state", "firing", "--rule", "alr_1", "--url", server.url)

    assert result.exit_code == 0, result.output
    for word in ("firing", "critical", "alr_1.abc"):
        assert word in result.stdout
    assert "\x1b" not in result.stdout
    assert "state=firing" in server.requests[0].query
    assert "rule=alr_1" in server.requests[0].query


def test_an_alert_is_shown_and_seen_to(server: FakeServer, run: Run) -> None:
    path = f"{ALERTS}alr_1.abc"
    server.answers("GET", path, (200, ALERT))
    server.answers("POST", f"{path}/acknowledge", (200, ALERT))
    server.answers("DELETE", f"{path}/acknowledge", (200, ALERT | {"acknowledged": None}))

    shown = run("alert", "show", "alr_1.abc", "--url", server.url)
    seen = run("alert", "ack", "alr_1.abc", "--url", server.url)
    undone = run("alert", "ack", "alr_1.abc", "--undo", "--url", server.url)

    assert "2 times" in shown.stdout
    assert "key_1" in seen.stdout
    assert "key_1" not in undone.stdout


def test_a_file_of_rules_is_applied_once(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.answers("GET", RULES, (200, {"rules": [RULE], "cursor": None}))
    changed = RULE | {"revision": 5, "threshold": 4.0}
    server.answers("PUT", f"{RULES}/alr_1", (200, changed))
    near = {"pointer": "/metric", "code": "metric_unknown", "message": "none", "near": ["m"]}
    server.answers("POST", RULES, (201, RULE | {"id": "alr_2", "name": "New", "warnings": [near]}))
    file = tmp_path / "rules.json"
    same = {name: value for name, value in RULE.items() if name != "evaluation"}
    new = {"name": "New", "metric": "n", "threshold": 1}
    file.write_text(json.dumps({"rules": [same, new, {**same, "threshold": 4}]}))

    result = run("alert", "rule", "apply", str(file), "--url", server.url)

    assert result.exit_code == 0, result.output
    words = [line.split()[0] for line in result.stdout.splitlines()]
    assert words == ["unchanged", "made", "changed"]
    assert "did you mean m?" in result.stderr
    assert server.requests[-1].headers["if-match"] == '"4"'


def test_a_rule_is_turned_off(server: FakeServer, run: Run) -> None:
    server.answers("GET", f"{RULES}/alr_1", (200, RULE))
    server.answers("PUT", f"{RULES}/alr_1", (200, RULE | {"enabled": False}))

    result = run("alert", "rule", "disable", "alr_1", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert server.requests[-1].body["enabled"] is False
    assert "revision" not in server.requests[-1].body


def test_a_rule_is_tried(server: FakeServer, run: Run, tmp_path: Path) -> None:
    episode = {
        "labels": {"agent": "gpt"}, "fired_at": "2026-11-23T10:00:00.000Z", "resolved_at": None,
        "worst": 9.0,
    }  # fmt: skip
    answer = {
        "looks": 9, "step_s": 60, "fired": 1, "episodes": [episode], "bounded": {"window_s": 60},
    }  # fmt: skip
    server.answers("POST", f"{RULES}/test", (200, answer))
    file = tmp_path / "rule.json"
    file.write_text(json.dumps({"name": "New", "metric": "n", "threshold": 1}))

    result = run("alert", "rule", "test", str(file), "--from", "-7d", "--url", server.url)

    assert "fired 1 times" in result.stdout
    assert "agent=gpt" in result.stdout
    assert "window_s 60" in result.stderr
    assert server.requests[0].body["from"] == "-7d"


def test_a_file_that_holds_no_rules_is_a_mistake_of_usage(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rule.json"
    for text in ("[]", '{"rules": 1}', "{"):
        file.write_text(text)
        assert run("alert", "rule", "test", str(file), "--url", "http://127.0.0.1:9").exit_code == 2


def test_ids_of_alerts_and_rules_are_never_broken(server: FakeServer, run: Run) -> None:
    name = f"alr_01a207a2-17d8-7888-bf81-221c5a9f95cf.{'f' * 12}"
    server.answers(
        "GET", ALERTS, (200, {"alerts": [ALERT | {"id": name, "summary": "x\nfiring  all"}]})
    )
    server.answers("GET", f"{ALERTS}{name}", (200, ALERT | {"episode": 1, "value": 12.0}))

    listed = run("alert", "list", "--url", server.url)
    shown = run("alert", "show", name, "--url", server.url)

    assert name in listed.stdout
    assert len(listed.stdout.splitlines()) == 2
    assert "fired        once" in shown.stdout
    assert "value        12\n" in shown.stdout
