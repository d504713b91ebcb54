"""Tables of the documentation that are made from the code: settings, problems, metrics.

Each stands between `<!-- table: NAME -->` and `<!-- /table -->`. `make docs` writes them, and
test_docs.py says when one is stale.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import orchestra
from orchestra.cli.setting_table import describe
from orchestra.errors import OrchestraError
from orchestra.instruments import INSTRUMENTS
from orchestra.monitoring.metrics.names import JOURNAL, TOLD, unit_of

DOCS = Path(__file__).parents[1] / "docs"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)


def settings() -> Iterator[str]:
    """Every setting under its three names."""
    yield "| setting, and option | variable | value | default | |"
    yield "| --- | --- | --- | --- | --- |"
    for one in describe():
        kind, default = one.kind.replace("|", "\\|"), f"`{one.default}`" if one.default else ""
        yield f"| `{one.option}` | `{one.variable}` | {kind} | {default} | {one.help} |"


def problems() -> Iterator[str]:
    """Every kind of error a caller can meet, from the docstrings of the classes."""
    found: dict[tuple[int, str], type[OrchestraError]] = {}
    for kind in sorted(
        set(kinds(OrchestraError)), key=lambda kind: (kind.__name__, kind.__module__)
    ):
        code = kind.__new__(kind).code
        if kind.status == HTTPStatus.INTERNAL_SERVER_ERROR and code != "internal":
            continue  # ends the start, or is told in other words
        if kind.__module__ != "orchestra.settings":
            found.setdefault((kind.status, code), kind)
    yield "| status | code | means | again later? |"
    yield "| --- | --- | --- | --- |"
    for (status, code), kind in sorted(found.items()):
        means = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        means = means.replace("Context:", "Members:").replace("|", "\\|")
        yield f"| {status} | `{code}` | {means} | {'yes' if kind.retryable else ''} |"


def kinds(parent: type[OrchestraError]) -> Iterator[type[OrchestraError]]:
    """All below `parent`, once every module is imported."""
    for module in pkgutil.walk_packages(orchestra.__path__, "orchestra."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending = [parent]
    while pending:
        below = pending.pop().__subclasses__()
        pending += below
        yield from (kind for kind in below if kind.__module__.startswith("orchestra."))


def series() -> Iterator[str]:
    """Every metric of our own: what modules declare, and what the journal is counted as."""
    set(kinds(OrchestraError))  # imports every module
    declared = {one.name: (one.kind, one.labels) for one in INSTRUMENTS if one.name in TOLD} | {
        name: (kind, ("tenant", *labels.split())) for name, (kind, labels) in JOURNAL.items()
    }
    yield "| metric | type | unit | labels | of | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, told in TOLD.items():
        kind, labels = declared[name]
        named = ", ".join(f"`{one}`" for one in labels if one != "tenant")
        whose = "tenant" if "tenant" in labels else "installation"
        journal = ", journal" if name in JOURNAL else ""
        yield f"| `{name}` | {kind} | {unit_of(name)} | {named} | {whose}{journal} | {told} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings,
    "problems": problems,
    "series": series,
}


def fresh(text: str) -> str:
    """`text` with every table made anew."""
    return _TABLE.sub(lambda m: "\n".join([m[1] + next(rows := TABLES[m[2]]()), *rows, m[4]]), text)


if __name__ == "__main__":
    for page in DOCS.rglob("*.md"):
        before = page.read_text("utf-8")
        if (after := fresh(before)) != before:
            page.write_text(after, "utf-8")
