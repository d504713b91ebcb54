"""Anything that can be read as a table, as columns of cells: at most 100,000 of them."""

import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from orchestra.connectors.analysis.cells import Cell, clean, number

CELLS_MAX = 100_000
COLUMNS_MAX = 200
_SEED = 5_489  # the same data gives the same sample
_LOOKED_AT = 100  # rows, for the width of a table
_NESTED_MAX = 3
_DELIMITERS = ",;\t|"

Row = Mapping[str, object]


class NotATable(Exception):
    """The text looks like CSV and cannot be read as such."""


class Table(msgspec.Struct, frozen=True):
    """`columns` by name, all of one length; `numbers` are their rows' places in the data."""

    rows: int
    numbers: Sequence[int]
    columns: Mapping[str, list[Cell]]
    columns_left_out: int = 0

    @property
    def sampled(self) -> bool:
        """Whether some rows were left out."""
        return len(self.numbers) < self.rows


def read(data: object) -> Table:
    """A list of objects, of lists or of scalars, one of these, columns, JSON or CSV text.

    Objects inside objects become columns with a dotted name. Raises `NotATable`.
    """
    if isinstance(data, str):
        return _read_text(data)
    if data is None:
        return Table(0, (), {})
    if isinstance(data, Mapping):
        return _from_object(cast("Row", data))
    if isinstance(data, Sequence) and not isinstance(data, bytes):
        return _from_rows(cast("Sequence[object]", data))
    return _from_rows([data])


def _from_object(data: Row) -> Table:
    """One row; or, when every field is a list of one length, the columns of a table."""
    lists = [_as_list(value) for value in data.values() if _is_list(value)]
    lengths = {len(values) for values in lists}
    if len(lists) == len(data) > 0 and len(lengths) == 1 and lengths.pop() > 1:
        turned = zip(*lists, strict=True)
        return _from_rows([dict(zip(data, row, strict=True)) for row in turned])
    return _from_rows([data] if data else [])


def _from_rows(data: Sequence[object]) -> Table:
    if data and all(isinstance(row, list | tuple) for row in data[:_LOOKED_AT]):
        return _from_lists([_as_list(row) for row in data])
    width = max((_width(row) for row in data[:_LOOKED_AT]), default=1)
    numbers = _sample(len(data), width)
    return _columns([_flat(data[at]) for at in numbers], len(data), numbers)


def _from_lists(data: Sequence[Sequence[object]]) -> Table:
    header, first = _header(data[0]), 0
    if header is None or len(data) == 1:
        header = [f"column_{at + 1}" for at in range(len(data[0]))]
    else:
        first = 1
    body = data[first:]
    numbers = _sample(len(body), max(len(header), 1))
    names = [*header, *(f"column_{at + 1}" for at in range(len(header), COLUMNS_MAX))]
    rows = [dict(zip(names, body[at], strict=False)) for at in numbers]
    return _columns(rows, len(body), numbers)


def _columns(rows: Sequence[Row], total: int, numbers: Sequence[int]) -> Table:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    kept = list(names)[:COLUMNS_MAX]
    columns = {str(name)[:100]: [clean(row.get(name)) for row in rows] for name in kept}
    return Table(total, numbers, columns, len(names) - len(kept))


def _read_text(text: str) -> Table:
    bare = text.strip("\ufeff\r\n ")
    if bare[:1] in ("[", "{"):
        try:
            return read(msgspec.json.decode(bare.encode("utf-8", "replace")))
        except (msgspec.DecodeError, RecursionError):
            pass  # It only began like JSON.
    delimiter = _delimiter(bare)
    if delimiter is None:
        return _from_rows(bare.splitlines())
    lines = (line for line in csv.reader(bare.splitlines(keepends=True), delimiter=delimiter))
    try:
        rows = [line for line in lines if line]
    except csv.Error as error:
        raise NotATable(f"data is not readable as CSV: {error}") from error
    return _from_lists(rows)


def _delimiter(text: str) -> str | None:
    """The mark of the first line that stands most often in each of the next ones, too."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:5]
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    usable = {mark: (min(found), found[0]) for mark, found in counts.items() if any(found[:1])}
    return max(usable, key=lambda mark: usable[mark], default=None)


def _header(row: Sequence[object]) -> list[str] | None:
    """The names in `row`, if it holds names: different texts, none a number."""
    names = [cell.strip() for cell in row if isinstance(cell, str)]
    if len(names) < len(row) or len(set(names)) < len(names):
        return None
    return names if names and all(name and number(name) is None for name in names) else None


def _sample(rows: int, width: int) -> Sequence[int]:
    """Places of the rows to look at, ascending: all of them, or as many as the cells allow."""
    most = max(CELLS_MAX // max(width, 1), 1)
    if rows <= most:
        return range(rows)
    return sorted(random.Random(_SEED).sample(range(rows), most))


def _width(row: object) -> int:
    return min(len(_flat(row)), COLUMNS_MAX)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _as_list(row: object) -> list[object]:
    return list(cast("Sequence[object]", row)) if isinstance(row, list | tuple) else [row]


def _flat(row: object) -> Row:
    if not isinstance(row, Mapping):
        return {"value": row}
    fields = cast("Row", row)
    if not any(isinstance(value, Mapping) for value in fields.values()):
        return fields
    return dict(_fields(fields, "", 0))


def _fields(row: Row, prefix: str, depth: int) -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        if isinstance(value, Mapping) and value and depth < _NESTED_MAX:
            yield from _fields(cast("Row", value), f"{prefix}{name}.", depth + 1)
        else:
            yield f"{prefix}{name}", value
