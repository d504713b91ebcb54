"""Agent cards as registrations: a skill is a capability."""

from collections.abc import Iterator

from orchestra.agents import Capability
from orchestra.agents.discovery.told import DESCRIPTION_MAX_CHARS, Offered, Told, kept, types_of
from orchestra.agents.providers.a2a_cards import Card


def told_by(card: Card, fresh_s: float) -> Told:
    """What a card tells."""
    capabilities, warnings = kept(_offers(card))
    return Told(capabilities, warnings, card.name, card.version, card.description, fresh_s)


def _offers(card: Card) -> Iterator[Offered]:
    for skill in card.skills:
        yield Offered(
            Capability(
                name=skill.id,
                input_types=types_of(skill.input_modes or card.input_modes),
                output_types=types_of(skill.output_modes or card.output_modes),
                description=(skill.description or skill.name)[:DESCRIPTION_MAX_CHARS],
            )
        )
