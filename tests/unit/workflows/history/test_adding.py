"""What lots add to series: each kind of entry to its own, under the names that people use."""

from typing import Any

import msgspec
import pytest

from orchestra.instruments import Tally
from orchestra.workflows.history.adding import LABEL_MAX, Adding
from orchestra.workflows.history.chronicle import Line, event_of
from orchestra.workflows.history.lots import Counts, Known, Lot

AT_MS = 1_795_431_003_000
KNOWN = Known(
    lambda _: ("triage", AT_MS - 1_500),
    lambda _: None,
    lambda _: "triage",
    lambda *_: None,
    lambda *_: None,
)


def added(kind: str, path: str = "", data: str = "", times: int = 1) -> dict[Any, Any]:
    """By the short name of a series and the values of its labels: how much, or values and sum."""
    values = (kind, "exe_1", path, "1.0.0.0.s", data, "acme")
    fields = [text.encode() for pair in zip("kxsadt", values, strict=True) for text in pair]
    lot, into = Lot(b"%d" % (AT_MS // 10_000)), Counts()
    lot.sort([(b"%d-%d" % (AT_MS, n), fields) for n in range(times)], KNOWN)
    Adding().add(lot, into)
    found = dict[Any, Any]()
    for (tenant, metric, labels, at_s), value in into.items():
        assert (tenant, at_s) == ("acme", AT_MS // 10_000 * 10)
        assert [name for name, _ in labels] == sorted(name for name, _ in labels)
        told = (value.count, round(value.sum, 6)) if isinstance(value, Tally) else value
        found[metric.removeprefix("orchestra_"), *(text for _, text in labels)] = told
    return found


@pytest.mark.parametrize("kind", [*"NBTKERCSGHLWZYOA?"])
def test_what_is_an_event_is_counted_as_the_event_that_is_published(kind: str) -> None:
    name, level = event_of(Line(1, "1-0", kind, "one", "0", ""))
    events = {key[1]: n for key, n in added(kind, "one", times=3).items() if key[0][:6] == "events"}

    assert events == ({} if level == "debug" else {name: 3})


def test_steps_of_our_own_making_are_nobodys_business() -> None:
    assert not any(added(kind, ":end", "\t\t7") for kind in "RCFSY")


def test_a_step_counts_its_times_and_what_it_spent() -> None:
    assert added("C", "each[3]/ask[12]", "writer\t250\t1500\t70\t9\t4200", times=2) == {
        ("steps_total", "completed", "triage"): 2,
        ("step_seconds", "each[]/ask[]", "triage"): (2, 3.0),
        ("step_wait_seconds", "each[]/ask[]", "triage"): (2, 0.5),
        ("workflow_tokens_total", "writer", "input", "triage"): 140,
        ("workflow_tokens_total", "writer", "output", "triage"): 18,
        ("workflow_cost_usd_total", "writer", "triage"): 0.0084,
        ("events_total", "step.completed"): 2,
    }


def test_what_undoes_a_step_has_no_times() -> None:
    assert added("C", "~ask", "writer\t250\t1500\t70\t0\t0") == {
        ("steps_total", "compensated", "triage"): 1,
        ("workflow_tokens_total", "writer", "input", "triage"): 70,
        ("events_total", "step.compensated"): 1,
    }
    assert ("steps_total", "undo_failed", "triage") in added("F", "~ask", "\t\t5")


@pytest.mark.parametrize("data", ["", "a\tb", "x\t1\t2\t3"])
def test_a_step_that_says_nothing_of_itself_is_counted(data: str) -> None:
    assert added("S", "one", data) == {
        ("steps_total", "skipped", "triage"): 1,
        ("events_total", "step.skipped"): 1,
    }


def test_an_attempt_that_failed_spent_what_its_record_says() -> None:
    usage = {"input_tokens": 11, "output_tokens": 2, "cost_usd": 0.000_5}
    record = msgspec.json.encode({"agent": "writer", "usage": usage}).decode()
    retried = {("steps_total", "retried", "triage"): 2, ("events_total", "step.retry_scheduled"): 2}

    assert added("Y", "one", record, times=2) == retried | {
        ("workflow_tokens_total", "writer", "input", "triage"): 22,
        ("workflow_tokens_total", "writer", "output", "triage"): 4,
        ("workflow_cost_usd_total", "writer", "triage"): 0.001,
    }
    assert added("Y", "one", "{elsewhere", times=2) == retried


@pytest.mark.parametrize(
    ("letter", "outcome"),
    [("D", "completed"), ("F", "failed"), ("C", "cancelled"), ("L", "rolled_back")],
)
def test_an_execution_that_ended_took_as_long_as_since_it_began(letter: str, outcome: str) -> None:
    assert added("E", data=letter, times=2) == {
        ("executions_total", outcome, "triage"): 2,
        ("execution_seconds", "triage"): (2, 3.0),
        ("events_total", f"workflow.{outcome}"): 2,
    }


def test_names_are_no_longer_than_a_label() -> None:
    path, agent = "p" * 500, "a" * 500
    found = added("C", path, f"{agent}\t0\t1\t1\t0\t0")

    assert ("step_seconds", path[:LABEL_MAX], "triage") in found
    assert ("workflow_tokens_total", agent[:LABEL_MAX], "input", "triage") in found
