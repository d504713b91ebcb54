"""The text of a key: its form and its checksum."""

import pytest

from orchestra.security.key_text import ALPHABET, handle_of, new_key


def test_a_new_key_is_well_formed() -> None:
    key = new_key()

    assert key.startswith("orc_live_")
    assert len(key) == 9 + 8 + 1 + 43 + 6
    assert handle_of(key) == key[9:17]
    assert handle_of(new_key("dev")) is not None


def test_every_single_wrong_character_is_found() -> None:
    key = new_key()

    for place in range(9, len(key)):
        if key[place] != "_":
            other = ALPHABET[(ALPHABET.index(key[place]) + 1) % 62]
            assert handle_of(key[:place] + other + key[place + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "orc", "orc_live_", "orc_live_x_y", "orc_test_" + new_key()[9:], new_key()[:-1],
     new_key() + "0", new_key().replace("orc", "ORC"), "ö" * 67, "_" * 67],
)  # fmt: skip
def test_anything_else_is_no_key(text: str) -> None:
    assert handle_of(text) is None
