"""Agents made with the SDK, as agents of this process."""

import functools
from typing import Any

import msgspec

from orchestra import sdk
from orchestra.agents import Capability, PythonAgent, PythonCapability, Reject, Retry, Task
from orchestra.agents.pools.roster import capability_of


def adopted(made: sdk.Agent) -> PythonAgent:
    """The same agent for `PythonProvider`. Raises msgspec.ValidationError for a wrong capability.

    Where it would come for tasks, and how many at a time, is of no account here.
    """
    about: dict[str, Any] = {
        name: value
        for name, value in made.more.items()
        if name in ("description", "version", "priority", "max_concurrency")
    }
    capabilities = tuple(
        PythonCapability(msgspec.convert(spec, Capability), functools.partial(_run, made))
        for spec in made.specs
    )
    return PythonAgent(made.name, made.agent_type, capabilities, **about)


async def _run(made: sdk.Agent, task: Task) -> object:
    """One task, with its exceptions as ours."""
    told = sdk.Task(
        task.id,
        capability_of(task),
        task.input_data,
        task.attempt,
        task.fence,
        task.timeout_ms / 1_000,
    )
    try:
        return await made.perform(told, _nobody_looks)
    except sdk.Reject as refused:
        raise Reject(str(refused)) from refused
    except sdk.Retry as again:
        raise Retry(str(again), again.after_s) from again


def _nobody_looks(_: object) -> None:
    """What is said on the way is not shown."""
