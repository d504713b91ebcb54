"""Steps as people write them: the short forms of WORKFLOWS.md §6, read into full steps."""

import difflib
import re
from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_object
from orchestra.workflows.language.positions import escaped
from orchestra.workflows.language.records import Record
from orchestra.workflows.language.shapes import Read, wrong_type

_AGENT_KEYS = ("agent_type", "agent", "connector")
_TELLING = {"cases": "switch", "branches": "parallel", "vars": "set", "event_type": "emit"}
"""Keys that nobody gives an agent beside no agent: the step has lost its `type`."""


class StepShape(msgspec.Struct, frozen=True):
    """A step. `records` by type; `later`: types of the language that this version does not do."""

    records: Mapping[str, Record]
    common: Record
    later: tuple[str, ...]
    most: int

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_object(value):
            return wrong_type("an object", value, at, found)
        found.steps_seen += 1
        if found.steps_seen > self.most:
            return UNSET
        kind = value.get("type", UNSET)
        if kind is UNSET:
            return self._read_short(value, at, found)
        if type(kind) is str and kind in self.records:
            made = self.records[kind].read_object(value, at, found)
            return _delivered(made, at, found) if kind == "agent" else made
        self._refuse(kind, at, found)
        known = {key: item for key, item in value.items() if key in self.common.fields}
        return {
            **self.common.read_object(known, at, Findings()),
            "type": kind if type(kind) is str else "",
        }

    def _refuse(self, kind: Json, at: str, found: Findings) -> None:
        if type(kind) is not str:
            wrong_type("a text", kind, f"{at}/type", found)
        elif kind in self.later:
            text = f"'{kind}' steps are not available in this version"
            found.error("step.type_unsupported", f"{at}/type", text)
        else:
            types = (*self.records, *self.later)
            meant = "agent" if kind == "connector" else found.nearest(kind, types)
            fix = [{"op": "replace", "path": f"{at}/type", "value": meant}] if meant else None
            text = f"no step type '{kind[:64]}'"
            found.error("step.type_unknown", f"{at}/type", text, suggestion=meant, fix=fix)

    def _read_short(self, value: dict[str, Json], at: str, found: Findings) -> Read:
        kind = "agent" if any(key in value for key in _AGENT_KEYS) else "transform"
        if kind == "transform" and (meant := self._meant_agent(value)):
            kind, value = "agent", self._renamed(value, meant, at, found)
        record, close = self.records[kind], self._close()
        known: dict[str, Json] = {}
        extra: dict[str, Json] = {}
        for key, item in value.items():
            if key in record.fields:
                known[key] = item
            elif not self._refused(key, (kind, close), at, found):
                extra[key] = item
        made = {"type": kind, **record.read_object(known, at, found)}
        if extra:
            _take(extra, made, at, found)
        return _delivered(made, at, found) if kind == "agent" else made

    def _refused(
        self, key: str, of: tuple[str, Mapping[str, str]], at: str, found: Findings
    ) -> bool:
        """Whether it is no input, for a step `of` a kind, with keys that look like others."""
        place, (kind, close) = f"{at}/{escaped(key)}", of
        if kind == "transform" and key in _TELLING:
            fix = [{"op": "add", "path": f"{at}/type", "value": _TELLING[key]}]
            text = f'a step with \'{key}\' needs "type": "{_TELLING[key]}"'
            found.error("field.missing", f"{at}/type", text, suggestion=_TELLING[key], fix=fix)
            return True
        if kind == "transform" and key in self.records["agent"].fields:
            text = f"'{key}' is a field of agent steps, and this step names no agent"
            found.error("field.unknown", place, text)
            return True
        meant = close.get(_folded(key))
        if meant:
            fix = [{"op": "move", "from": place, "path": f"{at}/{meant}"}]
            text = f"did you mean '{meant}'?"
            found.error("field.unknown", place, text, suggestion=meant, fix=fix)
        return meant is not None

    def _meant_agent(self, value: Mapping[str, Json]) -> tuple[str, str] | None:
        """(key, what it was meant to be): in a step with fields of agent steps, and no agent."""
        foreign = self.records["agent"].fields.keys() - self.records["transform"].fields.keys()
        if foreign.isdisjoint(value):
            return None
        for key in value:
            close = difflib.get_close_matches(key[:64], _AGENT_KEYS, 1, 0.85)
            if close:
                return key, close[0]
        return None

    def _renamed(
        self, value: Mapping[str, Json], meant: tuple[str, str], at: str, found: Findings
    ) -> dict[str, Json]:
        """The step as it was meant, and what is wrong with it."""
        key, name = meant
        place = f"{at}/{escaped(key)}"
        found.moved[f"{at}/{name}"] = place
        fix = [{"op": "move", "from": place, "path": f"{at}/{name}"}]
        text = f"no field '{key[:64]}', did you mean '{name}'?"
        found.error("field.unknown", place, text, suggestion=name, fix=fix)
        return {name if one == key else one: item for one, item in value.items()}

    def _close(self) -> dict[str, str]:
        """Keys that look like one of these are refused, not taken as input of the agent."""
        return {
            _folded(key): key
            for key in self.records["agent"].fields
            if "_" in key or key in ("retry", "compensate", "timeout")
        }

    def schema(self) -> dict[str, Json]:
        typed = [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{kind}_step"},
            }
            for kind in self.records
        ]
        return {
            "type": "object",
            "if": {"required": ["type"]},
            "then": {"properties": {"type": {"enum": list(self.records)}}, "allOf": typed},
            "else": {
                "if": {"anyOf": [{"required": [key]} for key in _AGENT_KEYS]},
                "then": {"$ref": "#/$defs/agent_short"},
                "else": {"$ref": "#/$defs/transform_short"},
            },
        }

    def definitions(self) -> dict[str, Json]:
        """The parts of the JSON Schema that `schema` refers to."""
        made = {f"{kind}_step": record.schema() for kind, record in self.records.items()}
        agent = self._open(self.records["agent"])
        transform = self._open(self.records["transform"])
        foreign = [*_TELLING, *self.records["agent"].fields]
        never = {key: False for key in foreign if key not in self.records["transform"].fields}
        transform["properties"] = {**transform["properties"], **never}
        return {**made, "agent_short": agent, "transform_short": transform}

    def _open(self, record: Record) -> dict[str, Json]:
        """What a step without `type` may have: other keys are input, look-alikes are refused."""
        made = record.schema()
        close = "|".join(_like(folded) for folded in self._close())
        names = {"anyOf": [{"enum": list(record.fields)}, {"not": {"pattern": f"^(?:{close})$"}}]}
        text = "Other keys are input of the step (field.moved)."
        return {**made, "additionalProperties": True, "propertyNames": names, "description": text}


def _folded(key: str) -> str:
    return re.sub(r"[-_s]", "", key.lower())


def _like(folded: str) -> str:
    """A pattern for every key that folds to `folded`."""
    letters = "".join(f"[{letter}{letter.upper()}][-_sS]*" for letter in folded)
    return f"[-_sS]*{letters}"


def _take(extra: dict[str, Json], step: dict[str, Json], at: str, found: Findings) -> None:
    given, moved = step.get("input_data", {}), dict[str, Json]()
    for key, item in extra.items():
        place, name = f"{at}/{escaped(key)}", escaped(key)
        if not is_object(given) or key in given:
            text = f"'{key[:64]}' would go into input_data, which has it or is no object"
            found.error("field.conflict", place, text)
            continue
        found.moved[f"{at}/input_data/{name}"] = place
        found.note("field.moved", place, f"'{key[:64]}' is read as input of the step")
        moved[key] = item
    step["input_data"] = {**given, **moved} if moved else given


def _delivered(step: Json, at: str, found: Findings) -> dict[str, Json]:
    """`connector` written out, and `task_type` put where the agent gets it."""
    connector = step.pop("connector", None)
    if connector is not None:
        step["agent_type"], _, task_type = connector.partition(".")
        if task_type:
            step["task_type"] = task_type
    deliver(step, at, found)
    return step


def deliver(action: dict[str, Json], at: str, found: Findings) -> None:
    """Put `task_type` inside `input_data`, of a step or of a compensation."""
    task_type, given = action.get("task_type"), action.get("input_data", {})
    if task_type is not None and not is_object(given):
        text = "with 'task_type', input_data must be an object"
        found.error("field.conflict", f"{at}/input_data", text)
    elif task_type is not None and given.get("task_type", task_type) != task_type:
        text = f"input_data says another task_type than '{task_type}'"
        found.error("field.conflict", f"{at}/input_data/task_type", text)
    elif task_type is not None:
        action["input_data"] = {"task_type": task_type, **given}
    if "compensate" in action:
        deliver(action["compensate"], f"{at}/compensate", found)
