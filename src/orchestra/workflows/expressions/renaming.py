"""Another name for a step, inside the text of expressions."""

import re
from collections.abc import Iterable
from typing import Final

from orchestra.workflows.expressions.failures import Malformed
from orchestra.workflows.expressions.inspection import Reference
from orchestra.workflows.expressions.lexer import Token, string_value, tokens

_PLAIN: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def renamed_in(text: str, references: Iterable[Reference], old: str, new: str) -> str:
    """`text` with each `steps.<old>` in it as `steps.<new>`, written as it has to be."""
    starts = {r.position for r in references if r.path[:2] == ("steps", old)}
    for start in sorted(starts, reverse=True):
        text = _renamed_at(text, start, old, new)
    return text


def _renamed_at(text: str, start: int, old: str, new: str) -> str:
    words = _words(text, start)
    if [word.text for word in words[:1]] != ["steps"] or len(words) < 3:
        return text
    opening, name = words[1], words[2]
    if opening.text in (".", ".?") and name.text.strip("`") == old:
        end = name.position + len(name.text)
    elif _indexes(words, old):
        end = words[3].position + 1
    else:
        return text
    optional = "?" in opening.text
    if _PLAIN.fullmatch(new):
        made = f"{'.?' if optional else '.'}{new}"
    else:
        made = f"{'[?' if optional else '['}'{new}']"
    return text[: opening.position] + made + text[end:]


def _words(text: str, start: int) -> list[Token]:
    found: list[Token] = []
    try:
        for token in tokens(text, start):
            found.append(token)
            if len(found) == 4:
                break
    except Malformed:  # what stands behind the expression need not be one
        pass
    return found


def _indexes(words: list[Token], name: str) -> bool:
    """Whether they are `steps["name"]`."""
    opening, index, closing = words[1], words[2], words[-1]
    if opening.text not in ("[", "[?") or index.kind != "string" or len(words) < 4:
        return False
    return string_value(index) == name and closing.text == "]"
