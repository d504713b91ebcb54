"""Positions in many streams, as one text."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.bus import PositionInvalid
from orchestra.bus.positions import decoded, encoded, name_of

POSITIONS = st.dictionaries(
    st.text("abcdef{}:/", min_size=1, max_size=20),
    st.tuples(st.integers(0, 1 << 45), st.integers(0, 1 << 32)),
    max_size=40,
)


@given(POSITIONS)
def test_what_was_encoded_is_decoded(positions: dict[str, tuple[int, int]]) -> None:
    texts = {key: f"{ms}-{seq}" for key, (ms, seq) in positions.items()}
    names = {name_of(key) for key in texts}

    found = decoded(encoded(texts))

    if len(names) == len(texts):
        assert found == {name_of(key): at for key, at in texts.items() if at != "0-0"}


def test_it_is_short_for_sixteen_partitions() -> None:
    positions = {
        f"o:{{{i}}}:{name}": f"{1_795_000_000_000 + i * 977}-{i}"
        for i in range(16)
        for name in ("ev", "pub")
    }

    assert len(encoded(positions)) <= 400


@pytest.mark.parametrize("text", ["", "!", "AA", "Ag", "x" * 5, "AQ", "AQGAgICAgICAgICAgICA", "é"])
def test_what_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(PositionInvalid):
        decoded(text)


@pytest.mark.parametrize("newest", [0, 7])
def test_a_position_that_nothing_is_before_is_refused(newest: int) -> None:
    raw = bytes([1, newest, *b"name", newest, 0])
    with pytest.raises(PositionInvalid):
        decoded(base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.binary(max_size=64))
def test_no_bytes_break_it(raw: bytes) -> None:
    text = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    with contextlib.suppress(PositionInvalid):
        assert all(len(name) <= 4 for name in decoded(text))


@pytest.mark.parametrize("at", [f"{1 << 64}-0", f"1-{1 << 64}"])
def test_a_position_that_no_store_knows_is_refused(at: str) -> None:
    with pytest.raises(PositionInvalid):
        decoded(encoded({"o:{0}:ev": at}))
