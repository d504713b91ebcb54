"""What is behind a URL: an A2A agent, an MCP server, a server of models; as registrations."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, cast
from urllib.parse import urlsplit

import anyio
import msgspec

from orchestra.agents import Capability, TaskError
from orchestra.agents.discovery.asking import ASK_S, NOBODY, Asking, without_secrets
from orchestra.agents.discovery.told import Told
from orchestra.agents.providers import Credentials
from orchestra.agents.providers.failures import failure_of
from orchestra.agents.providers.mishaps import MISHAPS, Ended, down, invalid
from orchestra.agents.providers.rpc import document
from orchestra.agents.records import (
    A2AReach,
    Agent,
    Auth,
    LlmReach,
    McpReach,
    Reach,
    Registration,
)
from orchestra.errors import OrchestraError, Problem
from orchestra.security.outbound import Outbound
from orchestra.store.keys import Tenant

CARD_PATH: Final = "/.well-known/agent-card.json"
MODELS_MAX = 50
MODELS_MAX_BYTES = 2 * 1024 * 1024
_NOT_NAME = re.compile(r"[^A-Za-z0-9 _.-]+")
_NOT_TYPE = re.compile(r"[^a-z0-9_]+")

Document = dict[str, object]


class Place(msgspec.Struct, frozen=True):
    """Where to look, and the credentials to look with."""

    tenant: Tenant
    url: str
    auth: Auth = Auth()


class Found(msgspec.Struct, frozen=True):
    """One thing that is there. `registration` can be registered as it is."""

    kind: str
    url: str
    registration: Document
    """Without capabilities where the agent tells them: registered so, it is followed."""
    capabilities: tuple[Capability, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Tried(msgspec.Struct, frozen=True):
    """A place where nothing was found, and what was said there."""

    kind: str
    url: str
    code: str
    message: str


class Discovery:
    """Looks at all places at once. Each is judged when it is dialled, as for a call."""

    def __init__(self, outbound: Outbound, credentials: Credentials, asking: Asking) -> None:
        self._outbound, self._credentials, self._asking = outbound, credentials, asking

    async def discover(self, place: Place) -> tuple[list[Found], list[Tried]]:
        """What there is, in the order of A2A, MCP, models; and where nothing was."""
        looks = list(self._looks(place))
        answers: list[list[Found] | Tried | None] = [None] * len(looks)

        async def run(i: int, kind: str, url: str, look: _Look) -> None:
            answers[i] = await _tried(kind, url, look)

        async with anyio.create_task_group() as group:
            for i, (kind, url, look) in enumerate(looks):
                group.start_soon(run, i, kind, url, look)
        found: list[Found] = []
        for answer in answers:
            if isinstance(answer, list):
                # The same server at two of its addresses is one: the first is the better one.
                known = {one.kind for one in found}
                found += [one for one in answer if one.kind not in known]
        return found, [answer for answer in answers if isinstance(answer, Tried)]

    def _looks(self, place: Place) -> "Iterator[tuple[str, str, _Look]]":
        for url in card_urls(place.url):
            yield "a2a", url, self._asked(place, "a2a", A2AReach(url))
        for url in mcp_urls(place.url):
            yield "mcp", url, self._asked(place, "mcp", McpReach(url))
        for url in model_urls(place.url):
            yield "models", url, self._models(place, url)

    def _asked(self, place: Place, kind: str, reach: A2AReach | McpReach) -> "_Look":
        async def look() -> list[Found]:
            told = await self._asking.ask(_nobody(place, reach))
            url = reach.card_url if isinstance(reach, A2AReach) else reach.url
            field = "card_url" if isinstance(reach, A2AReach) else "url"
            registration = _registration(place, kind, told) | {field: url}
            return [Found(kind, url, registration, told.capabilities, told.warnings)]

        return look

    def _models(self, place: Place, base_url: str) -> "_Look":
        async def look() -> list[Found]:
            reach = LlmReach(base_url, "chat", "")
            url = f"{base_url}/models"
            headers = {"accept": "application/json", "user-agent": "orchestra"}
            headers |= await self._credentials.headers(_nobody(place, reach), url, b"", "")
            reply = await self._outbound.send("GET", url, headers, b"", ASK_S, MODELS_MAX_BYTES)
            if reply.status >= 400:
                raise Ended(failure_of(reply))
            names = _models_of(document(reply.body)) if reply.status == 200 else []
            if not names:
                raise Ended(invalid("answered with something that is no list of models"))
            return [
                Found("models", base_url, _model(place, base_url, name))
                for name in names[:MODELS_MAX]
            ]

        return look


_Look = Callable[[], Awaitable[list[Found]]]


async def _tried(kind: str, url: str, look: _Look) -> list[Found] | Tried:
    try:
        with anyio.fail_after(ASK_S):
            return await without_secrets(look, list[Found])
    except Ended as ended:
        error = ended.failure.error
    except MISHAPS as mishap:
        error = down(mishap, ASK_S)
    except OrchestraError as refused:
        error = TaskError("agent.unavailable", refused.detail)
    return Tried(kind, url, error.code, error.message)


def _nobody(place: Place, reach: Reach) -> Agent:
    provider = "a2a" if isinstance(reach, A2AReach) else "mcp"
    provider = "openai" if isinstance(reach, LlmReach) else provider
    spec = Registration("discovered", "discovered", provider, auth=place.auth, reach=reach)
    return Agent(NOBODY, place.tenant, 0, 0, spec)


def card_urls(url: str) -> list[str]:
    """Where the card may be: the URL itself, below it, at the root of its host."""
    bare = url.partition("?")[0].partition("#")[0].rstrip("/")
    if bare.endswith(".json"):
        return [url]
    return list(dict.fromkeys((bare + CARD_PATH, _origin(url) + CARD_PATH)))


def mcp_urls(url: str) -> list[str]:
    """Where MCP may be spoken: at the URL, and where most servers have it."""
    if url.partition("?")[0].endswith(".json"):
        return []
    path = urlsplit(url).path.strip("/")
    return [url] if path else [f"{_origin(url)}/mcp", f"{_origin(url)}/"]


def model_urls(url: str) -> list[str]:
    """Bases of APIs of models: what comes before `/models`."""
    bare = url.partition("?")[0].rstrip("/").removesuffix("/models")
    if bare.endswith(".json"):
        return []
    return [bare] if bare.endswith("/v1") else [f"{_origin(url)}/v1"]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _registration(place: Place, kind: str, told: Told) -> Document:
    name = name_of(told.name) or name_of(urlsplit(place.url).hostname or "")
    document: Document = {
        "name": name,
        "agent_type": type_of(name),
        "provider": kind,
    }
    if told.description:
        document["description"] = told.description
    return document | _auth(place)


def _model(place: Place, base_url: str, model: str) -> Document:
    name = name_of(model.rpartition("/")[2]) or "model"
    document: Document = {
        "name": name,
        "agent_type": "llm",
        "provider": "openai",
        "base_url": base_url,
        "model": model,
        "capabilities": [],
    }
    return document | _auth(place)


def _auth(place: Place) -> Document:
    if place.auth.type == "none":
        return {}
    return {"auth": cast("Document", msgspec.to_builtins(place.auth))}


def _models_of(body: Mapping[str, object] | None) -> list[str]:
    data = body.get("data") if body else None
    if not isinstance(data, list):
        return []
    items = [cast("Document", one) for one in cast("list[object]", data) if isinstance(one, dict)]
    names = (one.get("id") for one in items)
    return [name for name in names if isinstance(name, str) and 0 < len(name) <= 256]


def name_of(text: str) -> str:
    """A name an agent may have, made of what it calls itself."""
    return _NOT_NAME.sub("-", text).strip(" _.-")[:63].rstrip(" _.-")


def type_of(name: str) -> str:
    """A type an agent may have, made of its name."""
    return _NOT_TYPE.sub("_", name.lower()).strip("_")[:63] or "agent"
