"""Loads Lua files as scripts: checks the header, composes the source, lays out the arguments.

A script is one file in `<package>/lua/`, one atomic decision. Its header is its signature:

    -- session_beat: one renewal for everything this session holds here
    -- args: session lease_ms join cancelled_since      keywords of the caller; ARGV[2], ARGV[3], …
    -- more: what the positional arguments behind them are                      (optional)
    -- prelude: yes        puts in front the functions it uses of `prelude.lua`  (optional)
    -- flags: allow-oom    flags of the `#!lua` line: runs over maxmemory, too   (optional)
    -- returns …    -- repeats …    -- cost …

KEYS[1] is always a prefix such as `o:{3jb}:` and ARGV[1] is always `at`: '' means the server's
clock, a number is the clock of a simulator. The prelude is the `prelude.lua` of the same package,
else the store's.
"""

import hashlib
import importlib.resources
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

Argument: TypeAlias = bytes | str | int

_FIELD = re.compile(r"^-- (args|more|flags|prelude|returns|repeats|cost)\b:?(.*)$", re.MULTILINE)
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_WORD = re.compile(r"(?<![.:\w])[A-Za-z_]\w*")
_COMMENT = re.compile(r"--(?!\[\[).*$", re.MULTILINE)
_LOCALS = re.compile(r"^local (?:function )?([\w, ]+)")


class BadScript(Exception):
    """A Lua file whose header is wrong. Only a programmer can cause it, when scripts are loaded."""


@dataclass(frozen=True, slots=True)
class Script:
    """One atomic decision. `args` are its keywords in order; `more`: values may follow them."""

    name: str
    source: str
    sha: str
    args: tuple[str, ...]
    more: bool
    _take: Callable[[Mapping[str, Argument]], tuple[Argument, ...]]

    def argv(self, values: Mapping[str, Argument]) -> tuple[Argument, ...]:
        """The values in order. A missing or unknown keyword fails before anything is sent."""
        if len(values) == len(self.args):
            try:
                return self._take(values)
            except KeyError:
                pass
        missing, unknown = sorted({*self.args} - {*values}), sorted({*values} - {*self.args})
        raise TypeError(f"{self.name}: missing {missing}, unknown {unknown}")


def _taker(args: tuple[str, ...]) -> Callable[[Mapping[str, Argument]], tuple[Argument, ...]]:
    """Picks `args` out of a mapping, in C where that gives a tuple: this is a hot path."""
    if len(args) >= 2:
        return itemgetter(*args)
    return lambda values: tuple(values[name] for name in args)


class _Chunk(NamedTuple):
    """A top-level statement of the prelude: the names it defines, its text, the words in it."""

    defines: frozenset[str]
    text: str
    words: frozenset[str]


@cache
def load_scripts(package: str, *, prelude: bool = True) -> Mapping[str, Script]:
    """Every script of `<package>/lua/`, by name. `prelude=False` forbids the use of one.

    Read once a process: many parts of a package ask for its scripts.
    Raises BadScript for a header that says too little.
    """
    folder = importlib.resources.files(package).joinpath("lua")
    own = folder.joinpath("prelude.lua")
    shared = (
        own
        if own.is_file()
        else importlib.resources.files(__package__ or "").joinpath("lua", "prelude.lua")
    )
    chunks = _chunks(shared) if prelude else ()
    return MappingProxyType(
        {
            script.name: script
            for file in sorted(folder.iterdir(), key=lambda file: file.name)
            if file.name.endswith(".lua") and file.name != "prelude.lua"
            for script in [_script(file.name.removesuffix(".lua"), file.read_text("utf-8"), chunks)]
        }
    )


def _script(name: str, text: str, prelude: tuple[_Chunk, ...]) -> Script:
    header, body = _split(text)
    fields = {match[1]: match[2].strip() for match in _FIELD.finditer(header)}
    missing = {"args", "returns", "cost"} - fields.keys()
    if missing or not header.startswith(f"-- {name}: "):
        raise BadScript(f"{name}.lua: no '-- {name}: …' or no {sorted(missing)} in its header")
    args = tuple(fields["args"].split())
    if len(set(args)) != len(args) or not all(map(_may_be_keyword, args)):
        raise BadScript(f"{name}.lua: args are Python names, each once: {fields['args']}")
    _check_positions(name, body, len(args), more="more" in fields)
    front = ""
    if fields.get("prelude") == "yes":
        front = "".join(_used(body, prelude))
        if not front:
            raise BadScript(f"{name}.lua: asks for a prelude it does not use, or that is forbidden")
    flags = f" flags={fields['flags']}" if fields.get("flags") else ""
    source = f"#!lua{flags}\n{front}{body}"
    sha = hashlib.sha1(source.encode()).hexdigest()
    return Script(name, source, sha, args, "more" in fields, _taker(args))


def _may_be_keyword(name: str) -> bool:
    return bool(_NAME.match(name)) and not keyword.iskeyword(name)


def _split(text: str) -> tuple[str, str]:
    """The comment block a file begins with, and the rest."""
    lines = text.splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return "".join(lines[:end]), "".join(lines[end:]).lstrip("\n")


def _check_positions(name: str, body: str, count: int, *, more: bool) -> None:
    """A position that no keyword fills is a mistake in the header."""
    highest = max((int(n) for n in re.findall(r"ARGV\[(\d+)\]", body)), default=1)
    if highest > count + 1 and not more:
        raise BadScript(f"{name}.lua: uses ARGV[{highest}] and declares {count} args")


@cache
def _chunks(file: Traversable) -> tuple[_Chunk, ...]:
    """The prelude, cut at every statement that begins in the first column."""
    _, body = _split(file.read_text("utf-8"))
    starts = [match.start() for match in re.finditer(r"^(?=local )", body, re.MULTILINE)]
    found: list[_Chunk] = []
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        # The comment that follows a statement belongs to the next one; neither is sent.
        text = re.sub(r"\n(\s*--[^\n]*)?(?=\n|$)", "", body[start:end].rstrip()) + "\n"
        names = _LOCALS.match(text)
        assert names
        defines = frozenset(names[1].replace(" ", "").split(","))
        found.append(_Chunk(defines, text, frozenset(_WORD.findall(_COMMENT.sub("", text)))))
    return tuple(found)


def _used(body: str, prelude: tuple[_Chunk, ...]) -> Iterator[str]:
    """The statements of the prelude that `body` needs, directly or through others, in order."""
    wanted, grown = set(_WORD.findall(_COMMENT.sub("", body))), True
    while grown:
        before = len(wanted)
        for chunk in prelude:
            if chunk.defines & wanted:
                wanted |= chunk.words
        grown = len(wanted) > before
    return (chunk.text for chunk in prelude if chunk.defines & wanted)
