"""The chart of what happened when."""

import re

from orchestra.dashboard.gantt import Bar, Row, Scale, gantt, still

EVIL = "<script>\"'"
DAY = 86_400_000


def test_labels_are_escaped() -> None:
    row = Row(EVIL, EVIL, (Bar(0, 1, EVIL, EVIL, told=EVIL),), EVIL)

    drawn = gantt([row], 2, EVIL)

    assert "<script>" not in drawn
    assert "style=" not in drawn


def test_a_day_of_waiting_does_not_flatten_the_rest() -> None:
    rows = [
        Row("a", "completed", (Bar(0, 1_000, "completed"),)),
        Row("b", "completed", (Bar(DAY, DAY + 1_000, "completed"),)),
    ]

    drawn = gantt(rows, DAY + 1_000)

    widths = [float(w) for w in re.findall(r'class="bar running"[^>]*width="([\d.]+)"', drawn)]
    assert all(width > 100 for width in widths)
    assert "of nothing" in drawn


def test_time_never_runs_backwards_over_a_gap() -> None:
    bars = (Bar(0, 10, "failed"), Bar(900, 1_000, "completed"))
    scale = Scale([Row("a", "completed", bars)], 1_000)

    places = [scale.x(ms) for ms in range(0, 1_001, 10)]

    assert scale.gap == (10, 900)
    assert places == sorted(places)


def test_queued_waiting_and_running_differ_without_colour() -> None:
    bars = tuple(Bar(i, i + 1, "running", kind) for i, kind in enumerate(("queued", "waiting")))
    drawn = gantt([Row("a", "running", (*bars, Bar(2, 3, "running", growing=True)))], 3)

    assert 'class="bar queued"' in drawn
    assert 'height="4"' in drawn
    assert 'fill="url(#hatch)"' in drawn
    assert drawn.count("data-grows") == 1


def test_a_drawing_that_stands_alone_leads_nowhere_and_keeps_its_icons() -> None:
    drawn = still(gantt([Row("a", "running", (Bar(0, 1, "running"),), "?step=a")], 1))

    assert "?step=a" not in drawn
    assert 'href="#i-arc"' in drawn
