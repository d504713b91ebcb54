"""W1 beside something else: what that costs the engine."""

from bench.load import drive, request
from bench.machine import cpu_ms
from bench.scenarios import SCENARIOS
from bench.serving import Served


def steps(server: Served, executions: int) -> tuple[float, float]:
    """Steps a second, and ms of the server's processor an execution; a fifth more to warm up."""
    scenario = SCENARIOS["W1"]
    workflow = server.call("POST", "/api/workflows/", scenario.definition)["id"]
    path, host = f"/api/workflows/{workflow}/execute", f"127.0.0.1:{server.port}"
    one = request("POST", host, path, b'{"input_data":{}}', "Prefer: wait=30")
    drive(server.port, [one] * max(1, executions // 5), scenario.concurrency)
    before = cpu_ms(server.pid)
    run = drive(server.port, [one] * executions, scenario.concurrency)
    wrong = [sample for sample in run.samples if sample.status != 200]
    assert not wrong, wrong[0]
    used = cpu_ms(server.pid) - before
    return executions * len(scenario.steps) / run.seconds, used / executions
