import pytest

from orchestra.connectors.analysis.cells import Cell
from orchestra.connectors.analysis.columns import read_column
from orchestra.connectors.analysis.problems import problems


def kinds(**cells: list[Cell]) -> list[tuple[int, str]]:
    found = problems([read_column(name, values) for name, values in cells.items()])
    return [(problem.at, problem.kind) for problem in found]


def test_an_issue_is_told_in_its_own_words_or_by_its_kind() -> None:
    assert kinds(issue=["arrived two days late", None, "squeaky hinge", "none"]) == [
        (0, "late delivery"),
        (2, "squeaky hinge"),
    ]


def test_an_issue_says_more_than_a_status_and_counts_once() -> None:
    assert kinds(status=["delayed", "refunded"], issue=["smashed", None]) == [
        (0, "damaged goods"),
        (1, "refund"),
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("late", "late delivery"),
        ("not_yet_arrived", "late delivery"),
        ("Payment failed", "payment problem"),
        ("RETURNED", "return"),
        ("lost", "lost parcel"),
        ("wrong size", "wrong item"),
        ("partly delivered", "missing items"),
        ("escalated", "complaint"),
    ],
)
def test_a_bad_status_is_a_problem(status: str, kind: str) -> None:
    assert kinds(status=[status]) == [(0, kind)]


@pytest.mark.parametrize("status", ["delivered", "paid", "ok", "shipped", "plated", "translated"])
def test_a_good_status_is_none(status: str) -> None:
    assert kinds(status=[status]) == []


def test_other_columns_are_not_searched_for_trouble() -> None:
    assert kinds(product=["Late Night Tea", "Broken Crayons"]) == []


def test_a_truth_in_an_issue_column_is_a_problem() -> None:
    assert kinds(has_issue=[True, False]) == [(0, "has issue")]
