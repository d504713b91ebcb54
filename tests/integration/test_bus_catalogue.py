"""The catalogue of types has every event that can be told, and real events fit its schemas."""

import functools
import re
from pathlib import Path

import anyio
import jsonschema_rs
import pytest
from agent_replicas import an_agent, can
from edge import a_client

import orchestra
from orchestra.agents import Reject, Task
from orchestra.app import Ports, build_modules, prepare, running
from orchestra.bus.catalogue import TYPES, catalogue
from orchestra.settings import Settings
from orchestra.workflows.history import chronicle

pytestmark = pytest.mark.anyio

SOURCE = Path(orchestra.__file__).parent
TOLD_BY_AGENTS = re.compile(r"""tell\w*\([^"'\n]*["']((?:agent|budget)\.\w+)["']""")


def test_every_type_that_executions_tell_is_there() -> None:
    kinds = [*chronicle._STEP, *"NBTX"]
    lines = [(kind, "") for kind in kinds]
    lines += [("K", f"{op}\t") for op in [*chronicle._CONTROLS, "other"]]
    lines += [("E", status) for status in chronicle._ENDS]
    told = [
        chronicle.event_of(chronicle.Line(0, "1-0", kind, path, "1.0.0.0.s", data))
        for kind, data in lines
        for path in ("s", "~s")
    ]

    assert {name for name, level in told if level != "debug"} == {
        name for name in TYPES if name.startswith(("workflow.", "step."))
    }


def test_every_type_that_agents_tell_is_there() -> None:
    texts = [
        path.read_text("utf-8")
        for pattern in ("*.py", "*.lua")
        for path in (SOURCE / "agents").rglob(pattern)
    ]
    told = {name for text in texts for name in TOLD_BY_AGENTS.findall(text)}
    states = {"agent.misconfigured", "agent.unhealthy"}  # chosen between in one line

    assert told | states == {name for name in TYPES if name.startswith(("agent.", "budget."))}


async def test_real_events_fit_their_schemas(store_url: str) -> None:
    """A run that completes, one that fails, an agent that comes and goes."""
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True

    async def refuse(_: Task) -> object:
        raise Reject("not this")

    async def echo(task: Task) -> object:
        return task.input_data

    own = an_agent("own", can("no", refuse), can("do", echo))
    build = functools.partial(build_modules, python_agents=[own])
    schemas = {
        one["type"]: jsonschema_rs.Draft202012Validator(one["data_schema"]) for one in catalogue()
    }
    async with running(settings, stage, build), a_client(stage) as http:
        for task in ("do", "no"):
            steps = [
                {"id": "a", "agent_type": "own", "task_type": "do"},
                {
                    "id": "b",
                    "agent_type": "own",
                    "task_type": task,
                    "depends_on": ["a"],
                    "compensation": {"agent_type": "own", "task_type": "do"},
                },
            ]
            body = {"name": f"w-{task}", "steps": steps}
            made = await http.post("/api/workflows", json=body)
            assert made.status_code < 300, made.text
            at = f"/api/workflows/{made.json()['id']}/execute"
            run = (await http.post(at, json={}, headers={"Prefer": "wait=60"})).json()
            await http.post(f"/api/executions/{run['id']}/retry", json={})
        agent = {"name": "tp", "agent_type": "text_processor", "capabilities": ["odd"]}
        made = (await http.post("/api/agents/register", json=agent)).json()
        for act in ("drain", "enable", "disable"):
            await http.post(f"/api/agents/{made['id']}/{act}", json={})
        await http.delete(f"/api/agents/{made['id']}")
        found: list[dict[str, object]] = []
        with anyio.fail_after(60):
            while "agent.removed" not in {one["type"] for one in found}:
                found = (await http.get("/api/events?limit=200")).json()["events"]

    types = {str(one["type"]) for one in found}
    assert {"workflow.accepted", "step.completed", "workflow.failed", "agent.registered"} <= types
    wrong = [
        (one["type"], one["data"], error.message)
        for one in found
        for error in schemas[str(one["type"])].iter_errors(one["data"])
    ]
    assert not wrong, wrong
