"""`orchestra serve` with more Python agents in the process: what W1a, W4 and tests call.

    python -m bench.server --port 8001 --data DIR --durability process --log-level warning

Everything else is the product's own composition.
"""

import functools
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import structlog
from litestar.types import ControllerRouterHandler

from orchestra.agents import Capability, PythonAgent, PythonCapability, Task
from orchestra.app import Ports, build_modules
from orchestra.module import Module
from orchestra.server import serve
from orchestra.settings import Settings, load
from orchestra.store.client import Store

log = structlog.get_logger(__name__)

TALK_S = 0.01
LOOK_S = 0.02


def noop(task: Task) -> object:
    """Nothing: what a call costs without the work."""
    return {"task": task.id}


async def sleep(task: Task) -> object:
    """Wait for `seconds`, as a call of a slow agent does."""
    seconds = task.input_data["seconds"] if isinstance(task.input_data, dict) else 1
    await anyio.sleep(float(seconds))
    return {"slept_s": seconds}


async def hold(task: Task) -> object:
    """Wait until the file `until` is there; say in which process."""
    assert isinstance(task.input_data, dict)
    until = anyio.Path(str(task.input_data["until"]))
    while not await until.exists():  # noqa: ASYNC110  # who makes it is another process
        await anyio.sleep(LOOK_S)
    return {"pid": os.getpid()}


AGENTS = (
    PythonAgent(
        name="bench-idler",
        agent_type="idler",
        capabilities=(PythonCapability(Capability(name="noop"), noop),),
        description="Does nothing. Its seats are counted in the process: no slot of the store.",
    ),
    PythonAgent(
        name="bench-sleeper",
        agent_type="sleeper",
        capabilities=(PythonCapability(Capability(name="sleep"), sleep),),
        description="Waits.",
    ),
    PythonAgent(
        name="bench-holder",
        agent_type="holder",
        capabilities=(PythonCapability(Capability(name="hold"), hold),),
        description="Waits for a file.",
    ),
)


class Talker:
    """A module that logs at a steady rate."""

    name = "talker"
    routes: Sequence[ControllerRouterHandler] = ()

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """It logs for the duration of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._talk)
            yield
            group.cancel_scope.cancel()

    async def _talk(self) -> None:
        began, said = time.monotonic(), 0
        facts = {"tenant": "default", "agent": "agt_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"}
        while True:
            await anyio.sleep(TALK_S)
            while said < (time.monotonic() - began) * self._per_s:
                said += 1
                log.warning("bench.line_said", n=said, latency_ms=said % 997, **facts)

    async def quiesce(self) -> None:
        """It goes on."""

    async def check(self) -> None:
        """It is well."""


def build(settings: Settings, store: Store, ports: Ports, *, talks: int = 0) -> Sequence[Module]:
    """The product's modules, with ours among the Python agents."""
    modules = build_modules(settings, store, ports, python_agents=AGENTS)
    return [*modules, Talker(talks)] if talks else modules


def main() -> None:
    """Serve, with `--name value` for any setting; `--log-lines 5000` logs so many a second."""
    words = iter(sys.argv[1:])
    options = {
        name.removeprefix("--").replace("-", "_"): value
        for name, value in zip(words, words, strict=True)
    }
    talks = int(options.pop("log_lines", "0"))
    serve(load(options), functools.partial(build, talks=talks))


if __name__ == "__main__":
    main()
