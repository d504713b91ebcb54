"""`orchestra metrics`: what was measured, for people."""

from typing import Any

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

ANSWER: dict[str, Any] = {
    "metric": "m", "type": "histogram", "agg": "p95", "unit": "seconds", "step_s": 60,
    "from": "2026-11-23T08:00:00.000Z", "to": "2026-11-23T08:04:00.000Z", "error_max": 0.044,
    "incomplete_from": None,
    "series": [{"labels": {"workflow": "triage"}, "values": [0.5, None, 1.0, 0.0]}],
    "others": {"labels": {}, "values": [None, None, None, 2.0]},
    "bounded": {"series": 30, "shown": 1},
}  # fmt: skip


def test_values_are_drawn(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/metrics/query", (200, ANSWER))

    result = run(
        "metrics", "query", "m", "--agg", "p95", "--by", "workflow", "--where", "a:b",
        "--since", "4m", "--url", server.url,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1].split()[:3] == ["workflow=triage", "0", "1"]
    assert "▅ █▁" in lines[1]
    assert lines[2].startswith("(others)")
    assert lines[3] == "Bounded: series 30, shown 1"


def test_metrics_are_listed(server: FakeServer, run: Run) -> None:
    row = {"name": "m", "type": "gauge", "unit": None, "series": 3, "told": None, "own": False}
    server.answers("GET", "/api/metrics/", (200, {"metrics": [row], "series_max": 2_000}))

    result = run("metrics", "list", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split() == ["m", "gauge", "-", "3"]


def test_everything_is_shown_at_a_glance(server: FakeServer, run: Run) -> None:
    overview: dict[str, Any] = {
        "status": "degraded", "window": "1h",
        "executions": {"running": 2, "success_rate": 0.5, "p95_ms": None, "per_minute": [1]},
        "failing": [{"workflow": "w", "failed": 3, "of": 9}],
        "services": [{"name": "agents", "status": "unhealthy", "detail": "not known"}],
    }  # fmt: skip
    server.answers("GET", "/api/dashboard/overview", (200, overview))

    result = run("metrics", "top", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert "running 2  success_rate 0.5  p95_ms -" in result.stdout
    assert "w: 3 of 9" in result.stdout
    assert "unhealthy: not known" in result.stdout


def test_programs_get_the_document(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/metrics/query", (200, ANSWER))

    result = run("metrics", "query", "m", "--json", "--url", server.url)

    assert result.exit_code == 0
    assert '"p95"' in result.stdout
