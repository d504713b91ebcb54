"""Money around one request to a model: held before it, settled after it, added to its usage."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.llm import Ask, Said
from orchestra.agents.llm.prices import Prices, Tariff
from orchestra.agents.pools.budgets import Budgets
from orchestra.agents.providers import Call, Failure, Usage
from orchestra.agents.records import Agent, LlmReach

OUTPUT_TOKENS = 4_096
"""The most that is said where nobody set a limit and money is counted."""
LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_TURN_TOKENS = 16
_REQUEST_TOKENS = 64


class Costs:
    """Prices and budgets together."""

    def __init__(self, prices: Prices, budgets: Budgets) -> None:
        self._prices, self._budgets = prices, budgets

    async def paid(
        self,
        agent: Agent,
        call: Call,
        ask: Ask,
        send: Callable[[Ask], Awaitable[Said | Failure]],
    ) -> Said | Failure:
        """Send `ask` if its budgets allow; usage comes back with its cost.

        A failure with an unknown outcome, and a cancelled call, keep what was held.
        """
        reach = cast("LlmReach", agent.spec.reach)
        tariff = self._prices.tariff(reach, reach.model, agent.spec.price)
        counted = bool(self._budgets.limits(agent, call.task))
        most: int | None = None
        if counted:
            ask = msgspec.structs.replace(ask, max_output_tokens=limit_of(ask) or OUTPUT_TOKENS)
            if tariff is not None:
                most = tariff.most(tokens_at_most(ask), ask.max_output_tokens or OUTPUT_TOKENS)
        held = await self._budgets.reserve(agent, call, most)
        if isinstance(held, TaskError):
            return Failure(held, elsewhere=True)
        reply = await send(ask)
        said = reply.model if isinstance(reply, Said) else ""
        if tariff is None and said and said != reach.model:
            tariff = self._prices.tariff(reach, said, agent.spec.price)
        if reply.usage is not None:
            reply = msgspec.structs.replace(reply, usage=_priced(reply.usage, tariff))
        if counted and (isinstance(reply, Said) or reply.error.definite):
            cost = reply.usage.cost_micro_usd if reply.usage else 0
            await self._budgets.settle(held, cost or 0)
        return reply


def limit_of(ask: Ask) -> int | None:
    """The most tokens the agent lets the model say, under any of the names it goes by."""
    if ask.max_output_tokens is not None:
        return ask.max_output_tokens
    return limit_in(ask.params)


def limit_in(params: Mapping[str, object]) -> int | None:
    """The same, as registered."""
    for name in LIMITS:
        value = params.get(name)
        if type(value) is int and value > 0:
            return value
    return None


def tokens_at_most(ask: Ask) -> int:
    """More tokens than any tokenizer makes of a request: none makes two of one byte."""
    size = len(ask.system.encode()) + _REQUEST_TOKENS
    for message in ask.messages:
        size += len(message.text.encode()) + _TURN_TOKENS
        size += sum(len(one.arguments.encode()) + _TURN_TOKENS for one in message.tool_calls)
    for tool in ask.tools:
        size += len(msgspec.json.encode(tool)) + _TURN_TOKENS
    return size + (len(msgspec.json.encode(ask.schema)) if ask.schema else 0)


def _priced(usage: Usage, tariff: Tariff | None) -> Usage:
    if tariff is None or usage.cost_micro_usd is not None:
        return usage
    cost = tariff.cost(usage)
    return msgspec.structs.replace(usage, cost_micro_usd=cost, cost_source=tariff.source)
