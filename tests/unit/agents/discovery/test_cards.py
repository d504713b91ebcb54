"""Agent cards as registrations."""

from orchestra.agents.discovery.cards import told_by
from orchestra.agents.discovery.told import DESCRIPTION_MAX_CHARS
from orchestra.agents.providers.a2a_cards import Card, Interface, Skill

FACE = (Interface("http://a", "JSONRPC", ""),)


def test_a_skill_is_a_capability_with_the_modes_of_its_card_where_it_has_none() -> None:
    card = Card(
        "Far", FACE, description="does", version="2.1.0",
        input_modes=("text/plain",), output_modes=("application/json",),
        skills=(Skill("a", "A"), Skill("b", input_modes=("image/png",), output_modes=("*/*",))),
    )  # fmt: skip
    told = told_by(card, 42.0)

    assert (told.name, told.version, told.description, told.fresh_s) == (
        "Far", "2.1.0", "does", 42.0,
    )  # fmt: skip
    assert [(one.name, one.input_types, one.output_types) for one in told.capabilities] == [
        ("a", ("text",), ("json",)),
        ("b", ("image",), ("any",)),
    ]
    assert told.capabilities[0].description == "A"


def test_what_a_stranger_wrote_is_cut_and_told_of() -> None:
    long = "x" * (DESCRIPTION_MAX_CHARS + 1)
    skills = (Skill("ok", description=long), Skill("a b\n"), Skill("ok"), Skill("<script>"))
    told = told_by(Card("Far", FACE, skills=skills), 1.0)

    assert [one.name for one in told.capabilities] == ["ok"]
    assert len(told.capabilities[0].description) == DESCRIPTION_MAX_CHARS
    assert [one.code for one in told.warnings] == ["capability_unusable"] * 3


def test_a_card_without_skills_tells_none() -> None:
    told = told_by(Card("Far", FACE), 1.0)

    assert (told.capabilities, told.warnings) == ((), ())
