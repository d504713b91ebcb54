"""Every series of ours is told of, and no other is."""

import importlib
import pkgutil
import re
from pathlib import Path

import orchestra
from orchestra.instruments import INSTRUMENTS
from orchestra.monitoring.metrics.names import JOURNAL, TOLD

SOURCE = Path(orchestra.__file__).parent
_DECLARED = re.compile(r"(?:counter|measure|histogram)\(\s*\"(orchestra_\w+)\"")
_LAZY = re.compile(r"\b(?:count|gauge|observe)\(\s*\"(orchestra_\w+)\"")
_COUNTED = re.compile(r"\"(orchestra_\w+)\"")


def _in_source(pattern: re.Pattern[str]) -> set[str]:
    files = SOURCE.rglob("*.py")
    return {name for file in files for name in pattern.findall(file.read_text("utf-8"))}


def test_every_metric_that_is_declared_is_told_of() -> None:
    assert _in_source(_DECLARED) | JOURNAL.keys() | _in_source(_LAZY) == TOLD.keys()


def test_what_is_counted_from_the_journal_is_what_the_journal_is_counted_as() -> None:
    text = (SOURCE / "workflows/history/adding.py").read_text("utf-8")

    assert set(_COUNTED.findall(text)) == JOURNAL.keys()


def test_every_metric_is_declared_when_its_module_is_imported() -> None:
    for module in pkgutil.walk_packages(orchestra.__path__, "orchestra."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    assert TOLD.keys() - JOURNAL.keys() <= {one.name for one in INSTRUMENTS}


def test_metrics_are_named_as_prometheus_wants_them() -> None:
    for one in INSTRUMENTS:
        if one.name in TOLD:
            assert one.name.endswith("_total") == (one.kind == "counter"), one.name
