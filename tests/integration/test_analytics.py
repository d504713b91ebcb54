"""Analytics of real executions: figures are those of their histories, and of nobody else's."""

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import anyio
import msgspec
import pytest
from agent_replicas import an_agent, can
from houses import a_house
from http_peer import Asked, a_peer
from products import Product, a_product
from webhook_products import come_as

from orchestra.agents import Reject, Retry, Task
from orchestra.clock import SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.profiles import Profiles
from orchestra.workflows.history.reader import NoSuchExecution, Reader
from orchestra.workflows.history.retention import Retention

pytestmark = pytest.mark.anyio

SLOW_S = 0.15


class Hands:
    """What the test's own agents do."""

    def __init__(self) -> None:
        self.failures = 0

    async def quick(self, task: Task) -> object:
        """Answer what was sent."""
        return task.input_data

    async def slow(self, task: Task) -> object:
        """Take a while."""
        await anyio.sleep(SLOW_S)
        return task.input_data

    async def refuse(self, task: Task) -> object:
        """Fail, for good."""
        raise Reject("not this")

    async def shaky(self, task: Task) -> object:
        """Fail at first."""
        if task.attempt == 1:
            raise Retry("not now")
        return task.input_data

    def agent(self) -> Any:
        """As it is installed."""
        return an_agent(
            "own",
            can("quick", self.quick),
            can("slow", self.slow),
            can("no", self.refuse),
            can("shaky", self.shaky),
        )


def step(name: str, task: str = "quick", **more: Any) -> dict[str, Any]:
    """One step of the agent here."""
    return {"id": name, "agent_type": "own", "task_type": task, "context": "none", **more}


GRAPH = {
    "name": "graph",
    "steps": [
        step("a"),
        step("b", "slow", depends_on=["a"]),
        step("c", depends_on=["a"]),
        step("d", depends_on=["b", "c"]),
    ],
}
SHAKY = {
    "name": "shaky",
    "steps": [step("a", "shaky", retry={"max_attempts": 3, "initial": "50ms", "jitter": "none"})],
}
FAILS = {"name": "fails", "steps": [step("a"), step("b", "no", depends_on=["a"])]}
NESTED = {
    "name": "nested",
    "steps": [
        step("first"),
        {
            "id": "both",
            "type": "parallel",
            "depends_on": ["first"],
            "branches": [
                {"id": "one", "steps": [step("x", "slow")]},
                {"id": "two", "steps": [step("y")]},
            ],
        },
        step("last", depends_on=["both"]),
    ],
}


SCHEMA = {"type": "object", "required": ["ok"]}


async def save(product: Product, document: Mapping[str, Any], **headers: str) -> str:
    """A new workflow, by its id."""
    answer = await product.post("/api/workflows", document, **headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def run(product: Product, workflow: str, given: object = None, **headers: str) -> Any:
    """One execution, when it has ended."""
    body = {"input_data": given if given is not None else {}}
    started = await product.post(f"/api/workflows/{workflow}/execute", body, **headers)
    assert started.status_code == 202, started.text
    path = f"/api/executions/{started.json()['execution_id']}/status?wait_ms=10000"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with anyio.fail_after(60):
        while True:
            status = (await product.http.get(path, headers=named)).json()
            if status["ended_at"]:
                return status
            await anyio.sleep(0.02)


async def answer(product: Product, path: str, **headers: str) -> Any:
    """The document there."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = await product.http.get(f"/api/analytics/{path}", headers=named)
    assert found.status_code == 200, found.text
    return found.json()


async def profiled(product: Product, workflow: str, n: int, window: str = "1h") -> Any:
    """The answer about a workflow once it rests on so many executions, all of them counted."""
    with anyio.fail_after(60):
        while True:
            found = await answer(product, f"workflows/{workflow}?window={window}")
            if found["profiles"]["executions"] >= n and found["executions"]["ended"] >= n:
                return found
            await anyio.sleep(0.5)


async def history(product: Product, execution: str) -> list[dict[str, Any]]:
    """What happened, with instants in ms."""
    path = f"/api/executions/{execution}/history?limit=1000"
    items = (await product.http.get(path)).json()["items"]
    for item in items:
        item["ms"] = round(datetime.fromisoformat(item["at"]).timestamp() * 1_000)
    return items


def ms_of(items: list[dict[str, Any]], kind: str, path: str | None, last: bool = False) -> int:
    """When something happened, first or last."""
    found = [one["ms"] for one in items if one["type"] == kind and one["path"] == path]
    return found[-1] if last else found[0]


def duration_of(items: list[dict[str, Any]]) -> int:
    """From acceptance to the end."""
    return items[-1]["ms"] - items[0]["ms"]


async def test_figures_are_those_of_the_histories(store_url: str) -> None:
    async with a_product(store_url, [Hands().agent()]) as one:
        graph, shaky, fails = [await save(one, each) for each in (GRAPH, SHAKY, FAILS)]
        ran = {
            each: [await history(one, (await run(one, each))["id"]) for _ in range(4)]
            for each in (graph, shaky, fails)
        }
        found = {each: await profiled(one, each, 4) for each in ran}
        again = await answer(one, "workflows/graph?window=2h")

    assert again["workflow"] == graph
    for each, histories in ran.items():
        assert found[each]["profiles"] | {"from": ""} == {
            "executions": 4, "of": 4, "sampled": False, "bounded": None, "from": "",
        }  # fmt: skip
        assert found[each]["executions"]["ended"] == len(histories)

    shares = dict.fromkeys("abcd", 0.0)
    for items in ran[graph]:
        times = {
            name: (ms_of(items, "step.started", name), ms_of(items, "step.completed", name))
            for name in "abcd"
        }
        last = max("cb", key=lambda name: times[name][1])  # b, but for a hold-up
        assert times["d"][0] >= times[last][1]
        begin = items[0]["ms"]
        spent = {
            "a": times["a"][1] - begin,
            last: times[last][1] - times["a"][1],
            "d": times["d"][1] - times[last][1],
        }
        for name, ms in spent.items():
            shares[name] += ms / duration_of(items) / 4
    shares = {name: share for name, share in shares.items() if share}
    path = found[graph]["critical_path"]
    assert path["bottleneck"] == max(shares, key=lambda name: shares[name])
    assert path["executions"] == 4
    assert {row["step"]: row["share"] for row in path["steps"]} == pytest.approx(shares, abs=2e-6)
    assert path["elsewhere"] == pytest.approx(1 - sum(shares.values()), abs=1e-5)
    took = sorted(
        ms_of(items, "step.completed", "b") - ms_of(items, "step.started", "b")
        for items in ran[graph]
    )
    rows = {row["step"]: row for row in found[graph]["steps"]}
    assert (rows["b"]["p50_ms"], rows["b"]["p99_ms"]) == (took[1], took[3])
    [version] = found[graph]["versions"]
    durations = sorted(map(duration_of, ran[graph]))
    assert (version["p50_ms"], version["p95_ms"]) == (durations[1], durations[3])

    lost = [
        ms_of(items, "step.started", "a", last=True) - ms_of(items, "step.started", "a")
        for items in ran[shaky]
    ]
    waste = found[shaky]["retries"]
    assert waste["attempts"] == 4
    assert waste["ms_each"] == sum(lost) / 4
    assert waste["share_of_time"] == pytest.approx(
        sum(lost) / sum(map(duration_of, ran[shaky])), abs=1e-6
    )

    assert found[fails]["executions"]["success_rate"] == 0
    [failure] = found[fails]["failures"]
    [code] = {
        one["data"].get("error", {}).get("code", "") for items in ran[fails] for one in items
        if one["type"] == "step.failed"
    } or {""}  # fmt: skip
    assert failure["step"] == "b"
    assert failure["executions"] == 4
    assert code in ("", failure["code"])
    assert found[fails]["critical_path"] | {"steps": []} == {
        "executions": 0, "bottleneck": None, "elsewhere": None, "steps": [],
    }  # fmt: skip


async def test_steps_inside_others_are_on_the_path_and_pauses_are_not(store_url: str) -> None:
    hands = Hands()
    async with a_product(store_url, [hands.agent()]) as one:
        workflow = await save(one, NESTED)
        waiting = await save(one, {"name": "waits", "steps": [
            step("before"), {"id": "w", "type": "wait", "signal": "go", "timeout": "1h"},
        ]})  # fmt: skip
        started = (await one.post(f"/api/workflows/{waiting}/execute", {})).json()
        execution = started["execution_id"]
        for _ in range(3):
            await run(one, workflow)
        assert (await one.post(f"/api/executions/{execution}/pause")).status_code < 300
        await run(one, workflow)
        assert (await one.post(f"/api/executions/{execution}/resume")).status_code < 300
        sent = await one.post(f"/api/executions/{execution}/signal", {"name": "go"})
        assert sent.status_code < 300, sent.text
        found = await profiled(one, workflow, 4)
        paused = await profiled(one, waiting, 1)
        items = await history(one, execution)

    path = found["critical_path"]
    on_it = {row["step"]: row["share"] for row in path["steps"]}
    assert on_it[path["bottleneck"]] == max(on_it.values())
    assert on_it.keys() >= {"first", "both", "both/one", "both/one/x", "last"}
    assert {row["step"] for row in found["steps"]} >= {"both/one/x", "both/two/y", "both/two"}
    stopped = ms_of(items, "workflow.resumed", None) - ms_of(items, "workflow.paused", None)
    [version] = paused["versions"]
    assert version["p50_ms"] == duration_of(items) - stopped


async def test_one_that_is_tried_again_has_one_profile(store_url: str) -> None:
    class Moody(Hands):
        async def refuse(self, task: Task) -> object:
            if self.failures < 1:
                self.failures += 1
                raise Reject("not this")
            return task.input_data

    async with a_product(store_url, [Moody().agent()]) as one:
        workflow = await save(one, FAILS)
        execution = (await run(one, workflow))["id"]
        before = await profiled(one, workflow, 1)
        assert (await one.post(f"/api/executions/{execution}/retry")).status_code < 300
        with anyio.fail_after(60):
            while True:
                found = await answer(one, f"workflows/{workflow}?window=1h")
                if found["critical_path"]["executions"]:
                    break
                await anyio.sleep(0.5)

    assert before["failures"]
    assert found["failures"] == []
    assert found["profiles"]["executions"] == 1
    assert found["versions"][0]["success_rate"] == 1.0


async def test_costs_are_what_agents_said_and_unknown_prices_stand_apart(store_url: str) -> None:
    async with a_peer() as priced, a_peer() as free, a_product(store_url) as one:
        outputs = iter([{}] + [{"ok": True}] * 9)

        def answers(_: Asked) -> tuple[int, bytes, dict[str, str]]:
            usage = {"input_tokens": 10, "output_tokens": 5, "cost_usd": 0.002}
            told = {"status": "completed", "output": next(outputs), "usage": usage}
            return 200, msgspec.json.encode(told), {}

        priced.replies = answers
        free.says({"status": "completed", "output": {}, "usage": {"input_tokens": 7}})
        for name, peer in (("dear", priced), ("unknown", free)):
            await one.register(name, agent_type=name, provider="http", endpoint=peer.url)
        workflow = await save(one, {"name": "spends", "steps": [
            {"id": "a", "agent_type": "dear", "task_type": "do", "output_schema": SCHEMA,
             "retry": {"initial": "1ms", "max_attempts": 3}},
            {"id": "b", "agent_type": "unknown", "task_type": "do"},
        ]})  # fmt: skip
        shown = [await run(one, workflow) for _ in range(3)]
        found = await profiled(one, workflow, 3)
        costs = await answer(one, "costs?by=workflow&window=1h")

    assert [each["status"] for each in shown] == ["completed"] * 3
    dear = 0.002 * len(priced.asked)
    assert len(priced.asked) == 4
    assert found["spent"] == {
        "cost_usd": pytest.approx(dear), "cost_usd_each": pytest.approx(dear / 3),
        "tokens": 15 * 4 + 7 * 3, "tokens_each": 27.0, "unpriced_steps": 3,
    }  # fmt: skip
    steps = {row["step"]: row for row in found["steps"]}
    assert steps["a"]["cost_usd"] == pytest.approx(dear)
    assert (steps["a"]["tokens"], steps["b"]["tokens"]) == (60, 21)
    assert steps["b"]["cost_usd"] is None
    assert found["retries"]["cost_usd"] == pytest.approx(0.002)
    assert found["retries"]["tokens"] == 15
    [line] = costs["lines"]
    assert (line["key"], line["tokens"]) == ("spends", 81)
    assert line["cost_usd"] == costs["cost_usd"] == pytest.approx(dear)
    assert costs["unpriced"] == {"steps": 3, "tokens": 21, "agents": ["unknown"]}


async def test_an_execution_that_was_archived_has_the_same_profile(
    store: Store, store_url: str
) -> None:
    async with a_product(store_url, [Hands().agent()], profiles_per_s=0) as one:
        ended = [
            (await run(one, await save(one, document)))["id"]
            for document in (GRAPH, SHAKY, FAILS, NESTED)
        ]
    catalogue, clock = Catalogue(store), SystemClock()
    reader = Reader(store, catalogue, clock, "")
    profiles = Profiles(store, reader, catalogue)
    before = [await profiles.profile(DEFAULT_TENANT, execution) for execution in ended]
    retention = Retention(store, reader, clock, system_random(), live_ms=-60_000, kept_ms=600_000)
    archived = sum([await retention.sweep(tag) for tag in store.partitions])

    after = [await profiles.profile(DEFAULT_TENANT, execution) for execution in ended]

    assert archived == len(ended)
    assert after == before
    assert [one["status"] for one in after] == ["completed", "completed", "failed", "completed"]
    assert after[2]["error"]["step"] == "b"
    parts = [(row["path"], row["part"]) for row in after[3]["steps"]]
    assert ("both", "open") in parts
    assert parts.index(("both", "open")) < parts.index(("both", ""))
    with pytest.raises(NoSuchExecution):
        await profiles.profile(Tenant("other"), ended[0])


async def test_modules_apart_are_profiled_as_together(store_url: str) -> None:
    async with a_house(store_url, "two, asked at the agents") as house:
        workflow = await house.save({"id": "a", "agent_type": "echo", "task_type": "echo"})
        for _ in range(3):
            assert (await house.run(workflow))["status"] == "completed"
        path = f"/api/analytics/workflows/{workflow}?window=1h"
        with anyio.fail_after(60):
            while True:
                found = (await house.http.get(path)).json()
                if found["profiles"]["executions"] == found["executions"]["ended"] == 3:
                    break
                await anyio.sleep(0.2)

    assert found["critical_path"]["bottleneck"] == "a"


async def test_what_there_is_not_is_null_and_what_is_wrong_is_told(store_url: str) -> None:
    async with a_product(store_url, [Hands().agent()]) as one:
        workflow = await save(one, GRAPH)
        nothing = await answer(one, f"workflows/{workflow}")
        agents, costs = await answer(one, "agents"), await answer(one, "costs?by=day")
        trends, anomalies = await answer(one, "trends"), await answer(one, "anomalies")
        insights = await answer(one, "insights")
        asked = {
            path: await one.http.get(f"/api/analytics/{path}")
            for path in (
                "workflows/wfl_01900000-0000-7000-8000-0000000000ff", "workflows/nobody",
                f"workflows/{workflow}?window=59m", f"workflows/{workflow}?window=31d",
                f"workflows/{workflow}?window=x&what=1", "workflows/graph?window=1h&window=2h",
                "costs?by=moon", "costs?by=tenant", "agents?rank=colour&limit=0",
                "trends?window=6d&of=x", "anomalies?window=1m", "insights?workflow=nobody",
                f"workflows/{workflow}/what-if?step=a&scale=-1", f"workflows/{workflow}/what-if",
                f"workflows/{workflow}/what-if?step=a&scale=0",
            )
        }  # fmt: skip

    assert nothing["executions"]["success_rate"] is None
    assert set(nothing["duration"].values()) == {None, 0.044}
    assert nothing["spent"] == dict.fromkeys(nothing["spent"])
    assert nothing["throughput"]["per_hour"] is None
    assert nothing["retries"] == dict.fromkeys(nothing["retries"])
    assert nothing["profiles"]["from"] is None
    assert agents["agents"] == trends["trends"] == anomalies["anomalies"] == []
    assert insights["insights"] == costs["lines"] == []
    assert costs["cost_usd"] is None
    wrong = {
        path: (one.status_code, sorted(f["pointer"] for f in one.json().get("errors", [])))
        for path, one in asked.items()
    }
    assert list(wrong.values()) == [
        (404, []), (404, []), (422, ["/query/window"]), (422, ["/query/window"]),
        (422, ["/query/what", "/query/window"]), (422, ["/query/window"]),
        (422, ["/query/by"]), (403, []), (422, ["/query/limit", "/query/rank"]),
        (422, ["/query/of", "/query/window"]), (422, ["/query/window"]), (404, []),
        (422, ["/query/scale"]), (422, ["/query/scale", "/query/step"]), (404, []),
    ]  # fmt: skip


async def test_a_tenant_sees_nothing_of_another(store_url: str) -> None:
    async with a_product(store_url, [Hands().agent()]) as one:
        workflow = await save(one, GRAPH)
        for _ in range(12):
            await run(one, workflow)
        await profiled(one, workflow, 12)
        with anyio.fail_after(60):  # agents are counted by each process, and told once a second
            while True:
                told = (await answer(one, "agents"))["agents"]
                if told and told[0]["tasks"] >= 48:
                    break
                await anyio.sleep(0.2)
        mine = [await answer(one, path) for path in ("agents", "insights", "costs")]
        come_as(one, "admin", "other")
        theirs = [await answer(one, path) for path in ("agents", "insights", "costs", "trends")]
        hidden = [
            (await one.http.get(f"/api/analytics/{path}")).status_code
            for path in (
                f"workflows/{workflow}", "workflows/graph", f"insights?workflow={workflow}",
                f"workflows/{workflow}/what-if?step=a&scale=0", "costs?by=tenant",
            )
        ]  # fmt: skip
        come_as(one, "platform_admin", "other")
        everybody = await answer(one, "costs?by=tenant")

    assert mine[0]["agents"][0]["agent"] == "own"
    assert mine[0]["agents"][0]["tasks"] >= 48
    assert mine[0]["agents"][0]["success_rate"] == 1
    assert mine[1]["profiles"]["executions"] == 12
    assert {insight["name"] for insight in mine[1]["insights"]} <= {"graph"}
    assert theirs[0]["agents"] == []
    assert theirs[1]["insights"] == []
    assert theirs[1]["profiles"]["executions"] == 0
    assert theirs[2]["lines"] == theirs[3]["trends"] == theirs[3]["too_few_days"] == []
    assert hidden == [404, 404, 404, 404, 403]
    assert everybody["by"] == "tenant"


async def test_whatever_is_asked_is_no_error_of_ours(store_url: str) -> None:
    chance = random.Random(29)
    words = ["", "0", "-1", "1h", "30d", "90d", "1e9", "ü", "a/b", "%00", "null", "x" * 600, "a,b",
             "duration", "workflow", "tenant", "model", "NaN", "0.5", "[", "~1"]  # fmt: skip
    names = ["window", "by", "of", "rank", "limit", "step", "scale", "workflow", "cursor", "a~/b"]
    async with a_product(store_url, [Hands().agent()]) as one:
        workflow = await save(one, GRAPH)
        await run(one, workflow)
        paths = ["agents", "costs", "trends", "anomalies", "insights", "workflows/%F0%9F%90%9D"]
        paths += [f"workflows/{workflow}", "workflows/graph", f"workflows/{workflow}/what-if"]
        for _ in range(400):
            given = [
                (chance.choice(names), chance.choice(words)) for _ in range(chance.randrange(4))
            ]
            found = await one.http.get(
                f"/api/analytics/{chance.choice(paths)}", params=tuple(given)
            )
            assert found.status_code in (200, 403, 404, 422), (found.url, found.text)
