"""When a back-test looks."""

import pytest

from orchestra.monitoring.alerts.backtest import moments


@pytest.mark.parametrize(
    ("span", "looks"),
    [((0, 10, 4), [4, 8, 10]), ((0, 8, 4), [4, 8]), ((5, 5, 4), []), ((0, 3, 4), [3])],
)
def test_the_last_look_is_at_the_end(span: tuple[int, int, int], looks: list[int]) -> None:
    assert list(moments(*span)) == looks
