"""Receipts are opaque, and what is none of ours is of nothing."""

import pytest

from orchestra.bus.queues.receipts import GONE, decoded, encoded

MESSAGE = "msg_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"


def test_a_receipt_says_which_message_and_which_lease() -> None:
    assert decoded(encoded(MESSAGE, "0123456789abcdef")) == (MESSAGE, "0123456789abcdef")


@pytest.mark.parametrize(
    "text", ["", "x", "é", "====", encoded("msg_1", "0"), encoded(MESSAGE, "g" * 16), "A" * 256]
)
def test_anything_else_is_of_nothing(text: str) -> None:
    assert decoded(text) == GONE
