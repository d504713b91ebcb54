from itertools import pairwise

import pytest

from orchestra.connectors.analysis.entities import ENTITIES_MAX, confidence, entities

TICKET = (
    "Customer reported that the wireless keyboard ordered on 3 March 2026 arrived with a broken "
    "space bar. She contacted support twice by email and received no reply. The customer requests "
    "a full refund of 89.90 EUR to her Visa card and asks for free return shipping. Maria Lopez "
    "from the Berlin warehouse confirmed that the replacement stock will arrive on Monday. The "
    "order number is ORD-48213 and her phone is +49 30 123456, her mail m.lopez@example.com, see "
    "https://example.com/t/1. If the refund is not issued within five days she will go to court."
)


def test_every_kind_is_found_where_it_stands() -> None:
    found = entities(TICKET)

    assert {(entity.type, entity.text) for entity in found} == {
        ("date", "3 March 2026"),
        ("money", "89.90 EUR"),
        ("name", "Maria Lopez"),
        ("name", "Berlin"),
        ("weekday", "Monday"),
        ("order_id", "ORD-48213"),
        ("phone", "+49 30 123456"),
        ("email", "m.lopez@example.com"),
        ("url", "https://example.com/t/1"),
        ("duration", "five days"),
    }


@pytest.mark.parametrize("text", [TICKET, TICKET.replace(" ", "  😀 "), (TICKET + "\n") * 40])
def test_offsets_give_the_text_back_in_order_without_overlap(text: str) -> None:
    found = entities(text)

    assert all(text[entity.start : entity.end] == entity.text for entity in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("it cost $1,200.50 in all", "money", "$1,200.50"),
        ("it cost 54,95 € in all", "money", "54,95 €"),
        ("20 dollars", "money", "20 dollars"),
        ("for order 4471 please", "order_id", "4471"),
        ("ticket #77120", "order_id", "#77120"),
        ("Tracking number 8812-4431 is stuck", "order_id", "8812-4431"),
        ("on 2026-04-18 or so", "date", "2026-04-18"),
        ("on 21st of March, 2026", "date", "21st of March, 2026"),
        ("on April 3 I paid", "date", "April 3"),
        ("on 12/05/2026", "date", "12/05/2026"),
        ("call (555) 123-4567 now", "phone", "(555) 123-4567"),
        ("ten working days", "duration", "ten working days"),
        ("Hi, my name is Ana Souza.", "name", "Ana Souza"),
        ("Kind regards,\nMargaret O'Sullivan", "name", "Margaret O'Sullivan"),
        ("ask Jean-Luc van Damme about it", "name", "Jean-Luc van Damme"),
        ("a letter to Mr. Brennan above all", "name", "Brennan"),
    ],
)
def test_forms_people_write(text: str, kind: str, expected: str) -> None:
    assert [entity.text for entity in entities(text) if entity.type == kind] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Please help. The lamp is broken. Where is it?",
        "may I march in",
        "I have 3 cats",
        "version 4.2",
    ],
)
def test_a_capital_at_a_sentences_start_is_no_name(text: str) -> None:
    assert entities(text) == ()


def test_german_nouns_are_no_names_but_introduced_people_are() -> None:
    text = "Die Bestellung ist seit drei Wochen weg. Mr. Braun weiss davon."

    assert [entity.text for entity in entities(text, "de")] == ["Braun"]


def test_the_number_told_is_bounded() -> None:
    assert len(entities("a@b.co " * 5_000)) == ENTITIES_MAX


def test_an_address_is_surer_than_a_name() -> None:
    assert confidence(entities("write to a@b.co")) > confidence(entities("ask Maria Lopez"))
    assert confidence(()) == 0


@pytest.mark.parametrize(
    "text",
    ["a@" * 50_000, "+1 " * 40_000, "Aa " * 30_000, "1," * 50_000, "http://" + "a" * 90_000, "\n"],
)
def test_hostile_texts_are_read(text: str) -> None:
    assert len(entities(text)) <= ENTITIES_MAX
