"""Every expression of a definition, compiled once, with the scope it stands in."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from orchestra.workflows.expressions import Malformed, Program, Reference, template_parts
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.outline import Block, Node, every_node
from orchestra.workflows.language.parts import Place, bare, places, texts

_SECRET: Final = re.compile(r"(?<!\$)\$\{\s*secret\s*:")
_CONSTANTS: Final = {"true": True, "false": False}


TEXTS_MAX: Final = 5_000
CHARACTERS_MAX: Final = 262_144
"""Compiling takes some 1.5 µs a character, and a check must not take a second."""


class Use(msgspec.Struct, eq=False):
    """One string with expressions, or one condition.

    `node` is the step it belongs to, None for the output of the definition; `block` is the scope
    whose steps it sees: for the output of a case or a branch the scope inside it.
    """

    place: Place
    at: str
    text: str
    node: Node | None
    block: Block
    programs: list[Program]
    references: list[Reference]

    @property
    def constant(self) -> bool | None:
        """What a condition always is; None when that depends."""
        return _CONSTANTS.get(bare(self.text).strip()) if self.place.kind == "condition" else None


class Uses:
    """All expressions of a definition."""

    def __init__(self, definition: Mapping[str, Json], body: Block, found: Findings) -> None:
        self._found = found
        self._texts = self._characters = 0
        self._full = False
        self._own: dict[int, list[Use]] = {}
        self._inner: dict[int, list[Use]] = {}
        for node in every_node(body):
            self._own[id(node)] = self._all(places(node.step, node.at), node, node.scope)
            for block in node.inner:
                part = block.part
                if part is not None and part.output is not UNSET:
                    place = Place("inner", part.output_at, part.output)
                    self._inner[id(block)] = self._all([place], node, block)
        output = definition.get("output", UNSET)
        final = [Place("inner", "/output", output)] if output is not UNSET else []
        self.final = self._all(final, None, body)

    def own(self, node: Node) -> list[Use]:
        """Those of the step itself, and the outputs of its cases and branches."""
        outputs = [use for block in node.inner for use in self._inner.get(id(block), ())]
        return [*self._own[id(node)], *outputs]

    def within(self, node: Node) -> Iterator[Use]:
        """Those of the step and of all steps inside it; compensations apart: they run later."""
        yield from (use for use in self.own(node) if use.place.kind != "undo")
        for block in node.inner:
            for inner in block.nodes:
                yield from self.within(inner)

    def every(self, body: Block) -> Iterator[Use]:
        """All of them."""
        for node in every_node(body):
            yield from self.own(node)
        yield from self.final

    def _all(self, given: Iterable[Place], node: Node | None, block: Block) -> list[Use]:
        made: list[Use] = []
        for place in given:
            if place.kind == "condition":
                found = [(place.at, place.value)]
            else:
                found = list(texts(place.value, place.at))
            for at, text in found:
                programs = self._compiled(place, at, text)
                references = [r for program in programs for r in program.references()]
                made.append(Use(place, at, text, node, block, programs, references))
        return made

    def _compiled(self, place: Place, at: str, text: str) -> list[Program]:
        if not self._secrets_allowed(place, at, text):
            return []
        if not self._room_for(text, at):
            return []
        try:
            if place.kind != "condition":
                return [part for part in template_parts(text) if isinstance(part, Program)]
            source = bare(text)
            program = Program(source, text.find(source))
        except Malformed as problem:
            suggestion = problem.suggestion
            message = f"{problem} (at character {problem.position + 1})"
            fix = _meant(text, at, problem)
            self._found.error(problem.code, at, message, suggestion=suggestion, fix=fix)
            return []
        if program.surely_not_bool():
            text = "a condition must be true or false, and this is never either"
            self._found.error("expression.not_boolean", at, text)
        return [program]

    def _room_for(self, text: str, at: str) -> bool:
        self._texts += 1
        self._characters += len(text)
        if self._texts > TEXTS_MAX or self._characters > CHARACTERS_MAX:
            most = f"{TEXTS_MAX:,} texts with expressions, {CHARACTERS_MAX:,} characters in all"
            if not self._full:
                self._found.error("limit.expressions", at, f"a definition may have {most}")
            self._full = True
        return not self._full

    def _secrets_allowed(self, place: Place, at: str, text: str) -> bool:
        if place.kind in ("request", "undo") or not _SECRET.search(text):
            return True
        message = "secrets are resolved only in what is sent to agents: input_data of an agent step"
        self._found.error("secret.misplaced", at, message)
        return False


def _meant(text: str, at: str, problem: Malformed) -> list[dict[str, Json]] | None:
    """The patch that writes the name that was meant, where the wrong one stands alone."""
    start, end = problem.position, problem.position + problem.length
    if not problem.suggestion or not re.fullmatch(r"[\w.]+", text[start:end]):
        return None
    return [{"op": "replace", "path": at, "value": text[:start] + problem.suggestion + text[end:]}]
