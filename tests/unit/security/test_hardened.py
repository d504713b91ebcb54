"""Whatever is sent is decoded, or is a 4xx with a code."""

import json

import pytest

from orchestra.errors import OrchestraError
from orchestra.security.hardened import BODY_MAX_BYTES, loads


def wrap(inner: bytes) -> bytes:
    return b'{"name":"a","spec":' + inner + b"}"


GOOD = {
    "plain": b'{"name":"a"}',
    "colon in text": b'{"name":"http://a:1"}',
    "escaped backslash, not a NUL": b'{"name":"\\\\u0000"}',
    "depth 63 inside": wrap(b"[" * 63 + b"]" * 63),
    "largest integers": wrap(b"[9223372036854775807,-9223372036854775808]"),
    "19 digits in text": wrap(b'"99999999999999999999"'),
    "long fraction": wrap(b"0.12345678901234567890123"),
    "not an object": b"[]",
    "null": b"null",
}
BAD = {
    "empty": (b"", "json_syntax"),
    "blank": (b"  \n", "json_syntax"),
    "cut off": (b'{"a":', "json_syntax"),
    "something behind": (b"{} {}", "json_syntax"),
    "trailing comma": (b'{"a":1,}', "json_syntax"),
    "NaN": (wrap(b"NaN"), "json_syntax"),
    "Infinity": (wrap(b"-Infinity"), "json_syntax"),
    "NUL raw": (b'{"name":"a\x00"}', "json_syntax"),
    "lone surrogate": (b'{"name":"\\ud800"}', "json_syntax"),
    "depth 64 inside": (wrap(b"[" * 64 + b"]" * 64), "json_depth"),
    "depth 1,100": (wrap(b"[" * 1_100 + b"]" * 1_100), "json_depth"),
    "depth 100,000": (b"[" * 100_000 + b"]" * 100_000, "json_depth"),
    "depth 100,000 and never closed": (b"[" * 100_000, "json_depth"),
    "objects, depth 90,000": (wrap(b'{"a":' * 90_000 + b"1" + b"}" * 90_000), "json_depth"),
    "not UTF-8": (b'{"name":"\xff"}', "json_encoding"),
    "surrogate as bytes": (b'{"name":"\xed\xa0\x80"}', "json_encoding"),
    "byte order mark": (b'\xef\xbb\xbf{"name":"a"}', "json_encoding"),
    "UTF-16": ('{"name":"a"}'.encode("utf-16"), "json_encoding"),
    "NUL escaped": (b'{"name":"a\\u0000"}', "json_nul"),
    "NUL in a key": (wrap(b'{"\\u0000":1}'), "json_nul"),
    "duplicate key": (b'{"name":"a","name":"b"}', "json_duplicate_key"),
    "duplicate key, escaped": (b'{"name":"a","n\\u0061me":"b"}', "json_duplicate_key"),
    "duplicate key deep": (wrap(b'[{"x":1,"x":{"y":":"}}]'), "json_duplicate_key"),
    "long key": (wrap(b'{"' + b"k" * 257 + b'":1}'), "json_key"),
    "1e999": (wrap(b"1e999"), "json_number"),
    "integer of 65 bits": (wrap(b"9223372036854775808"), "json_number"),
    "20 digits": (wrap(b"-99999999999999999999"), "json_number"),
    "10,000 digits": (wrap(b"9" * 10_000), "json_number"),
    "too many values": (wrap(b"[" + b"1," * 100_000 + b"1]"), "json_size"),
    "too large": (wrap(b'"' + b"x" * BODY_MAX_BYTES + b'"'), "body_too_large"),
}
TYPES = {
    "application/json": True,
    "Application/JSON": True,
    'application/json; charset="UTF-8"': True,
    "application/cloudevents+json": True,
    "text/plain": False,
    "text/plain; application/json": False,
    "application/json; charset=utf-16": False,
    "application/x-www-form-urlencoded": False,
    "multipart/form-data": False,
    "": False,
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_body_is_read_as_json_says(name: str) -> None:
    assert loads(GOOD[name]) == json.loads(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_is_a_4xx_with_a_code(name: str) -> None:
    body, code = BAD[name]

    with pytest.raises(OrchestraError) as refused:
        loads(body)

    assert refused.value.code == code
    assert 400 <= refused.value.status < 500
    assert len(refused.value.detail) < 120


@pytest.mark.parametrize(("content_type", "taken"), TYPES.items())
def test_only_json_in_utf_8_is_taken(content_type: str, taken: bool) -> None:
    try:
        loads(b"{}", content_type)
        status = 200
    except OrchestraError as refused:
        status = refused.status

    assert status == (200 if taken else 415)


def test_a_syntax_error_says_where_it_is() -> None:
    with pytest.raises(OrchestraError) as refused:
        loads(b'{\n  "a": oops\n}')

    assert refused.value.context == {"line": 2, "column": 8}
