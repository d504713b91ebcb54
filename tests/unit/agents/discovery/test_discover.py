"""Where discovery looks, what it makes of what it finds, and what only claims to be something."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from orchestra.agents import Capability
from orchestra.agents.credentials import NoCredentials
from orchestra.agents.discovery.asking import Asking
from orchestra.agents.discovery.discover import (
    Discovery,
    Found,
    Place,
    Tried,
    card_urls,
    mcp_urls,
    model_urls,
    name_of,
    type_of,
)
from orchestra.agents.discovery.told import Told
from orchestra.agents.providers.mishaps import Ended, invalid
from orchestra.agents.records import Agent, Auth
from orchestra.agents.registration.reaches import urls_of
from orchestra.agents.registration.reading import NAME, TYPE
from orchestra.security.outbound import NotReached, Outbound, Reply
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

HERE = Place(DEFAULT_TENANT, "http://h.example")


class Web(Outbound):
    """Answers `/models` with what the test says."""

    def __init__(self, status: int = 404, body: object = None) -> None:
        self._status, self._body = status, body
        self.asked: list[str] = []

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float,
        body_max_bytes: int = 0,
    ) -> Reply:  # fmt: skip
        assert (method, body) == ("GET", b"")
        self.asked.append(url)
        raw = self._body if isinstance(self._body, bytes) else msgspec.json.encode(self._body)
        return Reply(self._status, {}, raw)


class Asked(Asking):
    """Tells what the test says of each URL; elsewhere nobody answers."""

    def __init__(self, **told: Told | Exception) -> None:
        self._told = told
        self.agents: list[Agent] = []

    async def ask(self, agent: Agent, timeout_s: float = 0.0) -> Told:
        self.agents.append(agent)
        [url] = urls_of(agent.spec.reach).values()
        said = self._told.get(url.removeprefix("http://h.example"), NotReached("nobody is there"))
        if isinstance(said, Exception):
            raise said
        return said


async def looked(
    web: Web, asking: Asked | None = None, place: Place = HERE
) -> tuple[list[Found], list[Tried]]:
    return await Discovery(web, NoCredentials(), asking or Asked()).discover(place)


async def test_models_are_listed_as_far_as_they_can_be_named() -> None:
    rows = [{"id": "org/small"}, {"id": "x" * 257}, {"id": ""}, {"id": 7}, "large", None, {}]
    found, _ = await looked(Web(200, {"data": [*rows, {"id": "\u65e5\u672c"}]}))

    assert [one.registration["model"] for one in found] == ["org/small", "\u65e5\u672c"]
    assert [one.registration["name"] for one in found] == ["small", "model"]
    assert {one.url for one in found} == {"http://h.example/v1"}
    assert all(one.registration["capabilities"] == [] for one in found)


async def test_of_very_many_models_the_first_are_told() -> None:
    found, _ = await looked(Web(200, {"data": [{"id": f"m{i}"} for i in range(1_000)]}))

    assert len(found) == 50
    assert found[-1].registration["model"] == "m49"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, {"data": "all"}, "agent.invalid_response"),
        (200, {"data": {"id": "m"}}, "agent.invalid_response"),
        (200, [{"id": "m"}], "agent.invalid_response"),
        (200, b"\xff<html>", "agent.invalid_response"),
        (200, b"[" * 100_000, "agent.invalid_response"),
        (204, {"data": [{"id": "m"}]}, "agent.invalid_response"),
        (401, {"error": "who are you"}, "agent.auth"),
        (404, {}, None),
        (503, b"", None),
    ],
)
async def test_what_is_no_list_of_models_is_said_and_never_raised(
    status: int, body: object, code: str | None
) -> None:
    found, tried = await looked(Web(status, body))
    [said] = [one for one in tried if one.kind == "models"]

    assert found == []
    assert code in (None, said.code)
    assert said.url == "http://h.example/v1"


async def test_a_server_at_two_of_its_addresses_is_one() -> None:
    first, second = Told((Capability("a"),), name="First"), Told((), name="Second")
    asking = Asked(**{"/mcp": first, "/": second})
    found, tried = await looked(Web(), asking)

    assert [(one.kind, one.url) for one in found] == [("mcp", "http://h.example/mcp")]
    assert found[0].registration == {
        "name": "First", "agent_type": "first", "provider": "mcp", "url": "http://h.example/mcp",
    }  # fmt: skip
    assert [one.name for one in found[0].capabilities] == ["a"]
    assert {one.kind for one in tried} == {"a2a", "models"}


async def test_one_that_fails_does_not_hide_the_others() -> None:
    odd = Ended(invalid("answered with something odd"))
    card = "/.well-known/agent-card.json"
    found, tried = await looked(Web(), Asked(**{card: Told(()), "/mcp": odd, "/": TimeoutError()}))

    assert [one.kind for one in found] == ["a2a"]
    assert found[0].registration["name"] == "h.example", "it has no name: its host's"
    assert [one.code for one in tried[:2]] == ["agent.invalid_response", "timeout.attempt"]


async def test_credentials_go_along_into_what_can_be_registered_by_their_name() -> None:
    auth = Auth("bearer", "${secret:far}")
    asking = Asked(**{"/mcp": Told(())})
    web = Web(200, {"data": [{"id": "m"}]})
    found, tried = await looked(web, asking, msgspec.structs.replace(HERE, auth=auth))

    assert [one.kind for one in found] == ["mcp"]
    told: Any = found[0].registration["auth"]
    assert told["secret"] == "${secret:far}"
    assert {one.spec.auth for one in asking.agents} == {auth}
    # There are no secrets here: so nobody is asked without them.
    assert web.asked == []
    assert tried[-1].code == "agent.auth"


@pytest.mark.parametrize("url", ["http://h.example/x.json", "http://h.example/x.json?v=1"])
async def test_a_card_is_looked_for_only_where_it_is(url: str) -> None:
    web, asking = Web(200, {"data": [{"id": "m"}]}), Asked()
    await looked(web, asking, Place(DEFAULT_TENANT, url))

    assert [list(urls_of(one.spec.reach).values()) for one in asking.agents] == [[url]]
    assert web.asked == []


async def test_what_is_found_can_be_registered_under_its_name_and_type() -> None:
    names = ("<script>alert(1)</script>", "..", " ", "\u202egnp.exe", "a" * 500, "-_-")
    for name in names:
        found, _ = await looked(Web(), Asked(**{"/mcp": Told((), name=name)}))
        registration = found[0].registration

        assert NAME.fullmatch(str(registration["name"])), name
        assert TYPE.fullmatch(str(registration["agent_type"])), name


@pytest.mark.parametrize(
    ("places", "url", "expected"),
    [
        (card_urls, "http://h", ["http://h/.well-known/agent-card.json"]),
        (card_urls, "http://h/a/", ["http://h/a/.well-known/agent-card.json",
                                    "http://h/.well-known/agent-card.json"]),
        (card_urls, "http://h/x.json?v=1", ["http://h/x.json?v=1"]),
        (mcp_urls, "http://h:1", ["http://h:1/mcp", "http://h:1/"]),
        (mcp_urls, "http://h/tools", ["http://h/tools"]),
        (mcp_urls, "http://h/card.json", []),
        (model_urls, "http://h", ["http://h/v1"]),
        (model_urls, "http://h/llm/v1/models", ["http://h/llm/v1"]),
        (model_urls, "http://h/card.json", []),
    ],
)  # fmt: skip
def test_each_kind_has_its_places(
    places: Callable[[str], list[str]], url: str, expected: list[str]
) -> None:
    assert places(url) == expected


@pytest.mark.parametrize(
    ("said", "name", "agent_type"),
    [
        ("Recipe Agent", "Recipe Agent", "recipe_agent"),
        ("  _x_ ", "x", "x"),
        ("Zoë's <b>", "Zo-s -b", "zo_s_b"),
        ("日本", "", "agent"),
        ("a" * 99, "a" * 63, "a" * 63),
    ],
)
def test_what_an_agent_calls_itself_becomes_a_name_and_a_type(
    said: str, name: str, agent_type: str
) -> None:
    assert name_of(said) == name
    assert type_of(name_of(said)) == agent_type
