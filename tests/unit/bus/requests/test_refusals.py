"""Errors that cross from process to process."""

from orchestra.bus.requests.refusals import Refusal, error_of, refusal_of
from orchestra.errors import Invalid, NotFound, Problem, Unavailable
from orchestra.store.failures import StoreAway


def test_errors_of_ours_come_back_as_they_were() -> None:
    for error in (
        NotFound("no such agent", known=["a"]),
        StoreAway("away"),
        Invalid("wrong", [Problem("/a", "type", "must be text", "b")], limit=3),
    ):
        back = error_of(refusal_of(error))

        assert (type(back), back.detail, back.context) == (type(error), error.detail, error.context)
        assert getattr(back, "findings", ()) == getattr(error, "findings", ())
        assert back.retry_after_ms == error.retry_after_ms


def test_what_is_none_of_ours_tells_nothing() -> None:
    back = error_of(refusal_of(RuntimeError("password=hunter2")))

    assert type(back) is Unavailable
    assert "hunter2" not in str(back)


def test_a_kind_that_is_not_known_here_is_unavailable() -> None:
    back = error_of(Refusal("OfANewerVersion", "not now", {"n": 1}))

    assert (type(back), back.detail, back.context) == (Unavailable, "not now", {"n": 1})
