"""Agent cards of A2A 1.0: what an agent says about itself, read with tolerance, kept for a while.

Everything in a card was written by a stranger: URLs are judged when they are dialled.
"""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, cast

import msgspec

from orchestra.agents.providers import Credentials, Failure
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.freshness import fresh_s
from orchestra.agents.providers.mishaps import MISHAPS, Ended, invalid
from orchestra.agents.providers.rpc import document
from orchestra.agents.records import A2AReach, Agent
from orchestra.clock import Clock
from orchestra.security.destinations import is_web
from orchestra.security.outbound import Outbound

CARD_MAX_BYTES = 1024 * 1024
CARDS_MAX = 2_000
AGAIN_S = 5.0
"""Until a card that could not be renewed is asked for again."""
SKILLS_MAX = 1_024
TEXT_MAX_CHARS = 4_096

Binding = Literal["HTTP+JSON", "JSONRPC"]


class Skill(msgspec.Struct, frozen=True):
    """One thing the agent says it can do."""

    id: str
    name: str = ""
    description: str = ""
    input_modes: tuple[str, ...] = ()
    output_modes: tuple[str, ...] = ()


class Interface(msgspec.Struct, frozen=True):
    """Where it is spoken to, and in which binding. `tenant` goes into every request."""

    url: str
    binding: Binding
    tenant: str = ""


class Card(msgspec.Struct, frozen=True):
    """What we use of an agent card."""

    name: str
    interfaces: tuple[Interface, ...]
    description: str = ""
    version: str = ""
    streaming: bool = False
    input_modes: tuple[str, ...] = ()
    output_modes: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()

    def interface(self, wanted: Binding | None) -> Interface | None:
        """The wanted binding, else the agent's preferred one; None when there is none."""
        found = (one for one in self.interfaces if wanted in (None, one.binding))
        return next(found, None)

    def modes(self, skill: str | None) -> tuple[str, ...]:
        """Media types that may be sent for this skill; empty when the card does not say."""
        for one in self.skills:
            if one.id == skill and one.input_modes:
                return one.input_modes
        return self.input_modes


class CardUnusable(Exception):
    """The document is no agent card that can be used; the text says why."""


def read_card(value: Mapping[str, object]) -> Card:
    """Raises CardUnusable."""
    interfaces = tuple(filter(None, map(_interface, _objects(value.get("supportedInterfaces")))))
    if not interfaces:
        if isinstance(value.get("url"), str):
            raise CardUnusable("the agent speaks an A2A before 1.0")
        raise CardUnusable("the agent card names no HTTP+JSON or JSONRPC interface of A2A 1.x")
    abilities = value.get("capabilities")
    streaming = isinstance(abilities, dict) and (
        cast("dict[str, object]", abilities).get("streaming") is True
    )
    return Card(
        name=_text(value.get("name")),
        interfaces=interfaces,
        description=_text(value.get("description")),
        version=_text(value.get("version")),
        streaming=streaming,
        input_modes=_texts(value.get("defaultInputModes")),
        output_modes=_texts(value.get("defaultOutputModes")),
        skills=tuple(filter(None, map(_skill, _objects(value.get("skills"))[:SKILLS_MAX]))),
    )


class Cards:
    """Fetches cards and keeps them as long as they say. One for all who need cards."""

    def __init__(self, outbound: Outbound, clock: Clock, credentials: Credentials) -> None:
        self._outbound, self._clock, self._credentials = outbound, clock, credentials
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def card(self, agent: Agent, timeout_s: float) -> Card:
        """The card, as of its `max-age`. Raises Ended and what Outbound and Credentials raise.

        Where it cannot be renewed the last one holds: whether the agent lives, the call will tell.
        """
        kept, now = self._kept.get(_key(agent)), self._clock.monotonic()
        if kept is None:
            return await self.look(agent, timeout_s)
        if kept.until <= now:
            # Of many calls one renews it; the others go on with what there is.
            self._kept[_key(agent)] = _Kept(kept.card, kept.etag, now + AGAIN_S)
            with suppress(Ended, *MISHAPS):
                return await self.look(agent, timeout_s)
        return kept.card

    async def look(self, agent: Agent, timeout_s: float) -> Card:
        """The card as it is now: asks, with the ETag of the last one. Raises as `card`."""
        reach = agent.spec.reach
        assert isinstance(reach, A2AReach)
        kept = self._kept.get(_key(agent))
        headers = {"accept": "application/json", "user-agent": "orchestra"}
        if kept is not None and kept.etag:
            headers["if-none-match"] = kept.etag
        headers |= await self._credentials.headers(agent, reach.card_url, b"", "")
        reply = await self._outbound.send(
            "GET", reach.card_url, headers, b"", timeout_s, CARD_MAX_BYTES
        )
        match reply.status:
            case 304 if kept is not None:
                card = kept.card
            case 200:
                card = _read(reply.body)
            case status if status < 400:
                raise Ended(invalid(f"answered {status} for its card"))
            case _:
                raise Ended(failure_of(reply))
        etag = reply.headers.get("etag", "") or (kept.etag if kept and card is kept.card else "")
        until = self._clock.monotonic() + fresh_s(reply.headers.get("cache-control", ""))
        if agent.id:
            self._kept[_key(agent)] = _Kept(card, etag[:1_024], until)
            self._kept.move_to_end(_key(agent))
            while len(self._kept) > CARDS_MAX:
                self._kept.popitem(last=False)
        return card

    def left_s(self, agent: Agent) -> float:
        """Seconds until the card that is kept should be looked at again; 0 without one."""
        kept = self._kept.get(_key(agent))
        return max(0.0, kept.until - self._clock.monotonic()) if kept else 0.0


class _Kept(msgspec.Struct, frozen=True):
    card: Card
    etag: str
    until: float


def _key(agent: Agent) -> tuple[str, str]:
    reach = agent.spec.reach
    assert isinstance(reach, A2AReach)
    return agent.id, reach.card_url


def _read(body: bytes) -> Card:
    found = document(body)
    if found is None:
        raise Ended(_unusable("answered with a card that is no JSON object"))
    try:
        return read_card(found)
    except CardUnusable as unusable:
        raise Ended(_unusable(f"cannot be used: {unusable}")) from unusable


def _unusable(what: str) -> Failure:
    return invalid(what)


def _interface(value: Mapping[str, object]) -> Interface | None:
    url, binding = _text(value.get("url")), _text(value.get("protocolBinding")).upper()
    version = _text(value.get("protocolVersion"))
    if binding not in ("HTTP+JSON", "JSONRPC") or not is_web(url):
        return None
    if version and version.split(".")[0] != "1":
        return None
    return Interface(url.rstrip("/"), binding, _text(value.get("tenant"))[:256])


def _skill(value: Mapping[str, object]) -> Skill | None:
    name = _text(value.get("id")) or _text(value.get("name"))
    if not name:
        return None
    return Skill(
        name,
        _text(value.get("name")),
        _text(value.get("description")),
        _texts(value.get("inputModes")),
        _texts(value.get("outputModes")),
    )


def _objects(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list):
        return []
    items = cast("list[object]", value)
    return [cast("dict[str, object]", one) for one in items if isinstance(one, dict)]


def _text(value: object) -> str:
    return value[:TEXT_MAX_CHARS] if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    items = cast("list[object]", value)
    return tuple(one[:128].lower() for one in items[:64] if isinstance(one, str))
