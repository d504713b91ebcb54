"""The table of all settings, for `--help` and the documentation."""

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo, fields

from orchestra.settings import PREFIX, Settings, bare


class Setting(msgspec.Struct, frozen=True):
    """One row of `describe`."""

    name: str
    option: str
    variable: str
    kind: str
    default: str
    help: str


def describe() -> list[Setting]:
    """Every setting with its three names, for `--help` and the documentation."""
    return [
        Setting(
            name=field.name,
            option=f"--{field.name.replace('_', '-')}",
            variable=PREFIX + field.name.upper(),
            kind=_kind(field.type),
            default="" if field.default in (None, ()) else str(field.default),
            help=_description(field),
        )
        for field in fields(Settings)
    ]


def _kind(kind: Any) -> str:
    """The type as people write it: `int`, `text`, `auto|required`, `a,b,c`."""
    kind = bare(kind)
    choices = [part for part in get_args(kind) if part is not type(None)]
    if get_origin(kind) is Literal:
        return "|".join(map(str, choices))
    if get_origin(kind) is tuple:
        return "a,b,c"
    if choices:
        return _kind(choices[0])
    names: dict[Any, str] = {str: "text", int: "int", float: "seconds", bool: "true|false"}
    return names[kind]


def _description(field: FieldInfo) -> str:
    metas: Iterable[object] = getattr(field.type, "__metadata__", ())
    return next((m.description or "" for m in metas if isinstance(m, Meta)), "")
