"""Forms that come along: which are ours, and what of them is sent again."""

import pytest

from orchestra.dashboard.forms import FIELDS_MAX
from orchestra.dashboard.resending import PATH_MAX, TEXT_MAX, kept

SAVE = "/ui/queues"


def test_all_is_sent_again_but_the_token_of_before() -> None:
    found = kept("/ui/queues?a=b", b"csrf=old&name=%C3%A4&empty=&id=1&id=2&text=a%0D%0Ab")

    assert found is not None
    assert found.path == "/ui/queues?a=b"
    pairs = [("name", "ä"), ("empty", ""), ("id", "1"), ("id", "2"), ("text", "a\nb")]
    assert found.fields == pairs


@pytest.mark.parametrize(
    "path",
    ["", "/", "//evil.example/ui/", "/api/queues", "/ui", "/ui/login", "/ui/logout", "/ui/\\x",
     "/ui/\nx", "/ui/ä", "/ui/" + "x" * PATH_MAX],
)  # fmt: skip
def test_other_addresses_are_not_sent_to(path: str) -> None:
    assert kept(path, b"a=b") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff=1", b"csrf=x", b"a=" + b"b" * TEXT_MAX, b"&".join([b"a=b"] * (FIELDS_MAX + 1))],
)
def test_what_is_no_form_or_too_long_is_not_kept(body: bytes) -> None:
    assert kept(SAVE, body) is None
    assert kept(SAVE, body.decode("latin-1")) is None
