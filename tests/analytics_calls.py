"""One request to each route of analytics, for those who judge the answers."""

import anyio
import httpx

PLAIN = ("agents", "costs", "costs?by=day", "costs?by=model", "trends", "anomalies?of=executions")
WRONG = ("costs?by=moon", "costs?by=tenant", "workflows/nobody", "agents?window=1m", "trends?of=x")


async def ask_analytics(http: httpx.AsyncClient) -> None:
    """All of them, once an execution of a workflow has its profile."""
    step = {"id": "a", "type": "transform", "input_data": {"n": 1}}
    made = await http.post("/api/workflows", json={"name": "profiled", "steps": [step]})
    workflow = made.json()["id"]
    for _ in range(3):
        sent = {"input_data": {"n": 1}}
        await http.post(
            f"/api/workflows/{workflow}/execute", json=sent, headers={"Prefer": "wait=10"}
        )
    asked = f"/api/analytics/workflows/{workflow}/what-if?step=a&scale=0.5"
    with anyio.fail_after(60):
        while (await http.get(asked)).status_code != 200:  # noqa: ASYNC110  -- the reader's turn
            await anyio.sleep(0.2)
    for path in (f"workflows/{workflow}", f"insights?workflow={workflow}", "insights", *PLAIN):
        assert (await http.get(f"/api/analytics/{path}")).status_code == 200
    for path in WRONG:
        assert (await http.get(f"/api/analytics/{path}")).status_code in (403, 404, 422)
