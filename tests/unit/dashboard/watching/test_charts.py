"""Series drawn without a script."""

from orchestra.dashboard.watching.charts import (
    Band,
    Bucket,
    Limit,
    Line,
    Plot,
    histogram,
    plot,
    strip,
)

EVIL = "<script>\"'"


def test_points_are_joined_over_steps_beside_each_other_only() -> None:
    drawn = plot(Plot([Line("a", "cyan", [1, 2, None, 3, None, 4, 5])], "a"))

    assert drawn.count('class="run"') == 2
    assert drawn.count('class="point"') == 1


def test_bars_stand_on_each_other_and_nothing_is_no_bar() -> None:
    drawn = plot(Plot([Line("a", "cyan", [1, None]), Line("b", "red", [1, 0])], "a", bars=True))

    assert drawn.count('class="bar"') == 2
    assert 'd="M0 102h478v96h-478z"' in drawn
    assert 'd="M0 6h478v96h-478z"' in drawn


def test_limits_and_bands_are_drawn_within() -> None:
    drawn = plot(
        Plot([Line("a", "cyan", [1, 2])], "a", False, [Limit(4, "x", "red")], [Band(-3, 9, "red")])
    )

    assert 'd="M0 6.0H960"' in drawn
    assert 'x="0.0" y="0" width="960.0"' in drawn


def test_no_text_becomes_markup() -> None:
    pictures = (
        plot(Plot([Line(EVIL, EVIL, [1])], EVIL, False, [Limit(1, EVIL, EVIL)])),
        plot(Plot([Line(EVIL, EVIL, [1])], EVIL, bars=True)),
        histogram([Bucket(((EVIL, 1),), f"/logs?q={EVIL}", EVIL)], EVIL),
        strip([0.5, None], EVIL),
    )

    assert all("<script" not in one for one in pictures)


def test_nothing_is_drawn_of_nothing() -> None:
    assert "NaN" not in plot(Plot([], "a")) + histogram([], "a") + strip([], "a")
    assert 'class="run"' not in plot(Plot([Line("a", "cyan", [None])], "a"))
