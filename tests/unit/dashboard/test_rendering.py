"""Templates: none is compiled before it is needed, so here every one of them is."""

from orchestra.assets import folder
from orchestra.dashboard.rendering import Pages


def test_every_template_can_be_compiled() -> None:
    pages = Pages(folder("templates"), str)

    for name in pages.names:
        pages.compile(name)

    assert "pages/overview.html" in pages.names
