"""Figures and states in words."""

import pytest

from orchestra.dashboard import wording


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (None, "–"), (0, "0 ms"), (0.42, "0.4 ms"), (812, "812 ms"), (1_800, "1.8 s"),
        (125_000, "2 m 05 s"), (11_520_000, "3 h 12 m"), (352_800_000, "4 d 2 h"),
    ],
)  # fmt: skip
def test_durations_are_short(ms: float | None, told: str) -> None:
    assert wording.duration(ms) == told


def test_counts_sizes_and_shares_are_short() -> None:
    assert [wording.count(n) for n in (None, 0, 3.27, 1_234, 12_345, 4_500_000)] == [
        "–", "0", "3.27", "1,234", "12.3 k", "4.5 M",
    ]  # fmt: skip
    assert [wording.size(n) for n in (None, 812, 3_565_158)] == ["–", "812 B", "3.4 MiB"]
    assert [wording.percent(n) for n in (None, 1.0, 0.985)] == ["–", "100 %", "98.5 %"]


def test_marks_that_turn_text_round_can_be_seen() -> None:
    assert wording.visible("abc\u202edef\x00") == "abc⟨U+202E⟩def⟨U+0000⟩"
    assert wording.brief("x" * 500, 10) == "x" * 9 + "…"


def test_large_values_are_cut() -> None:
    shown = wording.pretty({"text": "y" * 100_000})

    assert len(shown) < wording.CUT_BYTES + 100
    assert shown.endswith("in all")


def test_every_state_of_executions_steps_and_agents_has_a_colour_and_an_icon() -> None:
    for state in (
        "pending running paused rolling_back completed failed cancelled rolled_back waiting ready "
        "retrying skipped compensated healthy degraded unhealthy stale offline misconfigured "
        "draining disabled firing resolved"
    ).split():
        assert state in wording.STATES, state
    pairs = {(tone, icon) for tone, icon in wording.STATES.values()}
    icons = [icon for _, icon in pairs]
    assert len(icons) == len(set(icons)), "in greyscale the icon tells states apart"
