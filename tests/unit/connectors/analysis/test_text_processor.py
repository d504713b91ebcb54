import time

import pytest

from orchestra.agents import Reject, Task
from orchestra.connectors.analysis.text_processor import (
    ANALYSES,
    sentiment_analysis,
    text_analysis,
)
from orchestra.errors import Problem
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

TEXT = "Hi, my name is Ana Souza. Where is order 4471? I paid 20 EUR last Monday. Please help!"


def found(refusal: Reject) -> list[Problem]:
    return [finding for finding in refusal.findings if isinstance(finding, Problem)]


def a_task(input_data: object) -> Task:
    return Task(id="t", tenant=Tenant("default"), input_data=input_data)


async def analysed(**input_data: object) -> dict[str, object]:
    answer = await text_analysis(a_task({"text": TEXT, **input_data}))
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("intent", {"intent", "alternatives"}),
        ("keywords", {"keywords"}),
        ("entities", {"entities"}),
        ("summary", {"summary", "sentences"}),
        ("language", {"alternatives"}),
        ("readability", {"readability"}),
        ("all", {"intent", "keywords", "entities", "summary", "sentences", "readability"}),
    ],
)
async def test_each_analysis_has_its_fields_and_says_how_it_was_done(
    kind: str, fields: set[str]
) -> None:
    answer = await analysed(analysis_type=kind)

    assert fields | {"method", "confidence", "language"} <= set(answer)
    assert answer["language"] == "en"
    assert isinstance(answer["confidence"], float)


async def test_the_intent_comes_with_alternatives() -> None:
    answer = await analysed(analysis_type="intent", text="Refund my order, where is my parcel?")

    assert answer["intent"] in ("refund", "order_status")
    assert isinstance(answer["alternatives"], list)
    assert {"intent", "confidence"} == set(answer["alternatives"][0])


async def test_without_a_type_everything_is_analysed() -> None:
    assert await analysed() == await analysed(analysis_type="all")


async def test_other_fields_of_a_step_do_no_harm() -> None:
    answer = await analysed(analysis_type="intent", hint="angry", task_type="text_analysis")

    assert answer["intent"] == "order_status"


async def test_own_labels_take_the_place_of_the_rules() -> None:
    answer = await analysed(analysis_type="intent", labels={"greeting": ["hi"], "bye": ["ciao"]})

    assert (answer["intent"], answer["method"]) == ("greeting", "labels")


async def test_answers_are_lists_and_objects_only() -> None:
    answer = await analysed(analysis_type="entities", text="mail a@b.co")

    assert answer["entities"] == [{"text": "a@b.co", "type": "email", "start": 5, "end": 11}]


@pytest.mark.parametrize(
    ("input_data", "pointers"),
    [
        ({}, ["/text"]),
        ({"analysis_type": "intent"}, ["/text"]),
        ({"text": None}, ["/text"]),
        ({"text": 5, "analysis_type": "intnt"}, ["/analysis_type", "/text"]),
        ({"text": "a" * 1_048_577}, ["/text"]),
        ({"text": "é" * 600_000}, ["/text"]),
        ({"text": "a", "limit": 0}, ["/limit"]),
        ({"text": "a", "limit": True}, ["/limit"]),
        ({"text": "a", "labels": []}, ["/labels"]),
        ({"text": "a", "labels": {"x/y": [""], "z": "no list"}}, ["/labels/x~1y", "/labels/z"]),
        (["text"], ["", "/text"]),
        ("text", ["", "/text"]),
    ],
)
async def test_bad_input_is_refused_with_every_finding(
    input_data: object, pointers: list[str]
) -> None:
    with pytest.raises(Reject) as refused:
        await text_analysis(a_task(input_data))

    assert [finding.pointer for finding in found(refused.value)] == pointers


async def test_a_missing_text_points_to_it_in_sentiment_too() -> None:
    with pytest.raises(Reject) as refused:
        await sentiment_analysis(a_task({"task_type": "sentiment_analysis"}))

    assert [(finding.pointer, finding.code) for finding in found(refused.value)] == [
        ("/text", "required")
    ]


async def test_a_close_name_is_suggested() -> None:
    with pytest.raises(Reject) as refused:
        await text_analysis(a_task({"text": "a", "analysis_type": "sumary"}))

    assert found(refused.value)[0].suggestion == "did you mean 'summary'?"


@pytest.mark.parametrize("kind", list(ANALYSES))
@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800 lone", "漢字🙂", "a" * 20_000])
async def test_odd_texts_are_answered(kind: str, text: str) -> None:
    assert await analysed(analysis_type=kind, text=text)


async def test_a_text_of_the_largest_size_is_answered() -> None:
    text = "The lamp is broken, but I love it. " * 29_000

    answer = await sentiment_analysis(a_task({"text": text}))
    everything = await analysed(text=text)

    assert isinstance(answer, dict)
    assert answer["sentiment"] == "positive"
    assert everything["intent"] == "complaint"


async def test_a_ticket_takes_about_a_millisecond() -> None:
    await analysed()
    started = time.process_time()

    for _ in range(20):
        await analysed()

    assert (time.process_time() - started) / 20 < 0.005
