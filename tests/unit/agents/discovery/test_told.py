"""What agents tell, as capabilities."""

import pytest

from orchestra.agents import Capability
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
