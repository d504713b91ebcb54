"""Where answers send a browser, and what an open page asks again."""

from typing import Any

import pytest
from litestar import Request

from orchestra.dashboard.site import by_itself, sendable


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


@pytest.mark.parametrize("path", ["/ui/overview", "/queues/mail"])
def test_a_part_that_an_open_page_asks_for_unbidden_is_shared_whatever_its_address(
    path: str,
) -> None:
    scope: dict[str, Any] = {"type": "http", "path": path, "query_string": b""}

    def asked(method: str, *headers: tuple[bytes, bytes]) -> bool:
        whole: Any = {**scope, "method": method, "headers": list(headers)}
        return by_itself(Request(whole))

    script, again = (b"hx-request", b"true"), (b"x-again", b"yes")
    assert asked("GET", script, again)
    assert not asked("GET", script)
    assert not asked("GET", again)
    assert not asked("POST", script, again)
