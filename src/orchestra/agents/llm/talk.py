"""One task's conversation with a model: the question, its tools, its answer, one repair."""

from collections.abc import Mapping

import anyio
import msgspec

from orchestra.agents import TaskError
from orchestra.agents.llm import Ask, Message, Said, Wire, spans
from orchestra.agents.llm.costs import Costs
from orchestra.agents.llm.prompts import Put
from orchestra.agents.llm.structured import Misfit, instruction, parsed, repair
from orchestra.agents.llm.tools import Tool, Toolbox, too_many
from orchestra.agents.providers import Answer, Call, Failure, Usage
from orchestra.agents.providers.usage import added
from orchestra.agents.records import Agent, LlmReach
from orchestra.clock import Clock

CALLS_A_ROUND_MAX = 16
FACTS_MAX = 64
SHOWN_MAX = 256
_SCHEMA_WORDS = ("schema", "response_format", "output_config", "text.format", "json")


class Talking(msgspec.Struct, frozen=True):
    """What a conversation needs: a wire with its headers, money, tools. `schemaless` is shared."""

    wire: Wire
    headers: Mapping[str, str]
    costs: Costs
    tools: Toolbox
    schemaless: set[tuple[str, int]]


class Talk:
    """A conversation, from the prompt to the answer. `usage` and `facts` grow as it goes."""

    def __init__(self, agent: Agent, call: Call, said: Put, means: Talking, clock: Clock) -> None:
        self._agent, self._call, self._put, self._means = agent, call, said, means
        self._clock = clock
        self._until = clock.monotonic() + call.timeout_ms / 1_000
        self._messages = said.messages
        self._tools: dict[str, Tool] = means.tools.tools(agent, call.task)
        self.usage: Usage | None = None
        self.facts: dict[str, object] = {}
        if absent := means.tools.absent(agent):
            self.facts["tools_absent"] = absent
        if said.version:
            self.facts["prompt_version"] = said.version

    async def run(self) -> Answer | Failure:
        """Until there is an answer, or something fails."""
        reach = self._agent.spec.reach
        assert isinstance(reach, LlmReach)
        for round_ in range(reach.max_tool_rounds + 1):
            said = await self._ask()
            if isinstance(said, Failure):
                return self._paid(said)
            if said.finish != "tools":
                return await self._read(said)
            if not self._tools or round_ == reach.max_tool_rounds:
                break
            await self._use_tools(said)
        message = f"the model still asks for tools after {reach.max_tool_rounds} rounds of them"
        return self._paid(Failure(TaskError("agent.invalid_response", message, retryable=False)))

    async def _ask(self) -> Said | Failure:
        """One request; a second one, in words, for an API that takes no schemas."""
        key = (self._agent.id, self._agent.revision)
        native = bool(self._put.schema) and key not in self._means.schemaless
        said = await self._send(native=native)
        if native and isinstance(said, Failure) and _refuses_schemas(said):
            self._means.schemaless.add(key)
            said = await self._send(native=False)
        return said

    async def _send(self, *, native: bool) -> Said | Failure:
        reach, schema = self._agent.spec.reach, self._put.schema
        assert isinstance(reach, LlmReach)
        system = self._put.system
        if schema is not None and not native:
            system = f"{system}\n\n{instruction(schema)}".strip()
        ask = Ask(
            model=reach.model,
            system=system,
            messages=self._messages,
            schema=schema if native else None,
            schema_name=self._call.capability or "answer",
            tools=tuple(tool.spec for tool in self._tools.values()),
            params=reach.params,
        )

        async def send(ask: Ask) -> Said | Failure:
            return await self._means.wire.ask(
                reach, self._means.headers, ask, self._left_s(), self._call.emit
            )

        with spans.chat(self._agent) as span:
            said = await self._means.costs.paid(self._agent, self._call, ask, send)
            spans.said(span, said)
        self.usage = added(self.usage, said.usage)
        if isinstance(said, Said):
            self._note(said)
        return said

    async def _read(self, said: Said) -> Answer | Failure:
        """The answer in what was said; asked for once more when it does not fit its schema."""
        schema, cut = self._put.schema, said.finish in ("length", "filtered")
        if said.finish == "refused":
            return self._failed("agent.bad_request", f"the model refuses: {said.refusal[:500]}")
        if schema is None:
            return self._answer(said.text, said, incomplete=cut)
        if cut:
            return self._failed("output.invalid", f"the answer was cut off: {said.finish}", said)
        try:
            return self._answer(parsed(said.text, schema), said)
        except Misfit as misfit:
            self._messages = (*self._messages, *repair(said, misfit, schema))
        self.facts["repaired"] = True
        again = await self._ask()
        if isinstance(again, Failure):
            return self._paid(again)
        if again.finish != "stop":
            return self._failed("output.invalid", f"the repair ended as {again.finish}", again)
        try:
            return self._answer(parsed(again.text, schema), again)
        except Misfit as misfit:
            return self._failed("output.invalid", f"after one repair: {misfit}", again)

    async def _use_tools(self, said: Said) -> None:
        """Run all that was asked for, at once, and say what came of it."""
        asked = said.tool_calls
        results = {i: too_many(one) for i, one in enumerate(asked) if i >= CALLS_A_ROUND_MAX}
        left_ms = int(self._left_s() * 1_000)

        async def run(i: int) -> None:
            results[i] = await self._means.tools.run(self._tools, asked[i], self._call, left_ms)

        if self._call.emit is not None:
            names = [one.name[:SHOWN_MAX] for one in asked[:CALLS_A_ROUND_MAX]]
            self._call.emit({"event": "progress", "tools": names})
        async with anyio.create_task_group() as group:
            for i in range(min(len(asked), CALLS_A_ROUND_MAX)):
                group.start_soon(run, i)
        turn = Message("assistant", said.text, asked, kept=said.kept)
        answers = (
            Message("tool", results[i].text, tool_call_id=one.id) for i, one in enumerate(asked)
        )
        self._messages = (*self._messages, turn, *answers)
        used = [*self._used(), *(results[i].fact for i in range(len(asked)))]
        self.facts["tools"] = used[:FACTS_MAX]

    def _used(self) -> list[object]:
        used = self.facts.get("tools")
        return list(used) if isinstance(used, list) else []  # pyright: ignore[reportUnknownArgumentType] -- ours

    def _left_s(self) -> float:
        return max(self._until - self._clock.monotonic(), 0.001)

    def _note(self, said: Said) -> None:
        requests = self.facts.get("requests")
        self.facts["requests"] = 1 + (requests if isinstance(requests, int) else 0)
        self.facts["model"] = said.model[:SHOWN_MAX] or self._model
        self.facts["finish_reason"] = said.finish
        for name, value in (("response_id", said.response_id), ("request_id", said.request_id)):
            if value:
                self.facts[name] = value[:SHOWN_MAX]
        if said.ttft_ms is not None:
            self.facts.setdefault("ttft_ms", said.ttft_ms)

    @property
    def _model(self) -> str:
        reach = self._agent.spec.reach
        assert isinstance(reach, LlmReach)
        return reach.model

    def _answer(self, output: object, said: Said, *, incomplete: bool = False) -> Answer:
        return Answer(output, self.usage, self.facts, incomplete, said.gate_ms)

    def _failed(self, code: str, message: str, said: Said | None = None) -> Failure:
        """A definite failure. An answer that does not fit may be better from another agent."""
        error = TaskError(code, message)
        return self._paid(
            Failure(error, gate_ms=said.gate_ms if said else 0, elsewhere=code == "output.invalid")
        )

    def _paid(self, failure: Failure) -> Failure:
        facts = {**self.facts, **failure.facts}
        return msgspec.structs.replace(failure, usage=self.usage, facts=facts)


def _refuses_schemas(failure: Failure) -> bool:
    """A server that knows no structured output says so in its own words."""
    error = failure.error
    if error.code != "agent.bad_request" or failure.fallback:
        return False
    said = error.message.lower()
    return any(word in said for word in _SCHEMA_WORDS)
