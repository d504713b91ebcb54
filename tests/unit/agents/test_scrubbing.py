"""What agents say, without the secrets they were sent."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Failure, Frame
from orchestra.agents.scrubbing import CoveredFrames, Veil, forms_of
from orchestra.errors import Problem

SECRET = "sesame-sesame-open"


def shown(parts: Sequence[str], *values: str) -> str:
    frames: list[Frame] = []
    covered = CoveredFrames(Veil(set(values)), frames.append)
    for part in parts:
        covered({"event": "delta", "text": part})
    covered.flush()
    return "".join(str(frame["text"]) for frame in frames)


@given(st.text("sesame-opn x", max_size=40), st.text("sesame-opn x", max_size=40), st.data())
def test_a_value_cut_anywhere_is_never_shown(before: str, after: str, data: st.DataObject) -> None:
    text = before + SECRET + after
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert shown(parts, SECRET) == text.replace(SECRET, "***")


def test_text_that_only_begins_like_a_value_is_shown_whole() -> None:
    assert shown(["open ses", "ame str", "eet"], SECRET) == "open sesame street"
    assert shown(["sesame-"], SECRET) == "sesame-"


def test_another_frame_comes_after_the_text_before_it() -> None:
    frames: list[Frame] = []
    covered = CoveredFrames(Veil({SECRET}), frames.append)

    covered({"event": "delta", "text": "say ses"})
    covered({"event": "progress", "progress": {"key": SECRET}})

    assert [frame["event"] for frame in frames] == ["delta", "delta", "progress"]
    assert frames[-1] == {"event": "progress", "progress": {"key": "***"}}


@pytest.mark.parametrize("wrap", [str, lambda one: [one], lambda one: {one: {"x": (one, 1)}}])
def test_outputs_are_covered_at_every_depth(wrap: object) -> None:
    assert callable(wrap)
    said = Veil({SECRET}).over(Answer(wrap(f"<{SECRET}>"), facts={"model": SECRET}))

    assert isinstance(said, Answer)
    assert SECRET not in repr(said)
    assert "***" in repr(said.output)


def test_failures_are_covered_with_their_findings() -> None:
    error = TaskError("x.y", f"bad {SECRET}", findings=(Problem("/a", "b", SECRET),))

    said = Veil({SECRET}).over(Failure(error, gate_ms=7))

    assert isinstance(said, Failure)
    assert said.error.message == "bad ***"
    assert said.gate_ms == 7
    assert SECRET not in repr(said)


def test_of_two_values_the_longer_is_covered_first() -> None:
    assert Veil({SECRET, SECRET[:8]}).text(f"{SECRET} {SECRET[:8]}") == "*** ***"


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=16, max_size=60),
    st.binary(max_size=7),
    st.binary(max_size=7),
)
def test_a_secret_is_covered_in_the_encodings_of_echoes(
    value: str, before: bytes, after: bytes
) -> None:
    veil = Veil(forms_of(value))

    for text in (value, json.dumps(value), quote(value, safe=""), quote_plus(value)):
        shown = veil.text(text)
        assert "***" in shown
        assert value not in shown
    for encode in (b64encode, urlsafe_b64encode):
        # A few characters at each end hold a bit of what stands beside it.
        encoded = encode(before + value.encode() + after).decode()
        shown = veil.text(encoded)
        assert "***" in shown
        assert len(shown) <= len(encoded) - len(value.encode()) * 4 // 3 + 12
