"""Another id for a step of a text: what depends on it and what speaks of it follows.

Nothing else of the text changes: what is rewritten is cut out and put in, string by string.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from orchestra.errors import Invalid, NotFound, Problem
from orchestra.workflows.expressions.renaming import renamed_in
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Finding, Findings
from orchestra.workflows.language.json_text import read_text
from orchestra.workflows.language.kinds import is_list, is_object
from orchestra.workflows.language.normalise import normalise
from orchestra.workflows.language.outline import Block, Node, every_node
from orchestra.workflows.language.positions import spans
from orchestra.workflows.language.tables import ID
from orchestra.workflows.language.uses import Uses

_TAKEN: Final = ("step.id_duplicate", "step.id_shadowed")


class NoSuchStep(NotFound):
    """The text has no step of this path."""


class _Read:
    """A text, read as far as it can be."""

    def __init__(self, text: str) -> None:
        source = text.encode(errors="replace")
        self.found = Findings()
        self.document = read_text(source, self.found)
        if self.found.failed or not is_object(self.document):
            raise Invalid("the text is no definition", _problems(self.found.all(source)))
        self.normalised, self.body = normalise(self.document, self.found)

    def node(self, path: str) -> Node:
        """The step. Raises NoSuchStep."""
        for node in every_node(self.body):
            if node.path == path:
                return node
        raise NoSuchStep("the text has no step of this path")

    def taken(self) -> set[tuple[str, str]]:
        """Ids that cannot be where they are."""
        return {(f.code, f.pointer) for f in self.found.all() if f.code in _TAKEN}


def renamed(text: str, path: str, new: str) -> tuple[str, tuple[str, ...]]:
    """The text with the step at `path` called `new`, and what was rewritten, as pointers.

    Raises Invalid for a text that cannot be read, an id that is none or is taken; NoSuchStep.
    """
    if not re.fullmatch(ID, new):
        raise _refused("step.id_bad", "an id is a letter, then letters, digits, '_' and '-'")
    read = _Read(text)
    node = read.node(path)
    if node.id == new:
        return text, ()
    written = dict(_rewritten(read, node, new))
    made = _spliced(text, node, read, written, new)
    if node.scope.visible(new) or _Read(made).taken() - read.taken():
        raise _refused("step.id_duplicate", f"'{new}' is taken by another step here or around")
    return made, tuple(sorted(written))


def _rewritten(read: _Read, node: Node, new: str) -> Iterator[tuple[str, str]]:
    """Pointers into the text, and the strings that stand there then."""
    yield f"{node.at}/id", new
    for other in node.scope.nodes:
        before = other.step.get("depends_on")
        for n, name in enumerate(before if is_list(before) else ()):
            if name == node.id:
                yield read.found.origin(f"{other.at}/depends_on/{n}"), new
    for use in Uses(read.normalised, read.body, Findings()).every(read.body):
        if _means(use.block, node):
            text = renamed_in(use.text, use.references, node.id, new)
            if text != use.text:
                yield read.found.origin(use.at), text


def _means(block: Block, node: Node) -> bool:
    return block.visible(node.id) is node


def _spliced(text: str, node: Node, read: _Read, written: dict[str, str], new: str) -> str:
    at = spans(text, {*written, node.at})
    changes: list[tuple[int, int, str]] = []
    for pointer, value in written.items():
        if pointer in at:
            changes.append((*at[pointer], _json(value)))
        elif pointer == f"{node.at}/id":
            start = at[node.at][0] + 1
            gap = re.match(r"\s*", text[start:])
            space = gap.group() if gap else ""
            given = _given(read.document, node.at)
            changes.append((start, start, f'{space}"id": {_json(new)}{"," if given else ""}'))
    made, reached = list[str](), 0
    for start, end, value in sorted(changes):
        made += [text[reached:start], value]
        reached = end
    return "".join((*made, text[reached:]))


def _given(document: Json, pointer: str) -> Json:
    for part in pointer.split("/")[1:]:
        document = document[int(part)] if is_list(document) else document[part]
    return document


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _refused(code: str, message: str) -> Invalid:
    return Invalid(message, [Problem("/to", code, message)])


def _problems(found: tuple[Finding, ...]) -> list[Problem]:
    return [Problem("/definition" + f.pointer, f.code, f.message) for f in found[:20]]
