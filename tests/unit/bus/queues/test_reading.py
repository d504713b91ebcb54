"""Bodies about queues: read whole, or refused with all that is wrong."""

import msgspec
import pytest

from orchestra.bus.queues import reading
from orchestra.bus.queues.records import Options, QueueInvalid
from orchestra.errors import Problem


def found(refused: pytest.ExceptionInfo[QueueInvalid]) -> dict[str, str]:
    return {one.pointer: one.code for one in refused.value.findings if isinstance(one, Problem)}


def test_a_queue_has_defaults() -> None:
    assert reading.read_queue({"name": "orders", "tries_max": 2}) == (
        "orders",
        Options(tries_max=2),
    )


def test_everything_that_is_wrong_with_a_queue_is_found() -> None:
    with pytest.raises(QueueInvalid) as refused:
        reading.read_queue(
            {
                "name": "A queue",
                "tries_max": 0,
                "lease_ms": 999,
                "depth_max": True,
                "backoff_ms": [1, -1, "x"],
                "a/b~": 1,
            }
        )

    assert found(refused) == {
        "/name": "format",
        "/tries_max": "out_of_range",
        "/lease_ms": "out_of_range",
        "/depth_max": "type",
        "/backoff_ms/1": "out_of_range",
        "/backoff_ms/2": "out_of_range",
        "/a~1b~0": "unknown_field",
    }


@pytest.mark.parametrize("body", [None, [], "x", 1, {}, {"name": None}, {"name": ""}])
def test_what_is_no_queue_is_refused(body: object) -> None:
    with pytest.raises(QueueInvalid) as refused:
        reading.read_queue(body)

    assert len(refused.value.findings) == 1


def test_a_message_is_one_or_many() -> None:
    [one] = reading.read_messages({"body": None, "priority": 0, "group": "g"})
    many = reading.read_messages({"messages": [{"body": n} for n in range(100)]})

    assert (bytes(one.body), one.priority, one.group) == (b"null", 0, "g")
    assert [msgspec.json.decode(one.body) for one in many] == list(range(100))


def test_every_message_of_a_batch_is_judged() -> None:
    with pytest.raises(QueueInvalid) as refused:
        reading.read_messages(
            {"messages": [{}, {"body": 1, "priority": 4}, 7, {"body": "x" * 262_144, "delay": 1}]}
        )

    assert found(refused) == {
        "/messages/0/body": "missing_field",
        "/messages/1/priority": "out_of_range",
        "/messages/2": "type",
        "/messages/3/body": "too_long",
        "/messages/3/delay": "unknown_field",
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": 1}, "/messages"),
        ({"messages": [{"body": 1}] * 101}, "/messages"),
        ({"messages": [{"body": 1}], "body": 2}, "/body"),
        ([{"body": 1}], ""),
    ],
)
def test_what_are_no_messages_is_refused(body: object, pointer: str) -> None:
    with pytest.raises(QueueInvalid) as refused:
        reading.read_messages(body)

    assert list(found(refused)) == [pointer]


def test_a_wish_has_limits() -> None:
    assert reading.read_wish({}) == reading.Wish()
    with pytest.raises(QueueInvalid) as refused:
        reading.read_wish({"max": 101, "wait_ms": 20_001, "lease_ms": 43_200_001})

    assert set(found(refused)) == {"/max", "/wait_ms", "/lease_ms"}


def test_receipts_are_texts() -> None:
    with pytest.raises(QueueInvalid) as refused:
        reading.read_settling({"receipts": ["a", 1], "delay_ms": -1, "error": 2}, "error")

    assert found(refused) == {"/receipts/1": "type", "/delay_ms": "unknown_field", "/error": "type"}
    with pytest.raises(QueueInvalid):
        reading.read_settling({})


@pytest.mark.parametrize(
    "body", [{}, {"all": False}, {"ids": ["a"], "all": True}, {"ids": ["a"], "per_s": 1}]
)
def test_a_redrive_is_of_some_or_of_all(body: object) -> None:
    with pytest.raises(QueueInvalid):
        reading.read_revival(body)

    assert reading.read_revival({"all": True}) == reading.Revival(None, 100)
    assert reading.read_revival({"ids": ["a"]}).ids == ["a"]
