"""`orchestra serve` with two more Python agents in the process: what W1a and W4 call.

    python -m bench.server --port 8001 --data DIR --durability process --log-level warning

Everything else is the product's own composition.
"""

import sys
from collections.abc import Sequence

import anyio

from orchestra.agents import Capability, PythonAgent, PythonCapability, Task
from orchestra.app import Ports, build_modules
from orchestra.module import Module
from orchestra.server import serve
from orchestra.settings import Settings, load
from orchestra.store.client import Store


def noop(task: Task) -> object:
    """Nothing: what a call costs without the work."""
    return {"task": task.id}


async def sleep(task: Task) -> object:
    """Wait for `seconds`, as a call of a slow agent does."""
    seconds = task.input_data["seconds"] if isinstance(task.input_data, dict) else 1
    await anyio.sleep(float(seconds))
    return {"slept_s": seconds}


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
)


def build(settings: Settings, store: Store, ports: Ports) -> Sequence[Module]:
    """The product's modules, with ours among the Python agents."""
    return build_modules(settings, store, ports, python_agents=AGENTS)


def main() -> None:
    """Serve, with `--name value` for any setting."""
    words = iter(sys.argv[1:])
    options = {
        name.removeprefix("--").replace("-", "_"): value
        for name, value in zip(words, words, strict=True)
    }
    serve(load(options), build)


if __name__ == "__main__":
    main()
