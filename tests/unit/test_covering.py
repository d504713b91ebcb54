"""Live secrets are found in every form, by the thousand, and a line stays JSON."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from orchestra.covering import COVERED_MAX, MASK, Covered

SECRET = 'sk/live+7?"ä~0123456789&x='


def echoes(value: str) -> dict[str, str]:
    """A value as texts hold it."""
    raw = value.encode()
    return {
        "plain": value,
        "json": json.dumps(value),
        "json in json": json.dumps(json.dumps({"x": value})),
        "repr": repr(value),
        "percent": quote(value, safe=""),
        "percent, small": re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
        "form": quote_plus(value),
        "base64": base64.b64encode(raw).decode(),
        "base64 of a pair": base64.b64encode(b"user:" + raw).decode(),
        "base64 behind one": base64.b64encode(b"u" + raw + b"!").decode(),
        "base64 for urls": base64.urlsafe_b64encode(b"ab" + raw).decode(),
    }


@pytest.mark.parametrize("form", echoes(SECRET))
def test_a_value_is_covered_in_every_form(form: str) -> None:
    covered = Covered()
    covered.add(SECRET)
    text = f"before {echoes(SECRET)[form]} behind"

    line = covered.over_line(json.dumps({"ts": "t", "text": text, text: [{"deep": text}]}).encode())

    kept = json.loads(line)
    assert MASK in covered.over(text)
    assert MASK in kept["text"]
    for part in (value[6:-6] for value in echoes(SECRET).values()):
        assert part not in covered.over(text), part
        assert part not in line.decode(), part


@pytest.mark.parametrize(
    "value", ['"event":"', '","level":', "{}{}{}{}", '\\"\\"\\"\\"', "$^.*(?:[a]|b)+"]
)
def test_no_value_breaks_a_line(value: str) -> None:
    covered = Covered()
    covered.add(value)

    line = covered.over_line(
        json.dumps({"ts": "1", "level": "info", "event": f"x {value}"}).encode()
    )

    assert json.loads(line)["level"] == "info"
    assert value not in json.loads(line)["event"]


def test_the_newest_thousand_values_are_covered() -> None:
    covered = Covered()
    values = [f"value-number-{n:05}" for n in range(COVERED_MAX + 200)]
    for value in values:
        covered.add(value)
        covered.add(value)

    assert all(covered.over(f"x {value} y") == f"x {MASK} y" for value in values[-900:])
    assert covered.over(values[0]) == values[0]
    assert covered.over("nothing of it") == "nothing of it"


@pytest.mark.parametrize("value", ["k" * 16_384, ('"\\/<>%&é☃\n' * 1_700)[:16_384], "😀" * 16_384])
def test_a_value_of_any_length_is_covered_and_breaks_no_line(value: str) -> None:
    covered = Covered()
    covered.add("another-secret")

    for n in range(30):
        covered.add(f"{n}{value}")

    line = msgspec.json.encode({"ts": "now", "text": f"is 7{value} and another-secret"})
    assert msgspec.json.decode(covered.over_line(line)) == {"ts": "now", "text": "is *** and ***"}
    assert covered.over("nothing of it") == "nothing of it"


def test_many_values_of_middling_length_are_all_covered() -> None:
    covered = Covered()
    values = [f"{n:03}" + '"\\%é' * 60 for n in range(60)]

    for one in values:
        covered.add(one)

    assert {covered.over(f"a {one} b") for one in values} == {"a *** b"}
