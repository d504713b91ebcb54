"""What a form of ours sends."""

from orchestra.dashboard.forms import sent_twice


def test_a_form_that_is_sent_twice_is_known_by_its_id_and_a_changed_one_is_another() -> None:
    once, again = {"body": {"a": 1, "b": 2}}, {"body": {"b": 2, "a": 1}}
    first = sent_twice({"key": "pub_1"}, once)

    assert sent_twice({"key": "pub_1"}, again)["dedup_id"] == first["dedup_id"]
    assert sent_twice({"key": "pub_1"}, {"body": 2})["dedup_id"] != first["dedup_id"]
    assert sent_twice({"key": "pub_2"}, once)["dedup_id"] != first["dedup_id"]
    assert sent_twice({"key": "pub_1"}, {"dedup_id": "mine"}) == {"dedup_id": "mine"}
    assert sent_twice({}, once) == once
