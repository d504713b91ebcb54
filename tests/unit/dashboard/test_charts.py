"""Small pictures made here."""

import re
from typing import Any

from orchestra.dashboard.charts import Bar, Columns, Row, bars, columns, gantt, spark
from orchestra.dashboard.timeline import timeline

EVIL = "<script>\"'"


def test_a_spark_line_leaves_out_what_is_not_known() -> None:
    drawn = spark([None, 1, None, 4], "tasks")

    assert len(re.search(r'polyline points="([^"]*)"', drawn)[1].split()) == 2  # type: ignore[index]  # it is there
    assert 'points=""' in spark([None, None], "tasks")


def test_a_gap_is_not_zero_in_columns() -> None:
    assert columns(Columns([None, 0, 5], "a", "b", "c")).count("<rect") == 1


def test_labels_are_escaped() -> None:
    row = Row(EVIL, EVIL, 0, "running", (Bar(0, 1, EVIL),))
    drawn = (
        spark([1], EVIL),
        bars([(EVIL, 1)], EVIL),
        columns(Columns([1], EVIL, EVIL, EVIL, EVIL)),
        gantt([row], 2),
    )

    assert not [one for one in drawn if "<script>" in one or "style=" in one]


def test_a_day_of_waiting_does_not_flatten_the_rest() -> None:
    day = 86_400_000
    rows = [
        Row("a", "a", 0, "completed", (Bar(0, 1_000, "completed"),)),
        Row("b", "b", 0, "completed", (Bar(day, day + 1_000, "completed"),)),
    ]

    drawn = gantt(rows, day + 1_000)

    widths = [float(w) for w in re.findall(r'class="bar"[^>]*width="([\d.]+)"', drawn)]
    assert all(width > 100 for width in widths)
    assert "of nothing" in drawn


def test_each_attempt_has_a_bar_and_what_runs_goes_on_until_now() -> None:
    def event(kind: str, at: int, path: str = "a") -> dict[str, Any]:
        return {"type": f"step.{kind}", "at": f"2026-11-23T07:00:0{at}.000Z", "path": path}

    run = {"ended_at": None, "steps": [{"path": "a", "status": "running"}]}
    history = [event("started", 0), event("retry_scheduled", 1), event("started", 2)]
    history.append(event("started", 3, ":output"))

    drawn = timeline(run, history, 1_795_417_205_000)

    assert drawn.count('class="bar"') == 2
    assert drawn.count('class="name"') == 1
    assert 'data-tone="cyan"' in drawn
    assert 'data-tone="amber"' in drawn
