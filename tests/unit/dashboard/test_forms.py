"""What the interface found goes back to the fields of the form."""

import pytest

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import errors_of, sent_twice


def refused(*pointers: str, status: int = 422, **more: str) -> Refused:
    errors = [
        {"pointer": one, "code": "value", "message": f"bad {one}", **more} for one in pointers
    ]
    return Refused(status, {"detail": "not valid", "code": "body_invalid", "errors": errors})


def test_a_pointer_belongs_to_the_field_with_its_name() -> None:
    wrong = errors_of(
        refused("/url", "/retry/times", "/filter/types/0", "/auth/secret/name", "/a~1b", "", "/x"),
        ("url", "retry.times", "filter", "secret", "a/b", "name"),
        {"/auth/secret": "secret"},
    )

    assert wrong["url"] == "bad /url"
    assert wrong["retry.times"] == "bad /retry/times"
    assert wrong["filter"] == "bad /filter/types/0"
    assert wrong["secret"] == "bad /auth/secret/name"
    assert wrong["a/b"] == "bad /a~1b"
    assert wrong["name"] == ""
    assert [one["pointer"] for one in wrong.rest] == ["", "/x"]
    assert wrong.detail == "not valid"


def test_two_findings_of_one_field_stand_together_with_what_was_meant() -> None:
    wrong = errors_of(refused("/url", "/url/host", suggestion="https"), ("url",))

    assert wrong["url"] == "bad /url; did you mean https?; bad /url/host; did you mean https?"


def test_a_form_nobody_has_sent_is_sound() -> None:
    wrong = errors_of(None, ("url",))

    assert not wrong
    assert wrong["url"] == ""
    assert wrong.rest == []


def test_what_no_form_can_put_right_goes_on() -> None:
    with pytest.raises(Refused):
        errors_of(refused("/url", status=503), ("url",))


def test_a_refusal_without_findings_is_still_wrong() -> None:
    wrong = errors_of(Refused(409, {"detail": "there is one of this name"}), ("name",))

    assert wrong
    assert len(wrong) == 0
    assert wrong.detail == "there is one of this name"


def test_a_form_that_is_sent_twice_is_known_by_its_id_and_a_changed_one_is_another() -> None:
    once, again = {"body": {"a": 1, "b": 2}}, {"body": {"b": 2, "a": 1}}
    first = sent_twice({"key": "pub_1"}, once)

    assert sent_twice({"key": "pub_1"}, again)["dedup_id"] == first["dedup_id"]
    assert sent_twice({"key": "pub_1"}, {"body": 2})["dedup_id"] != first["dedup_id"]
    assert sent_twice({"key": "pub_2"}, once)["dedup_id"] != first["dedup_id"]
    assert sent_twice({"key": "pub_1"}, {"dedup_id": "mine"}) == {"dedup_id": "mine"}
    assert sent_twice({}, once) == once
