"""What an A2A agent says comes to: the course of a task, whatever its events look like."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestra.agents import Task
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.a2a_cards import Card, CardUnusable, Interface, Skill, read_card
from orchestra.agents.providers.a2a_messages import Course, output_of, request_of, state_of
from orchestra.store.keys import DEFAULT_TENANT

FACE = Interface("http://agent", "JSONRPC")
CARD = Card("far", (FACE,))

words = some.sampled_from(
    [
        "task", "id", "status", "state", "message", "parts", "text", "data", "artifacts", "raw",
        "artifactId", "artifactUpdate", "statusUpdate", "artifact", "append", "taskId", "url",
        "supportedInterfaces", "protocolBinding", "skills", "capabilities", "inputModes", "name",
    ]
)  # fmt: skip
json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def course_of(*events: dict[str, Any], frames: list[Any] | None = None) -> Course:
    course = Course(None if frames is None else frames.append)
    for event in events:
        course.take(event)
    return course


def status(state: str, *texts: str, **more: Any) -> dict[str, Any]:
    said = {"message": {"parts": [{"text": text} for text in texts]}} if texts else {}
    return {"statusUpdate": {"taskId": "t", "status": {"state": state, **said}, **more}}


def artifact(*parts: dict[str, Any], name: str = "a", **more: Any) -> dict[str, Any]:
    update = {"taskId": "t", "artifact": {"artifactId": name, "parts": list(parts)}, **more}
    return {"artifactUpdate": update}


def a_call(given_input: object, capability: str | None = "echo", **more: Any) -> Call:
    task = Task(id="tsk_1", tenant=DEFAULT_TENANT, input_data=given_input, **more)
    return Call(task, capability, 1_000, 1)


def test_pieces_of_an_artifact_are_one_text_and_artifacts_are_paragraphs() -> None:
    frames: list[Any] = []

    course = course_of(
        artifact({"text": "one "}),
        artifact({"text": "two"}, append=True),
        artifact({"text": "three"}, name="b"),
        status("TASK_STATE_COMPLETED"),
        frames=frames,
    )

    assert isinstance(course.outcome, Answer)
    assert course.outcome.output == "one two\nthree"
    assert [one["text"] for one in frames] == ["one ", "two", "three"]


def test_an_artifact_that_is_sent_again_replaces_itself() -> None:
    course = course_of(
        artifact({"text": "draft"}), artifact({"text": "final"}), status("TASK_STATE_COMPLETED")
    )

    assert isinstance(course.outcome, Answer)
    assert course.outcome.output == "final"


def test_data_goes_before_text_and_text_before_files() -> None:
    data: Any = {"data": {"n": 1}}
    text: Any = {"text": "said"}
    file: Any = {"url": "http://f", "filename": "f"}

    assert output_of([[text, data], [file]]) == {"n": 1}
    assert output_of([[data, data]]) == [{"n": 1}, {"n": 1}]
    assert output_of([[file], [text]]) == "said"
    assert output_of([[file]]) == {"files": [file]}
    assert output_of([[{"data": None}]]) is None


def test_an_answer_in_endless_parts_is_too_large() -> None:
    frame = artifact(*[{"text": ""}] * 10_000, append=True)

    course = course_of(*[frame] * 7)

    assert isinstance(course.outcome, Failure)
    assert course.outcome.error.code == "agent.too_large"
    assert course.open


def test_without_artifacts_the_last_message_is_the_answer() -> None:
    course = course_of(status("TASK_STATE_WORKING", "hm"), status("TASK_STATE_COMPLETED", "done"))

    assert isinstance(course.outcome, Answer)
    assert course.outcome.output == "done"
    assert course.outcome.facts == {"finish_reason": "completed", "response_id": "t"}


@pytest.mark.parametrize(
    "event",
    [
        {"message": {"parts": [{"data": 7}]}},
        {"task": {"id": "t", "status": {"state": "completed"},
                  "artifacts": [{"parts": [{"data": 7}]}]}},
        {"id": "t", "status": {"state": "TASK_STATE_COMPLETED"},
         "artifacts": [{"artifactId": "x", "parts": [{"data": 7}]}]},
    ],
)  # fmt: skip
def test_a_message_a_task_and_a_bare_task_are_answers(event: dict[str, Any]) -> None:
    outcome = course_of(event).outcome

    assert isinstance(outcome, Answer)
    assert outcome.output == 7


@pytest.mark.parametrize(
    ("state", "code", "elsewhere"),
    [
        ("TASK_STATE_FAILED", "agent.error", True),
        ("TASK_STATE_REJECTED", "agent.bad_request", False),
        ("TASK_STATE_CANCELED", "agent.error", True),
        ("cancelled", "agent.error", True),
        ("input-required", "agent.input_required", False),
        ("TASK_STATE_AUTH_REQUIRED", "agent.input_required", False),
    ],
)
def test_each_end_has_its_code(state: str, code: str, *, elsewhere: bool) -> None:
    outcome = course_of(status(state, "because")).outcome

    assert isinstance(outcome, Failure)
    assert (outcome.error.code, outcome.elsewhere) == (code, elsewhere)
    assert outcome.error.message.endswith(": because")


def test_a_task_is_open_from_when_its_id_is_known_to_its_end() -> None:
    course = Course(None)
    opened = [course.open]
    for event in (status("TASK_STATE_WORKING"), status("TASK_STATE_COMPLETED", "x")):
        course.take(event)
        opened.append(course.open)

    assert opened == [False, True, False]


def test_a_state_of_another_spelling_is_the_same() -> None:
    assert [state_of(one) for one in ("working", "TASK_STATE_WORKING", "auth-required", 3)] == [
        "WORKING", "WORKING", "AUTH_REQUIRED", "",
    ]  # fmt: skip


@given(some.lists(some.dictionaries(words, json_values, max_size=4), max_size=4))
def test_no_event_breaks_it(events: list[dict[str, Any]]) -> None:
    course = course_of(*events, frames=[])

    assert course.outcome is None or isinstance(course.outcome, Answer | Failure)


@given(some.dictionaries(words, json_values, max_size=6))
def test_no_card_breaks_it(value: dict[str, Any]) -> None:
    with contextlib.suppress(CardUnusable):
        assert read_card(value).interfaces


def test_an_agent_that_reads_text_alone_gets_no_data() -> None:
    texts = Card("far", (FACE,), input_modes=("text/plain",), skills=(
        Skill("echo"), Skill("sum", input_modes=("application/json",)),
    ))  # fmt: skip
    given_input = {"text": "hi", "n": 1}

    def kinds(card: Card, value: object, skill: str = "echo") -> list[str]:
        message: Any = request_of(a_call(value, skill), card, FACE, "k")["message"]
        return [next(iter(part)) for part in message["parts"]]

    assert kinds(CARD, given_input) == ["data", "text"]
    assert kinds(texts, given_input) == ["text"]
    assert kinds(texts, given_input, "sum") == ["data", "text"]
    assert kinds(texts, {"n": 1}) == ["data"]
    assert kinds(texts, "hi") == ["text"]


def test_the_message_has_the_key_the_session_and_the_capability() -> None:
    request: Any = request_of(
        a_call({"n": 1}, session="ses_1"), CARD, Interface("http://a", "JSONRPC", "t1"), "orc-1"
    )

    assert request["message"]["messageId"] == "orc-1"
    assert request["message"]["contextId"] == "ses_1"
    assert request["message"]["role"] == "ROLE_USER"
    assert request["metadata"]["capability"] == "echo"
    assert request["tenant"] == "t1"
    bare: Any = request_of(a_call(1), CARD, FACE, "k")
    assert "contextId" not in bare["message"]


@pytest.mark.parametrize(
    ("interfaces", "chosen"),
    [
        ([("JSONRPC", "1.0"), ("HTTP+JSON", "1.0")], "JSONRPC"),
        ([("GRPC", "1.0"), ("http+json", "1.1")], "HTTP+JSON"),
        ([("JSONRPC", "0.3"), ("HTTP+JSON", "")], "HTTP+JSON"),
    ],
)
def test_the_first_interface_we_speak_is_taken(interfaces: list[Any], chosen: str) -> None:
    card = read_card(
        {
            "supportedInterfaces": [
                {"url": "http://a/", "protocolBinding": binding, "protocolVersion": version}
                for binding, version in interfaces
            ]
        }
    )

    interface = card.interface(None)
    assert interface is not None
    assert (interface.binding, interface.url) == (chosen, "http://a")


@pytest.mark.parametrize(
    "url", ["http://a:99999/", "http://[", "http://me:mine@a/", "ftp://a/", "http:///x", ""]
)
def test_an_interface_that_nobody_can_dial_is_none(url: str) -> None:
    with pytest.raises(CardUnusable):
        read_card({"supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC"}]})
