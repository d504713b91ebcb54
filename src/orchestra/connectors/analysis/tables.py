"""The data beside this package: vendored lexicons and our own tables, read when first asked for."""

from collections.abc import Iterator
from importlib import resources

_PACKAGE = "orchestra.connectors.analysis"


def rows(name: str) -> Iterator[tuple[str, str]]:
    """The two columns of `vader/<name>`, tab between them."""
    for line in _read("vader", name).split("\n"):
        left, tab, right = line.partition("\t")
        if tab:
            yield left, right


def sections(name: str) -> Iterator[tuple[list[str], list[str]]]:
    """What `tables/<name>` says: the words of each `[heading]` and the lines below it."""
    heading: list[str] = []
    lines: list[str] = []
    for line in _read("tables", name).split("\n"):
        if line.startswith("[") and line.endswith("]"):
            if heading:
                yield heading, lines
            heading, lines = line[1:-1].split(), []
        elif line and not line.startswith("#"):
            lines.append(line)
    yield heading, lines


def _read(folder: str, name: str) -> str:
    return resources.files(_PACKAGE).joinpath(folder, name).read_text("utf-8")
