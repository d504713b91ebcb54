"""Reading documents of others: a field that is missing, null or of another type is empty."""

from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import msgspec

TOKENS_MAX = 1 << 40
LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")

Document = Mapping[str, object]

_decode = msgspec.json.Decoder().decode


def text(document: Document, name: str) -> str:
    """The string there, or the empty one."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def inner(document: Document, name: str) -> Document:
    """The object there, or an empty one."""
    value = document.get(name)
    return cast("Document", value) if isinstance(value, dict) else {}


def objects(document: Document, name: str) -> list[Document]:
    """The objects in the list there; whatever else is in it is left out."""
    value = document.get(name)
    if not isinstance(value, list):
        return []
    return [cast("Document", one) for one in cast("list[object]", value) if isinstance(one, dict)]


def count(document: Document, name: str) -> int:
    """The number of tokens there; 0 for what cannot be one."""
    value = document.get(name)
    return value if type(value) is int and 0 <= value < TOKENS_MAX else 0


def whole(document: Document, name: str) -> int | None:
    """The whole number there, if there is one."""
    value = document.get(name)
    return value if type(value) is int else None


def listed(value: object) -> list[object] | None:
    """`value`, if it is a list."""
    return cast("list[object]", value) if isinstance(value, list) else None


def object_in(json: str) -> dict[str, object]:
    """The object that `json` is; an empty one for what a model left unfinished, or got wrong."""
    try:
        value: object = _decode(json)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def limit_and_rest(params: Document, asked: int | None) -> tuple[int | None, dict[str, object]]:
    """The most tokens to say, and the params without it: each API has another name for it.

    People register an agent with the name they know; `asked` goes before all of them.
    """
    rest = {name: value for name, value in params.items() if name not in LIMITS}
    given = (whole(params, name) for name in LIMITS)
    return asked or next((limit for limit in given if limit is not None), None), rest


def join(base_url: str, path: str) -> str:
    """`path` under `base_url`; a query of the base, as some gateways have, stays at the end."""
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path, fragment=""))
