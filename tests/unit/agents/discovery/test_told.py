"""What agents tell, as capabilities; and where discovery looks."""

from collections.abc import Callable

import pytest

from orchestra.agents import Capability
from orchestra.agents.discovery.discover import card_urls, mcp_urls, model_urls, name_of, type_of
from orchestra.agents.discovery.told import Offered, kept, types_of


def offers(*names: str) -> list[Offered]:
    return [Offered(Capability(name)) for name in names]


def test_names_that_no_capability_may_have_are_left_out_and_told_of() -> None:
    found, warnings = kept(offers("add", "a\nb", "add", "", "x" * 65, "get-it_2"))

    assert [one.name for one in found] == ["add", "get-it_2"]
    assert [one.code for one in warnings] == ["capability_unusable"] * 4


def test_there_are_as_many_as_an_agent_may_have() -> None:
    found, warnings = kept(offers(*(f"tool-{i}" for i in range(100))))

    assert len(found) == 64
    assert [one.code for one in warnings] == ["capabilities_cut"]


def test_schemas_are_taken_until_they_are_too_large_together() -> None:
    large: dict[str, object] = {"description": "x" * 100_000}
    found, warnings = kept(Offered(Capability(f"t{i}", input_schema=large)) for i in range(4))

    assert [one.input_schema is not None for one in found] == [True, True, False, False]
    assert [one.code for one in warnings] == ["schema_unusable"] * 2


@pytest.mark.parametrize(
    ("modes", "types"),
    [
        ((), ("any",)),
        (("text/plain", "text/markdown"), ("text",)),
        (("application/json", "image/png; q=1"), ("json", "image")),
        (("application/vnd.api+json", "*/*", ""), ("json", "any")),
        (("application/pdf",), ("application/pdf",)),
    ],
)
def test_media_types_are_types_of_capabilities(
    modes: tuple[str, ...], types: tuple[str, ...]
) -> None:
    assert types_of(modes) == types


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
