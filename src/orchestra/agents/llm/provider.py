"""Agents that are language models: what is asked, how often, with which tools, and at what price.

The layer above the wires. It never retries a request that may have been done; the one repair of
an answer that does not fit its schema is part of the same call, in the same slot and deadline.
"""

from collections.abc import Mapping

import anyio
import anyio.to_thread
import msgspec

from orchestra.agents import TaskError
from orchestra.agents.llm import Wire
from orchestra.agents.llm.costs import Costs
from orchestra.agents.llm.prompts import Put, put
from orchestra.agents.llm.talk import Talk, Talking
from orchestra.agents.llm.tools import Toolbox
from orchestra.agents.providers import Answer, Call, Credentials, CredentialsUnusable, Failure
from orchestra.agents.providers.python import late
from orchestra.agents.records import Agent, LlmReach
from orchestra.agents.registration.prompt_text import BadPrompt
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Problem
from orchestra.schemas.validators import is_large

UNFIT_MAX = 1_000


class LlmProvider:
    """Calls models. `wires` has one for each `api`: chat, responses, messages."""

    def __init__(
        self,
        wires: Mapping[str, Wire],
        credentials: Credentials,
        costs: Costs,
        tools: Toolbox,
        clock: Clock,
    ) -> None:
        self._wires, self._credentials = wires, credentials
        self._costs, self._tools, self._clock = costs, tools, clock
        self._schemaless: set[tuple[str, int]] = set()
        """Agents whose API refused a schema: they are told it in words."""

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Put the task to the model, once."""
        reach = agent.spec.reach
        assert isinstance(reach, LlmReach)
        try:
            said = await self._put(agent, call)
            headers = await self._credentials.headers(agent, reach.base_url, b"", call.task.id)
        except BadPrompt as bad:
            finding = Problem("", "prompt", str(bad))
            return Failure(
                TaskError(
                    "agent.bad_request", str(bad), problem="input-invalid", findings=(finding,)
                )
            )
        except CredentialsUnusable as unusable:
            return Failure(
                TaskError("agent.auth", unusable.detail), "deny", gate_ms=5_000, elsewhere=True
            )
        except OrchestraError as away:
            return Failure(TaskError("agent.unavailable", away.detail), elsewhere=True)
        if len(self._schemaless) > UNFIT_MAX:
            self._schemaless.clear()
        means = Talking(self._wires[reach.api], headers, self._costs, self._tools, self._schemaless)
        talk = Talk(agent, call, said, means, self._clock)
        with anyio.move_on_after(call.timeout_ms / 1_000):
            return await talk.run()
        # What was paid for until now is known; the last request may have been paid for as well.
        return msgspec.structs.replace(late(call), usage=talk.usage, facts=talk.facts)

    async def _put(self, agent: Agent, call: Call) -> Put:
        """The task in words; a long one is written in a thread. Raises BadPrompt."""
        if is_large(call.task.input_data):
            return await anyio.to_thread.run_sync(put, agent, call, self._clock.monotonic)
        return put(agent, call, self._clock.monotonic)

    async def check(self, agent: Agent, timeout_s: float) -> TaskError | None:
        """Whether the API answers and knows us. Free."""
        reach = agent.spec.reach
        assert isinstance(reach, LlmReach)
        try:
            with anyio.fail_after(timeout_s):
                headers = await self._credentials.headers(agent, reach.base_url, b"", agent.id)
                return await self._wires[reach.api].check(reach, headers, timeout_s)
        except CredentialsUnusable as unusable:
            return TaskError("agent.auth", unusable.detail)
        except TimeoutError:
            return TaskError("timeout.attempt", "the check had no answer in time")
        except OrchestraError as away:
            return TaskError("agent.unavailable", away.detail)
