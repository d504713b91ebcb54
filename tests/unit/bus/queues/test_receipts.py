"""Receipts are opaque, and what is none of ours is of nothing."""

import pytest

from orchestra.bus.queues.receipts import GONE, Lease, decoded, encoded

MESSAGE, TOKEN = "msg_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44", "0123456789abcdef"
LEASE = Lease(MESSAGE, TOKEN)


def test_a_receipt_says_which_message_and_which_lease() -> None:
    assert decoded(encoded(LEASE)) == LEASE


def test_a_receipt_of_a_spread_queue_says_in_which_part() -> None:
    assert decoded(encoded(LEASE._replace(part=15))) == (MESSAGE, TOKEN, 15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "====",
        encoded(Lease("msg_1", "0")),
        encoded(Lease(MESSAGE, "g" * 16)),
        encoded(Lease(MESSAGE, TOKEN, -1)),
        encoded(Lease(MESSAGE, TOKEN, 10**6)),
        "A" * 256,
    ],
)
def test_anything_else_is_of_nothing(text: str) -> None:
    assert decoded(text) == GONE
