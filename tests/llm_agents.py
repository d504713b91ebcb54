"""Agents that are language models, for tests: registrations, and a wire that says as it is told."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from orchestra.agents import TaskError
from orchestra.agents.llm import Ask, Said
from orchestra.agents.providers import Call, Emit, Failure, Usage
from orchestra.agents.records import Agent, LlmReach, Price, Registration
from orchestra.store.keys import DEFAULT_TENANT

CHEAP = Price(250_000, 2_000_000)
"""0.25 USD for a million tokens in, 2 USD out."""


def a_model(name: str = "gpt", **given: Any) -> Registration:
    """A registration; what `LlmReach` knows goes there."""
    own = ("base_url", "api", "model", "params", "prompts", "tools", "max_tool_rounds")
    about: dict[str, Any] = {
        "base_url": "http://127.0.0.1:1/v1",
        "api": "chat",
        "model": "gpt-5-mini",
    }
    about |= {field: given.pop(field) for field in own if field in given}
    fields: dict[str, Any] = {
        "agent_type": "writer",
        "provider": "anthropic" if about["api"] == "messages" else "openai",
        "max_concurrency": 8,
    }
    return Registration(name=name, reach=LlmReach(**about), **(fields | given))


def an_agent(name: str = "gpt", **given: Any) -> Agent:
    """The same, registered."""
    return Agent(f"agt_{name}", DEFAULT_TENANT, 1, 0, a_model(name, **given))


def said(text: str = "", finish: Any = "stop", **given: Any) -> Said:
    """What a model said: 100 tokens in, 10 out."""
    usage = given.pop("usage", Usage(input_tokens=100, output_tokens=10))
    return Said(text, finish, usage, model="gpt-5-mini-2025-08-07", response_id="rsp_1", **given)


class Scripted:
    """A wire that gives these answers in turn, the last one for ever. `asked` is what it was."""

    def __init__(self, *answers: Said | Failure) -> None:
        self.answers = list(answers)
        self.asked: list[Ask] = []
        self.headers: Mapping[str, str] = {}
        self.hold: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint

    async def ask(
        self,
        reach: LlmReach,
        credentials: Mapping[str, str],
        ask: Ask,
        timeout_s: float,
        emit: Emit | None,
    ) -> Said | Failure:
        """The next answer."""
        self.asked.append(ask)
        self.headers = credentials
        await self.hold()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if emit is not None and isinstance(answer, Said):
            emit({"event": "delta", "text": answer.text})
        return answer

    async def check(
        self, reach: LlmReach, credentials: Mapping[str, str], timeout_s: float
    ) -> TaskError | None:
        """Well."""


def a_call(task: Any, *, timeout_ms: int = 5_000, **given: Any) -> Call:
    """One call of `task`, for the capability it names."""
    return Call(task, task.capability, timeout_ms, 1, **given)
