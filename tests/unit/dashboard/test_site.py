"""Where answers send a browser."""

import pytest

from orchestra.dashboard.site import sendable


@pytest.mark.parametrize(
    ("href", "sent"),
    [
        ("/queues?tab=dead&q=%20x#a", "/queues?tab=dead&q=%20x#a"),
        ("/queues/a\nset-cookie: x=y", "/queues/a%0Aset-cookie:%20x=y"),
        ("/queues/é\r\n€", "/queues/%C3%A9%0D%0A%E2%82%AC"),
        ("//other.example/x", "/other.example/x"),
        ("/\\other.example/x", "/other.example/x"),
    ],
)
def test_an_address_is_one_line_of_this_site(href: str, sent: str) -> None:
    assert sendable(href) == sent
