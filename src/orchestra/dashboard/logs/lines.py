"""Lines of the log as a page shows them: what stands out, where it leads, how to search for it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

LEVELS: Final = ("debug", "info", "warning", "error")
FIRST: Final = ("ts", "level", "event")
LAST: Final = ("tenant", "replica", "origin", "trace_id", "span_id", "module")
FACTS_MAX: Final = 6
FIELDS_MAX: Final = 100
SHORT: Final = {"execution_id": "execution", "request_id": "request", "trace_id": "trace",
                "span_id": "span"}  # fmt: skip
_LEVEL: Final = re.compile(r"(?:^|\s)level(>=|<=|:|>|<)([A-Za-z*]+)(?=\s|$)")
_WORD: Final = re.compile(r"[A-Za-z0-9_.*-]+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")

Line = Mapping[str, Any]


class Fact(msgspec.Struct, frozen=True):
    """A member of a line. `href` is where it leads, if anywhere."""

    name: str
    value: str
    href: str = ""
    only: str = ""
    without: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A line."""

    id: str
    ts: str
    level: str
    event: str
    facts: tuple[Fact, ...]
    more: int
    href: str


def shown(line: Line) -> Shown:
    """A line in a list, with the facts that say most."""
    rest = [(name, value) for name, value in line.items() if name not in FIRST]
    rest.sort(key=lambda one: one[0] in LAST)  # sorting is stable
    kept = [one for one in rest if one[0] not in LAST][:FACTS_MAX] or rest[:2]
    id_ = mark(line)
    place = {"at": str(line.get("ts", "")), "line": id_}
    return Shown(
        id_, str(line.get("ts", "")), level_of(line), str(line.get("event", "")),
        tuple(Fact(name, _text(value), leads(name, value, line)) for name, value in kept),
        len(rest) - len(kept), f"/logs/line?{urlencode(place)}",
    )  # fmt: skip


def fields(line: Line) -> list[Fact]:
    """Every member of a line, each with the searches that keep it and that leave it out."""
    found: list[Fact] = []
    for name, value in list(line.items())[:FIELDS_MAX]:
        text = _text(value)
        term = "" if name == "ts" else term_of(name, value)
        found.append(
            Fact(
                name, text, leads(name, value, line),
                f"/logs?{urlencode({'q': term})}" if term else "",
                f"/logs?{urlencode({'q': f'-{term}'})}" if term else "",
            )
        )  # fmt: skip
    return found


def term_of(name: str, value: object) -> str:
    """A term that a line with this member fits; empty when the language has none."""
    if not isinstance(value, str | int | float | bool) or not _NAME.fullmatch(name):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if name in ("event", "message") or not _WORD.fullmatch(text) or len(text) > 200:
        plain = text[:200].replace("\\", "\\\\").replace('"', '\\"')
        return f'"{plain}"' if plain.strip() and plain.isprintable() else ""
    return f"{SHORT.get(name, name)}:{text}"


def leads(name: str, value: object, line: Line) -> str:
    """Where a member leads."""
    if not isinstance(value, str) or not value:
        return ""
    held = quote(value, safe="")
    execution = line.get("execution_id")
    if name == "execution_id":
        return f"/executions/{held}"
    if name == "step" and isinstance(execution, str):
        return f"/executions/{quote(execution, safe='')}?{urlencode({'step': value})}"
    if name == "agent":
        return f"/agents/{held}" if value.startswith("agt_") else f"/agents?q={held}"
    if name == "webhook" and value.startswith("whk_"):
        return f"/webhooks/{held}"
    if name == "queue":
        return f"/queues/{held}"
    if name in ("request_id", "trace_id"):
        return f"/logs?{urlencode({'q': f'{SHORT[name]}:{value}'})}"
    return ""


def mark(line: Line) -> str:
    """What tells a line from others of its instant."""
    return hashlib.blake2b(msgspec.json.encode(line), digest_size=6).hexdigest()


def level_of(line: Line) -> str:
    """One of ours."""
    level = str(line.get("level", "info"))
    return "error" if level == "critical" else level if level in LEVELS else "info"


def without_level(query: str) -> str:
    """A search without what it says of levels."""
    return _LEVEL.sub("", query).strip()


def levels_in(query: str) -> tuple[str, ...]:
    """The levels a search lets through, as far as one term says so."""
    found = _LEVEL.findall(query)
    if len(found) != 1:
        return LEVELS if not found else ()
    sign, word = found[0]
    word = {"warn": "warning", "critical": "error"}.get(word.lower(), word.lower())
    if word not in LEVELS:
        return LEVELS
    at = LEVELS.index(word)
    kept: Mapping[str, Sequence[str]] = {
        ">=": LEVELS[at:], ">": LEVELS[at + 1 :], "<=": LEVELS[: at + 1], "<": LEVELS[:at],
        ":": LEVELS[at : at + 1],
    }  # fmt: skip
    return tuple(kept[sign])


def with_level(query: str, term: str) -> str:
    """A search with another level."""
    return f"{term} {without_level(query)}".strip()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
