"""Random workflow definitions of every shape the language has, from a seeded source."""

import random
from dataclasses import dataclass, field
from typing import Any

from orchestra.workflows.language.digest import digest
from orchestra.workflows.language.validation import check

Document = dict[str, Any]
SIGNALS = ("go", "stop")
RUN_WHEN = ("none_failed", "all_completed", "any_completed", "any_failed", "all_done")


@dataclass
class Drawing:
    """One document while it is drawn. Ids are unique in all of it."""

    chance: random.Random
    undo_share: float
    left: int
    waits: float = 0.0
    """How many of the steps wait for a time or a signal."""
    ids: list[str] = field(default_factory=list[str])

    def document(self, name: str) -> Document:
        dice = self.chance.random
        made: Document = {"name": name, "steps": self.scope(0, [])}
        if dice() < 0.3:
            made["fail_fast"] = False
        if dice() < 0.15:
            made["timeout"] = self.chance.choice(["3s", "8s", "20s"])
        if dice() < 0.5:
            kinds = [k for k in ("failure", "cancel", "timeout") if dice() < 0.6]
            made["rollback"] = {"on": kinds}
        return made

    def scope(self, depth: int, seen: list[str]) -> list[Document]:
        count = self.chance.randint(2, 5) if depth == 0 else self.chance.randint(1, 2)
        graph = self.chance.random() < 0.5
        made: list[Document] = []
        for _ in range(count):
            if made and self.left <= 0:
                break
            earlier = [step["id"] for step in made]
            step = self.step(depth, [*seen, *earlier])
            if graph:
                most = min(len(earlier), 2)
                step["depends_on"] = self.chance.sample(earlier, self.chance.randint(0, most))
            waits = bool(step["depends_on"]) if graph else bool(earlier)
            if waits and self.chance.random() < 0.3:
                step["run_when"] = self.chance.choice(RUN_WHEN)
            made.append(step)
        return made

    def step(self, depth: int, seen: list[str]) -> Document:
        self.left -= 1
        name = f"s{len(self.ids)}"
        self.ids.append(name)
        kinds = ("agent", "transform", "switch", "parallel")
        kind = self.chance.choices(kinds, (7, 1, 1, 1) if depth < 2 else (9, 1, 0, 0))[0]
        step: Document = {"id": name}
        if self.waits and self.chance.random() < self.waits:
            return step | self.wait(depth, seen)
        if self.chance.random() < 0.15:
            step["if"] = f"input.x > {self.chance.randint(0, 9)}"
        match kind:
            case "agent":
                step |= self.agent(depth, seen)
            case "transform":
                step |= {"type": "transform", "input_data": {"v": name, **self.reads(seen)}}
            case "switch":
                first = {"when": f"input.x > {self.chance.randint(0, 9)}"}
                step |= {
                    "type": "switch",
                    "cases": [{**first, "steps": self.scope(depth + 1, seen)}],
                }
                if self.chance.random() < 0.6:
                    step["default"] = self.scope(depth + 1, seen)
            case _:
                step |= self.parallel(depth, seen)
        if kind != "transform" and self.chance.random() < 0.25:
            step["on_error"] = [self.rule(depth, seen)]
        return step

    def agent(self, depth: int, seen: list[str]) -> Document:
        step: Document = {"agent_type": "t", "input_data": {"n": 1, **self.reads(seen)}}
        step["retry"] = {"max_attempts": self.chance.randint(1, 3), "initial": "200ms", "max": "2s"}
        if self.chance.random() < self.undo_share:
            retry = {"max_attempts": self.chance.randint(2, 5), "initial": "100ms", "max": "1s"}
            step["compensate"] = {"agent_type": "t", "input_data": {"undo": True}, "retry": retry}
        return step

    def wait(self, depth: int, seen: list[str]) -> Document:
        step: Document = {"type": "wait"}
        if self.chance.random() < 0.3:
            return step | {"for": self.chance.choice(["100ms", "700ms", "3s"])}
        step |= {"signal": self.chance.choice(SIGNALS)}
        step["timeout"] = self.chance.choice(["300ms", "2s", "6s", "60s"])
        if self.chance.random() < 0.5:
            step["on_timeout"] = {"do": "continue", "output": {"v": "late", **self.reads(seen)}}
        elif self.chance.random() < 0.4:
            step["on_error"] = [self.rule(depth, seen)]
        return step

    def parallel(self, depth: int, seen: list[str]) -> Document:
        count = self.chance.randint(2, 3)
        branches = [
            {"id": f"b{len(self.ids)}_{i}", "steps": self.scope(depth + 1, seen)}
            for i in range(count)
        ]
        return {
            "type": "parallel",
            "branches": branches,
            "join": self.chance.choice(["all", "all", "any", self.chance.randint(1, count)]),
            "fail_fast": self.chance.random() < 0.5,
        }

    def rule(self, depth: int, seen: list[str]) -> Document:
        match self.chance.choice(("continue", "continue", "steps", "fail", "rollback")):
            case "continue":
                return {"do": "continue", "output": {"v": "handled"}}
            case "steps":
                return {"do": "steps", "steps": self.scope(depth + 2, seen)}
            case "fail":
                return {"do": "fail", "error": "step.given_up", "message": "enough"}
            case _:
                return {"do": "rollback"}

    def reads(self, seen: list[str]) -> Document:
        """Inputs taken from earlier steps, some of which may have nothing to give."""
        some = self.chance.sample(seen, min(len(seen), self.chance.randint(0, 2)))
        return {f"seen_{name}": f"${{steps.{name}.?output}}" for name in some}


def random_document(chance: random.Random, name: str, *, waits: bool = False) -> Document:
    """A valid definition of up to a dozen steps; with `waits` some of them wait."""
    drawing = Drawing(chance, undo_share=chance.choice([0.0, 0.5, 0.9]), left=12)
    if waits:
        drawing.waits = chance.choice([0.2, 0.4, 0.7])
    return drawing.document(name)


def normalised(document: Document) -> tuple[str, Document]:
    """Its digest and its normalised form. Raises AssertionError when it is not valid."""
    checked = check(document, None, frozenset(("t",)))
    wrong = [(f.pointer, f.code, f.message) for f in checked.findings if f.severity == "error"]
    assert checked.normalised is not None, (document, wrong)
    return digest(checked.normalised), checked.normalised
