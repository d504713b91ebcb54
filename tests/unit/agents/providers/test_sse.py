"""Server-sent events: every way the bytes can be cut, and all that the format allows."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestra.agents.providers.sse import Event, Events, Lines, Malformed, sse
from orchestra.security.outbound import AnswerTooLarge

pytestmark = pytest.mark.anyio

STREAM = (
    "\ufeff: hello\r\n"
    "event: delta\r\ndata: {\"text\": \"Grüße\"}\r\nid: 1\r\n\r\n"
    "data:no space\ndata:  two\n\n"
    "retry: 10\nunknown: field\ndata\n\n"
    "event: no data is no event\n\n"
    "data: [DONE]\r\r"
    "data: cut"
).encode()  # fmt: skip
EVENTS = [
    Event("delta", '{"text": "Grüße"}', "1"),
    Event("message", "no space\n two", "1"),
    Event("message", "", "1"),
    Event("message", "[DONE]", "1"),
]


def events_of(*chunks: bytes) -> list[Event]:
    events = Events()
    return [event for chunk in chunks for event in events.feed(chunk)]


def test_all_that_the_format_allows_is_read() -> None:
    assert events_of(STREAM) == EVENTS


def test_a_cut_at_any_byte_changes_nothing() -> None:
    for at in range(len(STREAM) + 1):
        assert events_of(STREAM[:at], STREAM[at:]) == EVENTS
    assert events_of(*(bytes([byte]) for byte in STREAM)) == EVENTS


@given(some.lists(some.sampled_from([b"data: a", b"\r", b"\n", b"\r\n", b":", b"id: x", b""])))
def test_pieces_and_the_whole_read_alike(pieces: list[bytes]) -> None:
    assert events_of(*pieces) == events_of(b"".join(pieces))


@given(some.lists(some.binary(max_size=8)))
def test_lines_in_pieces_are_the_lines_of_the_whole(pieces: list[bytes]) -> None:
    lines = Lines()
    whole = b"".join(pieces).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")

    read = [line for piece in pieces for line in lines.feed(piece)]

    assert [*read, lines.rest()] == whole


def test_an_id_with_a_nul_is_not_taken() -> None:
    assert events_of(b"id: 7\ndata: a\n\nid: x\0y\ndata: b\n\n")[1].id == "7"


def test_bytes_that_are_not_utf8_are_malformed() -> None:
    with pytest.raises(Malformed):
        events_of(b"data: \xff\xfe\n\n")


@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 60, b": " + b"x" * 60 + b"\n", b"data: xxxxxxxxxxxxxxxxxxxxxx\n" * 3],
    ids=["a line without an end", "a whole line", "an event of many lines"],
)
def test_nothing_grows_without_end(stream: bytes) -> None:
    events = Events(line_max_bytes=50)

    with pytest.raises(AnswerTooLarge):
        _ = [events.feed(bytes([byte])) for byte in stream]


async def test_events_come_out_as_the_bytes_come_in() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: one\n\ndata: tw"
        seen.append("between")
        yield b"o\n\n"

    seen: list[str] = []
    async for event in sse(chunks()):
        seen.append(event.data)  # noqa: PERF401 -- the order of both is the point

    assert seen == ["one", "between", "two"]
