import random
import time
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from orchestra.agents import Reject, Task
from orchestra.connectors.analysis.data_analyzer import data_summary, summarise
from orchestra.errors import Problem
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

HISTORY = [
    {"date": "2025-11-02", "order": 4401, "amount": 59.9, "status": "delivered", "issue": None},
    {"date": "2026-01-10", "order": 4422, "amount": 120.0, "status": "delivered", "issue": "late"},
    {"date": "2026-02-14", "order": 4433, "amount": 19.9, "status": "refunded", "issue": "cracked"},
    {"date": "2026-04-18", "order": 4471, "amount": 89.9, "status": "delayed", "issue": "late"},
]
COLUMN_FIELDS = {
    *("name", "type", "count", "missing", "distinct", "min", "max", "mean", "median"),
    *("stdev", "p95", "top", "histogram", "outliers"),
}


def found(refusal: Reject) -> list[Problem]:
    return [finding for finding in refusal.findings if isinstance(finding, Problem)]


def a_task(**input_data: object) -> Task:
    return Task(id="t", tenant=Tenant("default"), input_data=input_data)


def insights(data: object) -> list[str]:
    answer = summarise(data)
    assert isinstance(answer, dict)
    return answer["insights"]


async def test_the_answer_has_the_shape_of_the_design() -> None:
    answer = await data_summary(a_task(data=HISTORY, task_type="data_summary"))

    assert isinstance(answer, dict)
    assert {"rows", "columns", "correlations", "trends", "duplicate_rows", "sampled"} <= set(answer)
    assert answer["rows"] == 4
    assert [column["name"] for column in answer["columns"]] == list(HISTORY[0])
    assert all(set(column) == COLUMN_FIELDS for column in answer["columns"])
    amount = answer["columns"][2]
    assert (amount["mean"], amount["median"]) == (72.425, 74.9)


def test_a_history_is_told_as_a_colleague_would() -> None:
    assert insights(HISTORY) == [
        "4 orders from 2025-11-02 to 2026-04-18, one about every 56 days.",
        "3 of 4 tell of a problem: late delivery (2), damaged goods (1).",
        "Repeated problem: late delivery, 2 times.",
        "The last 3 in a row had a problem.",
        "Latest: 2026-04-18, order 4471, amount 89.90, status delayed, issue late.",
        "amount: 289.70 in all, from 19.90 to 120, 72.42 on average.",
        "status: mostly delivered, 2 of 4 (50 %); then refunded (1), delayed (1).",
    ]


def test_a_good_end_and_a_rise_are_told() -> None:
    rows = [
        {"date": f"2026-01-{day:02d}", "amount": 10 * day, "issue": "late" if day == 2 else None}
        for day in range(1, 11)
    ]

    told = insights(rows)

    assert "The latest one had no problem." in told
    assert "amount is rising over time: 20 at first, 90 lately (+350 %)." in told


def test_gaps_repeats_and_exceptions_are_told() -> None:
    rows: list[object] = [{"city": "Oslo", "kg": 10 + at % 3} for at in range(20)]
    rows += [{"city": city, "kg": kg} for city, kg in ((None, 900), ("Bonn", 11), ("Bonn", 11))]

    told = insights(rows)

    assert "kg 900 in row 21 is unusually high." in told
    assert "city: mostly Oslo, 20 of 22 (91 %); then Bonn (2)." in told
    assert "city is missing in 1 of 23 (4 %)." in told
    assert any(insight.startswith("Exact repeats of an earlier row: ") for insight in told)


@pytest.mark.parametrize("data", [[], {}, "", None])
async def test_empty_data_has_no_rows(data: object) -> None:
    answer = await data_summary(a_task(data=data))

    assert isinstance(answer, dict)
    assert (answer["rows"], answer["columns"], answer["duplicate_rows"]) == (0, [], 0)
    assert answer["insights"] == ["There are no rows."]


async def test_csv_text_is_a_table() -> None:
    answer = await data_summary(a_task(data="item,price\nlamp,19.90\nsofa,640\n"))

    assert isinstance(answer, dict)
    assert [column["type"] for column in answer["columns"]] == ["string", "number"]


@pytest.mark.parametrize(
    ("input_data", "pointer", "code"),
    [
        ({}, "/data", "required"),
        ({"data": "a,b\n" * 300_000}, "/data", "too_large"),
        ({"data": "a,b\n1," + "x" * 200_000}, "/data", "csv"),
    ],
)
async def test_bad_input_is_refused_with_a_pointer(
    input_data: dict[str, object], pointer: str, code: str
) -> None:
    with pytest.raises(Reject) as refused:
        await data_summary(a_task(**input_data))

    (finding,) = found(refused.value)
    assert (finding.pointer, finding.code) == (pointer, code)


@pytest.mark.parametrize(
    "data",
    [
        [{"a": float("nan"), "b": float("inf")}, {"a": 1e308, "b": -1e308}],
        [
            {"a": 10**400},
            {"a": "x" * 100_000},
            {"a": [[[[[[1]]]]]]},
            {"a": {"b": None}},
            3,
            "s",
            None,
        ],
        [{"": 1, " ": 2, "\n" * 500: 3}],
        [{f"f{at}": row for at in range(row, row + 20)} for row in range(500)],
        "\0,\0\n\0,\0",
        [[]] * 100,
        [[1, 2], "x", None, {"a": 1}],
        [{"issue": "\ud800"}, {"issue": "\ud800"}],
        {"a": [1, 2], "b": [1]},
    ],
)
def test_hostile_data_is_summed_up(data: object) -> None:
    answer = summarise(data)

    assert isinstance(answer, dict)
    assert len(answer["insights"]) <= 12
    assert all(len(insight) < 600 for insight in answer["insights"])


def _mixed(row: int, chance: random.Random) -> dict[str, object]:
    return {
        "id": row,
        "date": f"2026-{1 + row % 12:02d}-{1 + row % 28:02d}",
        "amount": chance.gauss(50, 10),
        "quantity": chance.randrange(9),
        "x": chance.random(),
        "y": chance.random(),
        "city": chance.choice(("Oslo", "Bonn", "Lyon")),
        "status": chance.choice(("ok", "late")),
        "paid": chance.random() < 0.5,
        "z": None if chance.random() < 0.2 else chance.random(),
    }


def _numeric(_: int, chance: random.Random) -> dict[str, object]:
    return {f"c{at}": chance.random() for at in range(10)}


@pytest.mark.parametrize("make", [_mixed, _numeric])
def test_ten_thousand_rows_of_ten_take_less_than_300_ms(
    make: Callable[[int, random.Random], dict[str, object]],
) -> None:
    chance = random.Random(1)
    rows = [make(row, chance) for row in range(10_000)]

    assert min(_seconds(rows) for _ in range(3)) < 0.3


async def test_a_large_table_leaves_the_loop_to_others() -> None:
    chance = random.Random(1)
    rows = [_mixed(row, chance) for row in range(10_000)]
    turns: list[None] = []

    async with anyio.create_task_group() as group:
        group.start_soon(_take_turns, turns)
        await data_summary(a_task(data=rows))
        group.cancel_scope.cancel()

    assert len(turns) > 10  # in about 200 ms: on the loop itself it would have been one


async def _take_turns(turns: list[None]) -> None:
    while True:
        await anyio.lowlevel.checkpoint()
        turns.append(None)


def _seconds(rows: object) -> float:
    started = time.process_time()
    summarise(rows)
    return time.process_time() - started
