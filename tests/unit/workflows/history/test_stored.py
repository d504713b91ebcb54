"""What the marks of an execution say of its steps."""

from typing import cast

import pytest

from orchestra.workflows.history.stored import Stored
from orchestra.workflows.planning.plan import Plan


@pytest.mark.parametrize(
    ("mark", "attempt"),
    [("r3.0.3.0.ses_1", 1), ("b9.2.1.0.s.with.dots", 3), ("v4.1.2.0.s", 2),
     ("c3.0.3.0.s", 0), ("w2,1.0.1.0", 0), ("q", 0), ("o", 0), ("r", 0)],
)  # fmt: skip
def test_a_step_that_runs_tells_its_attempt(mark: str, attempt: int) -> None:
    marks = {"@s": b"R", "a": mark.encode()}
    stored = Stored("exe_1", cast("Plan", None), marks, {"m[0]/b": mark.encode()}, {})

    assert stored.attempt("a") == stored.attempt("m[0]/b") == attempt
    assert stored.attempt("never") == 0
