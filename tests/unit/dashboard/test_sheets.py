"""Forms over documents: what was typed becomes a body, what is wrong comes back to its field."""

import pytest

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.sheets import FINDINGS_MAX, Entry, Group, filled, fresh, typed

GROUPS = [
    Group("Who", (
        Entry("name", "Name", required=True),
        Entry("url", "Address"),
        Entry("retry/times", "Tries", "number", placeholder="5"),
        Entry("auth/secret", "Secret", "secret"),
        Entry("active", "Active", "flag", default="yes"),
    )),
    Group("More", (
        Entry("more", "More", "json"),
        Entry("state", "State", "choice", options=("", ("on", "switched on")), default="on"),
    ), folded=True),
]  # fmt: skip


def refused(*pointers: str, status: int = 422, **more: str) -> Refused:
    errors = [
        {"pointer": one, "code": "value", "message": f"bad {one}", **more} for one in pointers
    ]
    return Refused(status, {"detail": "not valid", "code": "body_invalid", "errors": errors})


def test_what_was_typed_is_a_body_without_what_is_empty() -> None:
    sheet = typed(GROUPS, {"name": "a", "retry/times": "3", "more": '{"b": [1]}', "other": "x"})

    assert sheet.body() == {"name": "a", "retry": {"times": 3}, "active": False, "more": {"b": [1]}}
    assert not sheet.is_wrong


def test_a_change_says_null_for_what_is_gone() -> None:
    before = {"name": "a", "retry": {"times": 3}, "more": {"b": 1, "c": {"d": 2}}}
    sheet = filled(GROUPS, before)
    assert sheet.values["retry/times"] == "3"

    sheet.values |= {"retry/times": "", "more": '{"c": {}}'}
    said = sheet.body(before)

    assert said["retry"] == {"times": None}
    assert said["more"] == {"b": None, "c": {"d": None}}


def test_a_finding_stands_at_the_field_it_is_about() -> None:
    sheet = typed(GROUPS, {})
    sheet.refuse(
        refused("/name", "/url/host", "/retry/times", "/auth", "/more/a~1b/0", "", "/elsewhere")
    )

    assert sheet.said(sheet.entry("name")) == "bad /name"
    assert sheet.wrong["url"] == ["host: bad /url/host"]
    assert sheet.wrong["retry/times"] == ["bad /retry/times"]
    assert sheet.wrong["auth/secret"] == ["bad /auth"]
    assert sheet.wrong["more"] == ["a/b/0: bad /more/a~1b/0"]
    assert sheet.loose == ["bad ", "elsewhere: bad /elsewhere"]
    assert sheet.first == "name"
    assert [id_ for id_, _, _ in sheet.findings()][:3] == ["f-name", "f-url", "f-retry-times"]


def test_two_findings_of_one_field_stand_together_with_what_was_meant() -> None:
    sheet = typed(GROUPS, {})
    sheet.refuse(refused("/url", "/url", suggestion="https"))

    told = "bad /url (did you mean https?)"
    assert sheet.said(sheet.entry("url")) == f"{told}; {told}"


def test_findings_may_stand_below_a_part_of_what_was_sent() -> None:
    sheet = typed(GROUPS, {})
    sheet.refuse(refused("/query/name"), "/query")

    assert sheet.wrong == {"name": ["bad /query/name"]}


def test_a_refusal_without_findings_is_still_wrong() -> None:
    sheet = typed(GROUPS, {})
    sheet.refuse(Refused(409, {"detail": "there is one of this name"}))

    assert sheet.is_wrong
    assert sheet.loose == ["there is one of this name"]


def test_what_no_form_can_put_right_goes_on_and_many_findings_are_cut() -> None:
    with pytest.raises(Refused):
        typed(GROUPS, {}).refuse(refused("/url", status=503))

    sheet = typed(GROUPS, {})
    sheet.refuse(refused(*["/url"] * 1_000))
    assert len(sheet.wrong["url"]) == FINDINGS_MAX


def test_what_is_no_json_is_told_before_anything_is_sent() -> None:
    sheet = typed(GROUPS, {"more": "{"})
    sheet.body()

    assert sheet.wrong["more"][0].startswith("this is not JSON")


def test_a_form_nobody_has_sent_has_what_is_usual_and_what_an_address_says() -> None:
    sheet = fresh(GROUPS, {"name": "b", "state": "", "evil": "x"})

    assert (sheet.values["name"], sheet.values["state"], sheet.values["active"]) == (
        "b",
        "on",
        "yes",
    )
    assert "evil" not in sheet.values
    assert not sheet.is_wrong


def test_a_folded_group_is_open_where_there_is_something_to_see() -> None:
    more = GROUPS[1]

    assert not fresh(GROUPS).opened(more)
    assert fresh(GROUPS, {"more": "{}"}).opened(more)
    assert typed(GROUPS, {"state": ""}).opened(more)
    wrong = fresh(GROUPS)
    wrong.refuse(refused("/more"))
    assert wrong.opened(more)


def test_options_have_words() -> None:
    assert fresh(GROUPS).entry("state").pairs == [("", "default"), ("on", "switched on")]


def test_what_others_saved_is_told_where_it_differs_and_no_secret_is() -> None:
    now = filled(GROUPS, {"name": "theirs", "retry": {"times": 0.05}, "more": {"b": 1}})
    given = {
        "name": "mine", "retry/times": "5 %", "auth/secret": "hush", "active": "yes",
        "more": '{"b":\r\n1}', "state": "on", "revision": "3",
    }  # fmt: skip
    sheet = typed(GROUPS, given)
    sheet.refuse(Refused(412, {"detail": "moved", "code": "rule_moved"}))
    sheet.compare(now)

    assert (sheet.revision, sheet.is_wrong, sheet.loose) == ("3", True, [])
    told = [(one.label, one.theirs, one.mine) for one in sheet.meanwhile]
    assert told == [("Name", "theirs", "mine"), ("Secret", "as it is", "another one")]
