"""W3C Trace Context, read strictly: what nobody could follow is ignored, whatever it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.trace_context import (
    STATE_MAX_CHARS,
    Trace,
    arrived,
    derived,
    derived_trace,
    headers,
    of_attempt,
    of_execution,
    parse,
    parse_state,
    read,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,9}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("parents", "states", "kept"),
    [
        ([PARENT], [], PARENT),
        ([PARENT], [b"a=1", b"b=2"], f"{PARENT} a=1,b=2"),
        ([PARENT], [b" a=1 ,\t,, b=2 "], f"{PARENT} a=1,b=2"),
        ([PARENT], [b"x" * 513], PARENT),
        ([PARENT], [b"a=\x01"], PARENT),
        ([PARENT], [b"a=1,a=2"], PARENT),
        ([PARENT], [b"A=1"], PARENT),
        ([PARENT], [b"a=\xe9"], PARENT),
        ([PARENT], [b",".join(b"k%d=1" % n for n in range(33))], PARENT),
        ([PARENT], [b"0t@v=1"], f"{PARENT} 0t@v=1"),
        ([f" {PARENT}\t"], [], PARENT),
        ([PARENT[:-2] + "ff"], [], PARENT[:-2] + "03"),
        (["cc" + PARENT[2:]], [], PARENT),
        (["cc" + PARENT[2:] + "-what-comes-then"], [], PARENT),
        ([], [b"a=1"], None),
        ([PARENT, PARENT], [], None),
        ([PARENT.upper()], [], None),
        (["ff" + PARENT[2:]], [], None),
        ([PARENT + "-00"], [], None),
        (["cc" + PARENT[2:] + "x"], [], None),
        (["cc" + PARENT[2:] + "-" + "x" * 512], [], None),
        ([PARENT[:-1]], [], None),
        (["00-" + "0" * 32 + PARENT[35:]], [], None),
        ([PARENT[:36] + "0" * 16 + "-01"], [], None),
        ([PARENT + "\r\nx: y"], [], None),
        ([PARENT + "\n"], [], None),
        (["\uff10" + PARENT[1:]], [], None),
        ([""], [], None),
    ],
)
def test_only_what_can_be_followed_is_kept(
    parents: list[str], states: list[bytes], kept: str | None
) -> None:
    sent = [one.encode("utf-8") for one in parents]

    found = arrived({b"traceparent": sent, b"tracestate": states})

    assert (found.text if found else None) == kept


@given(st.binary(max_size=600), st.lists(st.binary(max_size=900), max_size=4))
def test_whatever_is_sent_is_read_or_ignored(parent: bytes, states: list[bytes]) -> None:
    for sent in (parent, PARENT.encode() + parent, PARENT.encode()):
        found = arrived({b"traceparent": [sent], b"tracestate": states})
        if found is not None:
            assert parse(found.parent, found.state) == found
            assert len(found.state) <= STATE_MAX_CHARS
            assert found.text.isprintable()
            assert found.text.isascii()


@given(
    st.integers(1, (1 << 128) - 1),
    st.integers(1, (1 << 64) - 1),
    st.integers(0, 3),
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_\-*/]{0,20}", fullmatch=True),
        st.from_regex(VALUE, fullmatch=True),
        max_size=12,
    ),
)  # fmt: skip
def test_what_we_send_is_read_as_it_was(
    trace_id: int, span_id: int, flags: int, members: dict[str, str]
) -> None:
    state = ",".join(f"{key}={value.strip(' ')}" for key, value in members.items())
    trace = Trace(f"{trace_id:032x}", f"{span_id:016x}", flags, parse_state(state))

    sent = headers(trace)

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", sent["traceparent"])
    assert parse(sent["traceparent"], sent.get("tracestate", "")) == trace
    assert read(trace.text) == trace


def test_of_a_state_that_is_too_long_the_long_members_go_first() -> None:
    long, short = f"long={'x' * 200}", [f"k{n}={'y' * 60}" for n in range(9)]

    kept = parse_state(",".join([long, *short]))

    assert kept == ",".join(short[:8])


def test_ids_of_ours_are_the_same_wherever_they_are_made() -> None:
    assert of_attempt("exe_1", "a", 2) == of_attempt("exe_1", "a", "2")
    assert of_execution("exe_1") == of_execution("exe_1", 0)
    made = [of_execution("exe_1"), of_execution("exe_1", 1), of_attempt("exe_1", "a", 1)]
    made += [of_attempt("exe_1", "a", 2), derived("step", "exe_1", "a")]
    assert len(set(made)) == 5
    assert parse(Trace(derived_trace("default", "exe_1"), made[0]).parent)
