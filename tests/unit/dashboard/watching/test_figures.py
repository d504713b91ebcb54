"""What charts are made of."""

from orchestra.dashboard.watching.figures import Chart, begin_ms

NOTHING = Chart("a", "A")


def drawn(*values: list[float | None]) -> Chart:
    series = [{"name": "a", "tone": "cyan", "values": one, "earlier": None} for one in values]
    return Chart("b", "B", data={"from": 60_000.0, "step": 10_000.0, "series": series})


def test_figures_begin_where_the_first_of_them_is_known() -> None:
    assert begin_ms([]) is None
    assert begin_ms([NOTHING, drawn([None, None])]) is None
    begin = begin_ms([NOTHING, drawn([None, None, 1], [None, 0, None]), drawn([None, None, None])])
    assert begin == 70_000
    assert isinstance(begin, int)


def test_a_script_gets_no_more_digits_than_can_be_seen() -> None:
    made = drawn([None, 0.00123456, 12.0, 1_234_567.0, -3.14159])

    assert made.sketch["series"] == [
        {"name": "a", "tone": "cyan", "values": [None, 0.001235, 12, 1_235_000, -3.142]}
    ]
    assert made.sketch["from"] == 60_000
    assert made.data["series"][0]["values"][1] == 0.00123456
