"""What goes into an agent and comes out of it, held against the schemas somebody wrote.

Most capabilities have none: then this costs one look into a table. Input is checked before the
agent is asked; an answer that does not fit is a failure of this agent, and another may do better.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import anyio.to_thread

from orchestra.agents import Capability, PythonAgent, Task, TaskError
from orchestra.agents.providers import Answer, Call, Failure, Provider
from orchestra.agents.records import Agent
from orchestra.errors import Problem
from orchestra.schemas.validators import ERRORS_MAX, Validator, compiled, is_large

KEPT_MAX = 10_000
TOLD_MAX = 5
_REPAIRS = frozenset({"openai", "anthropic"})
"""Providers that hold their answers against the schema themselves, and ask for a repair."""

Schema = Mapping[str, object]


class Contract:
    """The schemas that hold for one capability of one agent; `given` and `told` may be missing."""

    def __init__(self, given: Schema | None, told: Schema | None, *, accepts: bool) -> None:
        self._given = compiled(given) if given else None
        self._told = compiled(told) if told else None
        self._accepts = accepts
        """The input's schema has a place for `task_type`."""

    async def kept(self, provider: Provider, agent: Agent, call: Call) -> Answer | Failure:
        """The call, when its input fits; its answer, when that fits too."""
        if self._given is not None:
            problems = await _misfits(self._given, self._input(call.task))
            if problems:
                error = TaskError(
                    "agent.bad_request",
                    f"the input does not fit the capability: {_told(problems)}",
                    problem="input-invalid",
                    findings=problems,
                )
                return Failure(error)
        reply = await provider.call(agent, call)
        if self._told is None or isinstance(reply, Failure):
            return reply
        problems = await _misfits(self._told, reply.output)
        if not problems:
            return reply
        error = TaskError(
            "output.invalid", f"the answer does not fit its schema: {_told(problems)}"
        )
        return Failure(
            error, gate_ms=reply.gate_ms, elsewhere=True, usage=reply.usage, facts=reply.facts
        )

    def _input(self, task: Task) -> object:
        """What the schema speaks of: `task_type` beside it chose the capability."""
        given = task.input_data
        if self._accepts or not isinstance(given, dict) or "task_type" not in given:
            return given  # pyright: ignore[reportUnknownVariableType] -- JSON
        fields = cast("dict[str, Any]", given)
        return {name: value for name, value in fields.items() if name != "task_type"}


class Contracts:
    """Finds contracts. `installed` knows the code behind agents in this process."""

    def __init__(self, installed: Callable[[str], PythonAgent | None] | None = None) -> None:
        self._installed = installed
        self._kept: dict[tuple[str, int, str | None], Contract | None] = {}

    def of(self, agent: Agent, capability: str | None, task: Task) -> Contract | None:
        """What holds for this call; None when nothing does."""
        if task.output_schema is not None:
            given, told = self._schemas(agent, capability)
            if agent.spec.provider not in _REPAIRS:
                told = task.output_schema
            return _contract(given, told)
        key = (agent.id, agent.revision, capability)
        try:
            return self._kept[key]
        except KeyError:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            made = self._kept[key] = _contract(*self._schemas(agent, capability))
            return made

    def _schemas(self, agent: Agent, capability: str | None) -> tuple[Schema | None, Schema | None]:
        declared = agent.spec.capabilities
        one = next((one for one in declared if one.name == capability), None)
        if one is None:
            return None, None
        given, told = one.input_schema, one.output_schema
        if agent.spec.provider in _REPAIRS:
            told = None
        code = self._code(agent, one)
        if code is not None:
            given = None if given == code.input_schema else given
            told = None if told == code.output_schema else told
        return given, told

    def _code(self, agent: Agent, wanted: Capability) -> Capability | None:
        """The capability as its code has it, when that checks by itself."""
        if agent.spec.provider != "python" or self._installed is None:
            return None
        code = self._installed(agent.spec.agent_type)
        for one in code.capabilities if code else ():
            if one.spec.name == wanted.name and one.checked:
                return one.spec
        return None


def _contract(given: Schema | None, told: Schema | None) -> Contract | None:
    if not given and not told:
        return None
    properties = given.get("properties") if given else None
    accepts = isinstance(properties, dict) and "task_type" in properties
    return Contract(given, told, accepts=accepts)


async def _misfits(validator: Validator, value: object) -> tuple[Problem, ...]:
    """What is wrong with a value; a large one is looked at in a thread."""
    if is_large(value):
        return await anyio.to_thread.run_sync(_errors, validator, value)
    return _errors(validator, value)


def _told(problems: tuple[Problem, ...]) -> str:
    return "; ".join(f"{one.pointer or '/'}: {one.message}" for one in problems[:TOLD_MAX])


def _errors(validator: Validator, value: object) -> tuple[Problem, ...]:
    return () if validator.fits(value) else validator.errors(value, most=ERRORS_MAX)
