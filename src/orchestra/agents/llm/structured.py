"""Answers that must be JSON: reading them, and asking once more when they do not fit."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from orchestra.agents.llm import Message, Said
from orchestra.errors import Problem
from orchestra.schemas.validators import compiled

ERRORS_MAX: Final = 5
QUOTED_MAX_CHARS: Final = 100_000

_decode = msgspec.json.Decoder().decode


class Misfit(Exception):
    """The answer is no JSON, or does not fit. `problems` says where, at most five."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{one.pointer or '/'}: {one.message}" for one in problems))
        self.problems = tuple(problems)


def parsed(text: str, schema: Mapping[str, object]) -> object:
    """The JSON in an answer, checked. Raises Misfit."""
    try:
        value: object = _decode(bare(text).encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as wrong:
        message = f"not one JSON value: {str(wrong)[:200]}"
        raise Misfit([Problem("", "json", message)]) from wrong
    if schema:
        problems = compiled(schema).errors(value, most=ERRORS_MAX)
        if problems:
            raise Misfit(problems)
    return value


def bare(text: str) -> str:
    """Without one code fence around it."""
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```") and len(stripped) > 6):
        return stripped
    first, newline, rest = stripped[3:-3].partition("\n")
    word = first.strip()
    if newline and (not word or word.isalnum()):
        return rest.strip()
    return stripped[3:-3].removeprefix("json").strip()


def instruction(schema: Mapping[str, object]) -> str:
    """What a model is told that cannot be given a schema otherwise."""
    told = "Answer with one JSON value and nothing else: no explanation, no code fence."
    if not schema:
        return told
    return f"{told} It must fit this JSON Schema:\n{msgspec.json.encode(schema).decode()}"


def repair(said: Said, misfit: Misfit, schema: Mapping[str, object]) -> tuple[Message, Message]:
    """The model's answer, and what is wrong with it, for one more try."""
    lines = "\n".join(f"- {one.pointer or '/'}: {one.message}" for one in misfit.problems)
    ask = f"Your answer does not fit:\n{lines}\n\n{instruction(schema)}"
    quoted = said.text[:QUOTED_MAX_CHARS] or "(empty)"
    return Message("assistant", quoted, kept=said.kept), Message("user", ask)
