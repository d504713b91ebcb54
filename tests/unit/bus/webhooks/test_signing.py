"""Signatures: ours and those of an independent library are each believed by the other."""

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from orchestra.bus.webhooks.signing import (
    Key,
    headers,
    in_time,
    new_key,
    read_key,
    verify,
    verify_public,
)

BODY = '{"type":"order.placed","data":{"naïve":"☃"}}'.encode()


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def test_what_we_sign_is_believed_by_the_library() -> None:
    for _ in range(50):
        key = new_key()

        made = headers([key], "dlv_1", now_s(), BODY)

        Webhook(key.text).verify(BODY, made)


def test_what_the_library_signs_is_believed_by_us() -> None:
    for _ in range(50):
        key, at = new_key(), now_s()
        signature = Webhook(key.text).sign("msg_1", datetime.fromtimestamp(at, UTC), BODY.decode())
        given = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(at),
            "webhook-signature": signature,
        }

        assert verify([key], given, BODY, at)


def test_the_published_example_gives_the_published_signature() -> None:
    key = read_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert key is not None

    made = headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')

    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_key_is_replaced_receivers_with_either_believe_us() -> None:
    old, new, stranger = new_key(), new_key(), new_key()

    made = headers([new, old], "dlv_1", now_s(), BODY)

    for key in (old, new):
        Webhook(key.text).verify(BODY, made)
        assert verify([key], made, BODY, now_s())
    assert not verify([stranger], made, BODY, now_s())
    assert verify([stranger, old], made, BODY, now_s())


def test_ed25519_is_verified_with_the_public_key() -> None:
    key = new_key("v1a")
    assert key.public is not None

    made = headers([key, new_key()], "dlv_1", now_s(), BODY)

    assert [one.partition(",")[0] for one in made["webhook-signature"].split(" ")] == ["v1a", "v1"]
    assert verify_public(key.public, made, BODY)
    assert not verify_public(key.public, made, BODY + b" ")
    assert verify([key], made, BODY, now_s())


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "dlv_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "-5"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "9" * 5_000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,???"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": ", , ," * 1_000},
    ],
)
def test_anything_malformed_is_not_believed_and_breaks_nothing(change: dict[str, str]) -> None:
    key = new_key()
    good = headers([key], "dlv_1", now_s(), BODY)
    assert verify([key], good, BODY, now_s())

    assert not verify([key], good | change, BODY, now_s())


def test_five_minutes_either_way_and_no_more() -> None:
    assert in_time("1000", 1_300)
    assert in_time("1600", 1_300)
    assert not in_time("999", 1_300)
    assert not in_time("1601", 1_300)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_???", "x" * 44, "whsk_AAAA"])
def test_what_is_no_secret_is_not_taken(text: str) -> None:
    assert read_key(text) is None


def test_a_key_shows_nothing_of_itself() -> None:
    key = Key(b"0" * 32)

    assert "000" not in repr(key)
    assert read_key(key.text) == key
    assert read_key(new_key("v1a").text) is not None
