"""JSON of others: what is taken, and what is refused before it costs memory."""

import pytest

from orchestra.agents.providers.decoding import VALUES_MAX, NotReadable, decoded


@pytest.mark.parametrize("body", [b'{"a": [1, "b"]}', '{"a": [1, "b"]}'])
def test_bytes_and_text_are_read(body: bytes | str) -> None:
    assert decoded(body) == {"a": [1, "b"]}


def test_commas_in_texts_are_no_values() -> None:
    table = '"' + "1,2,[3]{4}\\\\\\n" * VALUES_MAX + '"'

    assert decoded(table.encode()) == "1,2,[3]{4}\\\n" * VALUES_MAX


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[" + b"[]," * VALUES_MAX + b"[]]", "more than 500000 values"),
        (b'[""' + b',""' * (VALUES_MAX + 1) + b"]", "more than 500000 values"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'"\xff"', "not JSON"),
        ('"\ud800"', "not JSON"),
        (b"NaN", "not JSON"),
    ],
)
def test_the_rest_is_refused(body: bytes | str, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        decoded(body)
