"""The language of searches: `level>=warn agent:gpt execution:exe_… "rate limit" -retry /429|503/`.

Terms beside each other must all hold; `-` in front: must not. A word or a "text" is found anywhere
in a line, whatever its case as long as it is written in small letters. `name:value` is a member of
the line, `name:begin*` begins so, `name:*` is there at all, `name>=7` compares; `/pattern/` is RE2.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec

# google-re2 ships neither stubs nor annotations: what it returns is typed here, at the border.
import re2  # pyright: ignore[reportMissingTypeStubs]

from orchestra.errors import Invalid, Problem
from orchestra.monitoring.logs.lines import RANK_OF

_RE2: Final[Any] = re2

QUERY_MAX_BYTES: Final = 1_024
TERMS_MAX: Final = 32
PATTERN_MAX: Final = 256
_PROGRAM_MAX_BYTES: Final = 1 << 17
"""RE2 refuses what would be larger: `(a.{0,1000})z` takes seconds for half a megabyte of lines."""
ALIASES: Final = {
    **{"execution": "execution_id", "request": "request_id", "trace": "trace_id"},
    **{"span": "span_id", "time": "ts"},
}
Op: TypeAlias = Literal[":", ">=", "<=", ">", "<"]

_TERM = re.compile(
    r"""\s*(?P<not>-?)(?:
        "(?P<text>(?:[^"\\]|\\.)*)"
      | /(?P<pattern>(?:[^/\\]|\\.)+)/(?=\s|$)
      | (?P<name>[A-Za-z_][\w.]{0,63})(?P<op>:|>=|<=|>|<)
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<value>[^\s"]+))
      | (?P<word>[^\s"/][^\s"]*)
    )(?=\s|$)""",
    re.VERBOSE,
)
_SKIP = re.compile(r"\s*\S*")
_ESCAPED = re.compile(r"\\(.)")


class QueryInvalid(Invalid):
    """The search cannot be understood. Each finding says where."""


class Level(msgspec.Struct, frozen=True):
    """How bad the line is: 0 debug to 3 error."""

    op: Op
    rank: int
    negated: bool = False


class Text(msgspec.Struct, frozen=True):
    """It is anywhere in the line."""

    text: str
    negated: bool = False


class Pattern(msgspec.Struct, frozen=True):
    """It matches somewhere in the line."""

    pattern: str
    negated: bool = False


class Member(msgspec.Struct, frozen=True):
    """A member of the line; in others by dots. None: it is there at all."""

    path: tuple[str, ...]
    op: Op
    value: str | None
    begins: bool = False
    negated: bool = False


Term: TypeAlias = Level | Text | Pattern | Member


def parsed(query: str) -> tuple[Term, ...]:
    """The terms of a query; none for an empty one. Raises QueryInvalid with every finding."""
    if len(query.encode("utf-8", "surrogatepass")) > QUERY_MAX_BYTES:
        raise QueryInvalid(
            "the query is too long",
            [Problem("/q", "too_long", f"a query has at most {QUERY_MAX_BYTES} bytes")],
        )
    findings: list[Problem] = []
    terms: list[Term] = []
    for match, position in _split(query):
        made = _term(match, position) if match else _not_understood(position)
        if isinstance(made, Problem):
            findings.append(made)
        else:
            terms.append(made)
    if len(terms) > TERMS_MAX:
        findings.append(Problem("/q", "too_many", f"a query has at most {TERMS_MAX} terms"))
    if findings:
        raise QueryInvalid("the query cannot be understood", findings)
    return tuple(terms)


def _split(query: str) -> Iterator[tuple[re.Match[str] | None, int]]:
    at, end = 0, len(query.rstrip())
    while at < end:
        match = _TERM.match(query, at)
        rest = match or _SKIP.match(query, at)
        assert rest is not None
        yield match, at + len(rest[0]) - len(rest[0].lstrip())
        at = max(rest.end(), at + 1)


def _not_understood(position: int) -> Problem:
    return Problem(
        "/q",
        "syntax",
        f"not understood at character {position + 1}: close quotes, end patterns with / and put "
        'texts with spaces or slashes in "quotes"',
    )


def _term(match: re.Match[str], position: int) -> Term | Problem:
    negated = bool(match["not"])
    if (word := match["word"]) is not None:
        return Text(word, negated)
    if (text := match["text"]) is not None:
        return Text(_plain(text), negated) if text else _empty(position)
    if (pattern := match["pattern"]) is not None:
        pattern = pattern.replace("\\/", "/")
        wrong = _refused(pattern)
        return Problem("/q", "bad_pattern", wrong) if wrong else Pattern(pattern, negated)
    quoted = match["quoted"]
    value = match["value"] if quoted is None else _plain(quoted)
    return _member(match["name"], match["op"], value, bare=quoted is None, negated=negated)


def _member(name: str, op: Any, value: str, *, bare: bool, negated: bool) -> Term | Problem:
    if name == "level" and value != "*":
        rank = RANK_OF.get(value.lower())
        if rank is None:
            return Problem("/q", "bad_level", "a level is debug, info, warning or error")
        return Level(op, rank, negated)
    path = tuple(ALIASES.get(name, name).split("."))
    if op != ":":
        if path != ("ts",) and _number(value) is None:
            return Problem("/q", "not_a_number", f"{op} compares numbers, as in duration_ms>=500")
        return Member(path, op, value, negated=negated)
    if bare and value.endswith("*"):
        begin = value[:-1]
        return Member(path, op, begin or None, begins=True, negated=negated)
    return Member(path, op, value, negated=negated)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _empty(position: int) -> Problem:
    return Problem("/q", "empty", f"nothing is looked for at character {position + 1}")


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _refused(pattern: str) -> str | None:
    if len(pattern) > PATTERN_MAX:
        return f"a pattern has at most {PATTERN_MAX} characters"
    try:
        compiled(pattern)
        compiled(pattern, lines=True)
    except (_RE2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else ""
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"not a pattern of RE2: {told[:64]}"
    return None


def compiled(pattern: str, *, lines: bool = False) -> Any:
    """The pattern of RE2, over bytes. `lines`: over many, `^` and `$` are those of each."""
    options = _RE2.Options()
    options.log_errors, options.never_capture = False, True
    options.max_mem = _PROGRAM_MAX_BYTES
    return _RE2.compile(f"(?m){pattern}".encode() if lines else pattern.encode(), options)
