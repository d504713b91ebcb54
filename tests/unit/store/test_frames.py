"""Frames: what is stored verifies, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestra.store import frames


@given(some.binary(max_size=9_000), some.sampled_from([frames.JSON, frames.MSGPACK]))
def test_what_was_packed_comes_back(body: bytes, kind: int) -> None:
    assert frames.unpack(frames.pack(body, kind)) == body
    assert frames.unpack(frames.pack_small(body, kind)) == body
    assert frames.kind_of(frames.pack_small(body, kind)) == kind


def test_a_large_body_is_kept_smaller() -> None:
    assert len(frames.pack_small(b"[1, 2, 3]" * 1_000)) < 1_000


@given(some.binary(min_size=1, max_size=300), some.data())
def test_one_flipped_bit_is_noticed(body: bytes, data: some.DataObject) -> None:
    frame = bytearray(frames.pack(body))
    bit = data.draw(some.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    # Byte 0 says how to read the body: JSON and msgpack differ by one bit it cannot protect.
    if bytes(frame[1:]) == frames.pack(body)[1:] and frame[0] in (1, 2):
        return

    with pytest.raises(frames.CorruptRecord):
        frames.unpack(bytes(frame))


@pytest.mark.parametrize("frame", [b"", b"\x01", b"\x01\0\0\0", b"\x03\0\0\0\0", b"\x11\0\0\0\0"])
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(frames.CorruptRecord):
        frames.unpack(frame)
