"""`orchestra analytics`: where time and money go, for people."""

from typing import Any

from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

RESTING = {"executions": 40, "of": 90, "sampled": True, "from": None, "bounded": None}
WORKFLOW: dict[str, Any] = {
    "workflow": "wfl_1", "name": "triage", "window": "7d",
    "executions": {"ended": 90, "success_rate": 0.9},
    "duration": {"p50_ms": 120.4, "p95_ms": 12_345.0, "p99_ms": None},
    "spent": {"cost_usd": 3.5, "cost_usd_each": 0.0389},
    "failures": [{"step": "a", "code": "agent.rejected", "executions": 4, "share": 0.1}],
    "critical_path": {"bottleneck": "b", "steps": [
        {"step": "b", "share": 0.7, "waiting": 0.2, "running": 0.5},
    ]},
    "steps": [
        {"step": name, "kind": "agent", "p50_ms": 20, "p95_ms": 30, "wait_p50_ms": 1, "failed": 1,
         "retried": 2, "cost_usd": None}
        for name in ("b", "c\x1b[31m")
    ],
    "profiles": RESTING,
}  # fmt: skip


def test_a_workflow_is_shown_with_its_path(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/analytics/workflows/triage", (200, WORKFLOW))

    result = run("analytics", "workflow", "triage", "--window", "7d", "--url", server.url)

    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "executions 90 ended, 90.0% succeeded (7d)" in text
    assert "p50 120 ms p95 12.3 s p99 -" in text
    assert "cost $3.50, $0.038900 each" in text
    assert "a: agent.rejected (4)" in text
    assert "40 of 90 executions, a sample" in text
    assert "b agent 70.0% 20.0% 20 ms 30 ms 1 2 -" in text
    assert "\x1b" not in result.stdout


def test_agents_are_ranked(server: FakeServer, run: Run) -> None:
    row = {
        "agent": "gpt", "agent_type": "llm", "tasks": 7, "success_rate": None, "p50_ms": 5.0,
        "p95_ms": None, "tokens": 2_000_000, "cost_usd": 0.5, "cost_usd_per_success": None,
    }  # fmt: skip
    server.answers("GET", "/api/analytics/agents", (200, {"agents": [row]}))

    result = run("analytics", "agents", "--rank", "cost_usd", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split() == [
        "gpt", "7", "-", "5", "ms", "-", "2000000", "$0.500000", "-",
    ]  # fmt: skip


def test_costs_say_what_is_not_in_them(server: FakeServer, run: Run) -> None:
    costs = {
        "by": "model", "cost_usd": 1.5, "tokens": 10,
        "lines": [{"key": None, "cost_usd": 1.5, "tokens": 10, "share": 1.0}],
        "unpriced": {"steps": 2, "tokens": 30, "agents": ["a"]},
    }  # fmt: skip
    server.answers("GET", "/api/analytics/costs", (200, costs))

    result = run("analytics", "costs", "--by", "model", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert "(unknown)" in result.stdout
    assert "$1.50" in result.stdout
    assert "Not in it: 30 tokens of 2 steps" in result.stdout


def test_insights_are_shown_with_what_they_save(server: FakeServer, run: Run) -> None:
    row = {
        "kind": "bottleneck", "name": "w", "text": "Step b is slow.", "confidence": 0.5,
        "saves": {"ms": 300.2, "cost_usd": 0.01},
    }  # fmt: skip
    server.answers(
        "GET", "/api/analytics/insights", (200, {"insights": [row], "profiles": RESTING})
    )

    result = run("analytics", "insights", "--workflow", "w", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert "300 ms $0.010000" in result.stdout
    assert "Step b is slow." in result.stdout
    assert "Rests on 40 of 90 executions, a sample." in result.stdout


def test_nothing_is_said_in_words(server: FakeServer, run: Run) -> None:
    resting = RESTING | {"executions": 0, "of": None, "sampled": False}
    server.answers("GET", "/api/analytics/insights", (200, {"insights": [], "profiles": resting}))
    server.answers("GET", "/api/analytics/agents", (200, {"agents": []}))

    insights = run("analytics", "insights", "--url", server.url)
    agents = run("analytics", "agents", "--url", server.url)

    assert "Nothing to tell yet." in insights.stdout
    assert "No agent did anything." in agents.stdout


def test_programs_get_json(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/analytics/workflows/triage", (200, WORKFLOW))

    result = run("analytics", "workflow", "triage", "--json", "--url", server.url)

    assert '"bottleneck"' in result.stdout
