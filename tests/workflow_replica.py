"""A replica of the engine for tests: the real module on a real store, with scripted agents."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import anyio

from orchestra.agents import Task, TaskError, TaskResult
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.errors import Unavailable
from orchestra.settings import Settings
from orchestra.store import partitions
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.workflows.history.executions import Control
from orchestra.workflows.history.signals import Send, Sent
from orchestra.workflows.module import WorkflowsModule
from orchestra.workflows.ports import STORE_SCRIPTS
from orchestra.workflows.running.engine import Signal
from orchestra.workflows.running.starting import Start, Started

PATIENCE_S = 60.0
LOOK_S = 0.005
Outcome = Callable[[Task], Awaitable[TaskResult]]


def answers(output: object, **more: Any) -> Outcome:
    """It works."""

    async def outcome(task: Task) -> TaskResult:
        return TaskResult(output=output, agent_name="scripted", **more)

    return outcome


async def echoes(task: Task) -> TaskResult:
    """It works, and returns what it was given."""
    return TaskResult(output=task.input_data, agent_name="scripted")


def fails(code: str = "payment.declined", message: str = "no", **more: Any) -> Outcome:
    """It does not work; `definite=False` leaves open whether it did."""

    async def outcome(task: Task) -> TaskResult:
        return TaskResult(error=TaskError(code, message, **more), agent_name="scripted")

    return outcome


async def hangs(task: Task) -> TaskResult:
    """It answers nothing until the time of the attempt is over, as a real agent's executor says."""
    with anyio.move_on_after(task.timeout_ms / 1_000):
        await anyio.Event().wait()
    message = f"no answer within {task.timeout_ms} ms"
    return TaskResult(error=TaskError("timeout.attempt", message, definite=False))


class Held:
    """An outcome that waits until the test lets it go on."""

    def __init__(self, then: Outcome = echoes) -> None:
        self._then, self._go = then, anyio.Event()
        self.begun, self.stopped = anyio.Event(), anyio.Event()

    async def __call__(self, task: Task) -> TaskResult:
        """Begin, wait, and then do the rest."""
        self.begun.set()
        try:
            await self._go.wait()
        except BaseException:
            self.stopped.set()
            raise
        return await self._then(task)

    def go_on(self) -> None:
        """Let it answer."""
        self._go.set()


class ScriptedAgents:
    """Implements `Agents`: each step does what its script says, and every call is on record."""

    def __init__(self) -> None:
        self.calls: list[Task] = []
        self.answered: list[str] = []
        """Steps in the order in which their agents answered without an error."""
        self.required: dict[str | None, tuple[str, ...]] = {}
        """What a capability cannot do without."""
        self._scripts: dict[str, list[Outcome]] = {}

    def on(self, step: str, *outcomes: Outcome) -> None:
        """What the calls for a step do, one after the other; the last one from then on."""
        self._scripts[step] = list(outcomes)

    def of(self, step: str) -> list[Task]:
        """The calls made for a step."""
        return [task for task in self.calls if task.step == step]

    def steps(self) -> list[str]:
        """Steps in the order of their calls."""
        return [str(task.step) for task in self.calls]

    async def execute(self, task: Task) -> TaskResult:
        """The next outcome of the script; without one it echoes."""
        self.calls.append(task)
        script = self._scripts.get(str(task.step), [echoes])
        outcome = script.pop(0) if len(script) > 1 else script[0]
        result = await outcome(task)
        if result.error is None:
            self.answered.append(str(task.step))
        return result

    def needs(self, tenant: str, agent_type: str, capability: str | None) -> tuple[str, ...]:
        """As the test says."""
        return self.required.get(capability, ())

    def known_types(self, tenant: str) -> frozenset[str]:
        """All the types that tests use."""
        return frozenset(("t", "text_processor", "data_analyzer"))

    def in_process(self, agent_type: str) -> bool:
        """They are elsewhere."""
        return False

    def saturated(self) -> frozenset[str]:
        """Never."""
        return frozenset()


class Replica:
    """One engine with its agents, and what callers do with it."""

    def __init__(self, module: WorkflowsModule, agents: ScriptedAgents, store: Store) -> None:
        self.module, self.agents, self.store = module, agents, store
        self.executions = module.executions

    # starting

    async def save(self, document: Mapping[str, Any]) -> str:
        """Save a definition; its id."""
        source = json.dumps(document).encode()
        made, _ = await self.module.workflows.create(DEFAULT_TENANT, document, source, None)
        return str(made["id"])

    async def accept(
        self, workflow: str, key: str | None = None, actor: str = "ann", **body: Any
    ) -> Started:
        """Start an execution of a saved workflow."""
        return await self.module.starter.start(
            DEFAULT_TENANT, workflow, Start(**body), actor=actor, key=key, watch=True
        )

    async def start(self, document: Mapping[str, Any], given: object = None, **body: Any) -> str:
        """Save a definition and start it; the id of the execution."""
        workflow = await self.save(document)
        return (await self.accept(workflow, input_data=given or {}, **body)).execution

    async def run(self, document: Mapping[str, Any], given: object = None, **body: Any) -> "Shown":
        """Save, start, and wait for the end."""
        return await self.end(await self.start(document, given, **body))

    # looking

    async def end(self, execution: str) -> "Shown":
        """The status, as soon as it ended."""
        shown = await self.executions.wait(DEFAULT_TENANT, execution, PATIENCE_S)
        assert shown["ended_at"], f"it did not end: {json.dumps(shown, indent=1)}"
        return Shown(shown)

    async def status(self, execution: str) -> "Shown":
        """Where it stands now."""
        return Shown(await self.executions.status(DEFAULT_TENANT, execution))

    async def until(self, execution: str, fits: Callable[["Shown"], bool]) -> "Shown":
        """The status, as soon as it fits."""
        with anyio.move_on_after(PATIENCE_S):
            while True:
                shown = await self.status(execution)
                if fits(shown):
                    return shown
                await Signal().wait(LOOK_S)
        raise AssertionError(json.dumps((await self.status(execution)).document, indent=1))

    async def step(self, execution: str, path: str) -> dict[str, Any]:
        """One step, whole."""
        return await self.executions.step(DEFAULT_TENANT, execution, path)

    async def logs(self, execution: str, **want: Any) -> list[dict[str, Any]]:
        """All that the log has."""
        found = await self.executions.logs(DEFAULT_TENANT, execution, want, 1_000)
        return list(found["logs"])

    async def history(self, execution: str) -> list[dict[str, Any]]:
        """Every transition."""
        found = await self.executions.history(DEFAULT_TENANT, execution, 0, 1_000)
        return list(found["items"])

    async def events(self, execution: str) -> list[tuple[str, str | None]]:
        """Type and path of every transition."""
        return [(item["type"], item["path"]) for item in await self.history(execution)]

    # steering

    async def control(
        self, execution: str, verb: str, actor: str = "ann", **body: Any
    ) -> dict[str, Any]:
        """Pause, resume, cancel, roll back or retry."""
        return await self.executions.control(
            DEFAULT_TENANT, execution, verb, Control(**body), actor
        )

    async def signal(
        self, execution: str, name: str, payload: object = None, key: str | None = None
    ) -> Sent:
        """Send a signal, as bob."""
        request = Send(name=name, payload=payload)
        return await self.module.signals.send(DEFAULT_TENANT, execution, request, "bob", key)

    def prefix(self, execution: str) -> str:
        """Of the keys of an execution."""
        return self.store.prefix(partitions.tag_number_of(execution))

    async def mark(self, execution: str, path: str) -> str:
        """State and counters of a step, as the store has them."""
        kind = "c" if any(letter in path for letter in "/[~") else "x"
        prefix = self.prefix(execution)
        return (await self.store.read(prefix, "HGET", f"{prefix}{kind}:{execution}", path)).decode()

    async def declare_dead(self, execution: str, *, but: "Replica | None" = None) -> None:
        """Take back what the sessions of a partition hold, except one's, as if they were dead."""
        alive = but.module.engine._a.lease.session if but else "nobody"
        await self.store.run(
            STORE_SCRIPTS["clock_tick"], self.prefix(execution), max=100, lease_ms=3_000,
            alone=alive,
        )  # fmt: skip


class Shown:
    """A status document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def __getitem__(self, name: str) -> Any:
        return self.document[name]

    def step(self, path: str) -> dict[str, Any]:
        """One of its steps."""
        absent = {"path": path, "status": "absent"}
        return next((one for one in self.document["steps"] if one["path"] == path), absent)

    def of(self, *paths: str) -> list[str]:
        """States of these steps; `absent` for what was not reached."""
        return [str(self.step(path)["status"]) for path in paths]

    @property
    def code(self) -> str | None:
        """Code of the execution's error."""
        return self.document["error"] and str(self.document["error"]["code"])


@contextlib.asynccontextmanager
async def replica(store: Store, agents: ScriptedAgents | None = None) -> AsyncIterator[Replica]:
    """A running engine. The end of the block is like kill -9: nothing is handed back."""
    clock, chance = SystemClock(), system_random()
    made = agents or ScriptedAgents()
    settings = Settings(store_url="redis://given")
    module = WorkflowsModule(store, made, clock, Ids(clock, chance), chance, settings)
    async with module.running():
        while True:
            with contextlib.suppress(Unavailable):
                await module.check()
                break
            await Signal().wait(LOOK_S)
        yield Replica(module, made, store)


def a_step(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """An agent step that depends on those; a field `if_` is `if`."""
    made = {"id": name, "agent_type": "t", **{key.rstrip("_"): v for key, v in fields.items()}}
    return {**made, "depends_on": list(after)} if after else made


def a_value(name: str, value: object, *after: str, **fields: Any) -> dict[str, Any]:
    """A transform step."""
    made = {"id": name, "type": "transform", "input_data": value}
    made |= {key.rstrip("_"): v for key, v in fields.items()}
    return {**made, "depends_on": list(after)} if after else made


def a_wait(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """A step that waits: for the signal `go`, unless the fields say for what."""
    named = {key.rstrip("_"): value for key, value in fields.items()}
    if not {"for", "until"} & named.keys():
        named = {"signal": "go", "timeout": "1h", **named}
    made = {"id": name, "type": "wait", **named}
    return {**made, "depends_on": list(after)} if after else made


def a_document(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition of these steps."""
    return {"name": "w", "steps": list(steps), **fields}


def retrying(attempts: int = 3, **fields: Any) -> dict[str, Any]:
    """A policy that tries again soon."""
    return {"max_attempts": attempts, "initial": "1ms", "jitter": "none", **fields}
