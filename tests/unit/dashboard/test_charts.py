"""Small pictures made here."""

import re

from orchestra.dashboard.charts import Columns, bars, columns, spark

EVIL = "<script>\"'"


def test_a_spark_line_leaves_out_what_is_not_known() -> None:
    drawn = spark([None, 1, None, 4], "tasks")

    assert len(re.search(r'polyline points="([^"]*)"', drawn)[1].split()) == 2  # type: ignore[index]  # it is there
    assert 'points=""' in spark([None, None], "tasks")


def test_a_gap_is_not_zero_in_columns() -> None:
    assert columns(Columns([None, 0, 5], "a", "b", "c")).count("<rect") == 1


def test_labels_are_escaped() -> None:
    drawn = (
        spark([1], EVIL),
        bars([(EVIL, 1)], EVIL),
        columns(Columns([1], EVIL, EVIL, EVIL, EVIL)),
    )

    assert not [one for one in drawn if "<script>" in one or "style=" in one]
