"""What a task wishes of a pick: a strategy, somebody preferred, tokens.

The script knows load and latency; prices and sessions are known here, and travel as an order of
preference: the best by price, or by the hash of the session (rendezvous hashing: Thaler and
Ravishankar 1998; its bound on the load: Mirrokni, Thorup and Zadimoghaddam 2018).
"""

import hashlib
import heapq
import math
from collections.abc import Callable

import msgspec

from orchestra.agents import Strategy, Task
from orchestra.agents.pools.roster import PLACES, Choice
from orchestra.agents.records import Agent, LlmReach

STRATEGIES: tuple[Strategy, ...] = ("least_load", "ewma", "cheapest", "affinity")
CHEAPEST_MAX = 64
STICKY_MAX = 8
UNPRICED = 1 << 50
OUTPUT_TOKENS = ("max_completion_tokens", "max_output_tokens", "max_tokens")

Prices = Callable[[Agent], int | None]
"""Millionths of a USD for a million tokens in and a million out; None when nobody knows."""

_encode = msgspec.json.Encoder().encode


class Wish(msgspec.Struct, frozen=True):
    """How to pick. `prefer` has `agent|rank` a line; `bound` is as `slot_acquire` says."""

    strategy: Strategy = "least_load"
    prefer: str = ""
    bound: int = 0
    tokens: int = 0
    spill: bool = False


PLAIN = Wish()


def own_price(agent: Agent) -> int | None:
    """What its registration says; an agent in this process costs nothing."""
    price = agent.spec.price
    if price.input_micro_usd is None and price.output_micro_usd is None:
        return 0 if agent.spec.provider == "python" else None
    return (price.input_micro_usd or 0) + (price.output_micro_usd or 0)


def wish_of(task: Task, choice: Choice, prices: Prices = own_price) -> Wish:
    """How to pick for `task`. A session sticks, unless the strategy asks for something else."""
    tokens = estimate(task, choice) if choice.metered else 0
    session = task.session
    match task.strategy:
        case "ewma":
            return Wish("ewma", tokens=tokens, spill=task.spill)
        case "cheapest":
            return Wish("cheapest", _cheapest(choice, prices), 0, tokens, task.spill)
        case "affinity":
            session = session or task.execution
        case "least_load":
            pass
    if session is not None and len(choice.agents) > 1:
        return Wish("affinity", _sticky(choice, session), choice.places, tokens, task.spill)
    return Wish(tokens=tokens, spill=task.spill) if tokens or task.spill else PLAIN


def estimate(task: Task, choice: Choice) -> int:
    """Tokens a call may take, before it is made: characters / 4 and the most it may answer."""
    most = max((_output_tokens(agent) for agent in choice.agents), default=0)
    return len(_encode(task.input_data)) // 4 + most


def _output_tokens(agent: Agent) -> int:
    reach = agent.spec.reach
    if not isinstance(reach, LlmReach):
        return 0
    found = (reach.params.get(name) for name in OUTPUT_TOKENS)
    return next((value for value in found if type(value) is int and value > 0), 0)


def _cheapest(choice: Choice, prices: Prices) -> str:
    ranked: list[tuple[int, int, str]] = []
    for agent in choice.agents:
        price = prices(agent)
        ranked.append((agent.spec.priority, UNPRICED if price is None else price, agent.id))
    best = heapq.nsmallest(CHEAPEST_MAX, ranked)
    return "\n".join(f"{agent}|{price}" for _, price, agent in best)


def _sticky(choice: Choice, session: str) -> str:
    key = session.encode()
    ranked = [(agent.spec.priority, _distance(agent, key), agent.id) for agent in choice.agents]
    best = heapq.nsmallest(STICKY_MAX, ranked)
    return "\n".join(f"{agent}|{place}" for place, (_, _, agent) in enumerate(best))


def _distance(agent: Agent, key: bytes) -> float:
    """Less is nearer. Who can do twice as much is nearest to twice as many sessions."""
    digest = hashlib.blake2b(key, digest_size=8, key=agent.id.encode()[:64]).digest()
    uniform = ((int.from_bytes(digest, "big") >> 11) + 1) / ((1 << 53) + 2)
    return (agent.spec.max_concurrency or PLACES) * agent.spec.weight / math.log(uniform)
