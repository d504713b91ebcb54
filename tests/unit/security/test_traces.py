"""Whose trace a request belongs to."""

import pytest

from orchestra.security.traces import arrived

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("parents", "states", "kept"),
    [
        ([PARENT], [], PARENT.decode()),
        ([PARENT], [b"a=1", b"b=2"], f"{PARENT.decode()} a=1,b=2"),
        ([PARENT], [b"x" * 513], PARENT.decode()),
        ([PARENT], [b"a=\x01"], PARENT.decode()),
        ([], [b"a=1"], ""),
        ([PARENT, PARENT], [], ""),
        ([PARENT.upper()], [], ""),
        ([b"ff" + PARENT[2:]], [], ""),
        ([b"00-" + b"0" * 32 + PARENT[35:]], [], ""),
        ([PARENT[:36] + b"0" * 16 + b"-01"], [], ""),
        ([PARENT + b"\r\nx: y"], [], ""),
    ],
)
def test_only_what_can_be_followed_is_kept(
    parents: list[bytes], states: list[bytes], kept: str
) -> None:
    assert arrived({b"traceparent": parents, b"tracestate": states}) == kept
