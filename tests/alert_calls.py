"""Every request to rules and alerts, good and bad: what the description must hold."""

from typing import Any

import anyio
import httpx

RULE: dict[str, Any] = {"name": "Slow", "metric": "checkout_seconds", "threshold": 3, "agg": "max"}
LOW = "rule=alr_builtin_durability_low"
WRONG: tuple[object, ...] = (
    {},
    [],
    {**RULE, "kind": "view"},
    {**RULE, "recover": 5, "for": "2d", "window": "31d"},
    {**RULE, "threshold": "much", "more": 1},
)


async def ask_rules(http: httpx.AsyncClient) -> None:
    """`/api/alerts/rules`."""
    at = "/api/alerts/rules"
    made = await http.post(at, json=RULE)
    assert made.status_code == 201, made.text
    one = made.headers["location"]
    for wrong in WRONG:
        assert (await http.post(at, json=wrong)).status_code == 422
        assert (await http.put(one, json=wrong)).status_code == 422
        assert (await http.post(f"{at}/test", json=wrong)).status_code == 422
    for path in (at, f"{at}?limit=1", f"{at}?cursor=junk", one, f"{at}/alr_none"):
        await http.get(path)
    kinds: tuple[dict[str, Any], ...] = (
        {"kind": "absent", "metric": "checkout_seconds", "name": "Silent"},
        {**RULE, "kind": "change", "offset": "1d"},
        {**RULE, "kind": "anomaly"},
        {"kind": "burn_rate", "metric": "shop", "name": "Burns", "of": {"ok": "no"},
         "threshold": 14},
        {"kind": "log", "name": "Errors", "query": "level>=error", "threshold": 5},
    )  # fmt: skip
    for body in kinds:
        shown = await http.post(at, json=body)
        assert shown.status_code == 201, shown.text
        tried = await http.post(f"{at}/test", json={**body, "from": "-2h"})
        assert tried.status_code == 200, tried.text
        await http.delete(shown.headers["location"])
    changed = await http.put(one, json={**RULE, "for": "1m"}, headers={"if-match": '"1"'})
    assert changed.status_code == 200, changed.text
    await http.put(one, json=RULE, headers={"if-match": '"1"'})
    await http.delete(one, headers={"if-match": '"7"'})
    await http.delete(f"{at}/alr_builtin_store_slow")
    assert (await http.delete(one)).status_code == 204
    await http.delete(one)


async def ask_alerts(http: httpx.AsyncClient) -> None:
    """`/api/alerts`: one that fires by itself, as the store of tests keeps nothing."""
    at = "/api/alerts"
    with anyio.fail_after(60):
        while not (found := (await http.get(f"{at}/?state=firing&{LOW}")).json()["alerts"]):  # noqa: ASYNC110  -- what an evaluator does
            await anyio.sleep(0.1)
    one = f"{at}/{found[0]['id']}"
    await http.get(one)
    for path in (f"{at}/none", f"{at}/?cursor=junk", f"{at}/history?cursor=junk"):
        await http.get(path)
    await http.post(f"{one}/acknowledge")
    await http.delete(f"{one}/acknowledge")
    await http.post(f"{at}/none/acknowledge")
    await http.delete(f"{at}/none/acknowledge")
    await http.get(f"{at}/history?limit=1")
