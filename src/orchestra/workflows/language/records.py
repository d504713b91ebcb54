"""Objects of the language: which keys they have, which they must have, which exclude each other."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_object
from orchestra.workflows.language.positions import escaped
from orchestra.workflows.language.shapes import Anything, Choice, Read, Shape, wrong_type


class Field(msgspec.Struct, frozen=True):
    """One key of an object. `refused`: code and text of why it cannot be used here."""

    shape: Shape = Anything()
    doc: str = ""
    required: bool = False
    default: Json = UNSET
    alias_of: str = ""
    refused: tuple[str, str] | None = None

    def schema(self) -> dict[str, Json]:
        """JSON Schema of the value, with its documentation."""
        made: dict[str, Json] = {"not": {}} if self.refused else self.shape.schema()
        if self.refused:
            made["description"] = self.refused[1]
        elif self.doc:
            made = {**made, "description": self.doc}
        return made if self.default is UNSET else {**made, "default": self.default}


class Record(msgspec.Struct, frozen=True):
    """An object with these keys and no others.

    `exactly_one` of these keys must be there; `exclusive` are pairs that cannot be there together;
    `needs` are triples: a key, another one it needs, and the code of what is found without.
    `elsewhere` tells for a key that is unknown here where it belongs.
    """

    what: str
    fields: Mapping[str, Field]
    exactly_one: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, str, str], ...] = ()
    elsewhere: Mapping[str, str] = {}

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_object(value):
            return wrong_type("an object", value, at, found)
        return self.read_object(value, at, found)

    def read_object(self, value: Mapping[str, Json], at: str, found: Findings) -> dict[str, Json]:
        """What can be read of an object."""
        made: dict[str, Json] = {}
        for key, item in value.items():
            field = self.fields.get(key)
            if field is None:
                self._unknown(key, value, at, found)
            elif field.refused:
                found.error(field.refused[0], f"{at}/{key}", field.refused[1])
            else:
                read = field.shape.read(item, f"{at}/{key}", found)
                if read is not UNSET:
                    made[self._named(key, field, value, at, found)] = read
        self._check_keys(value, at, found)
        return made

    def _named(
        self, key: str, field: Field, value: Mapping[str, Json], at: str, found: Findings
    ) -> str:
        full = field.alias_of
        if not full or full in value:
            return key
        found.moved[f"{at}/{full}"] = f"{at}/{key}"
        fix = [{"op": "move", "from": f"{at}/{key}", "path": f"{at}/{full}"}]
        found.note("field.alias", f"{at}/{key}", f"read as '{full}'", suggestion=full, fix=fix)
        return full

    def _unknown(self, key: str, given: Mapping[str, Json], at: str, found: Findings) -> None:
        place = f"{at}/{escaped(key)}"
        if key in self.elsewhere:
            fix = [{"op": "remove", "path": place}]
            found.error("field.unknown", place, f"'{key}' is {self.elsewhere[key]}", fix=fix)
            return
        meant = found.nearest(key, self.usable())
        fix = [{"op": "move", "from": place, "path": f"{at}/{meant}"}]
        if meant is None or meant in given:
            fix = [{"op": "remove", "path": place}]
        hint = f", did you mean '{meant}'?" if meant else ""
        text = f"{self.what} has no field '{key[:64]}'{hint}"
        found.error("field.unknown", place, text, suggestion=meant, fix=fix)

    def usable(self) -> Iterable[str]:
        """Keys that can be written here, aliases left out."""
        return [key for key, field in self.fields.items() if not (field.refused or field.alias_of)]

    def _check_keys(self, value: Mapping[str, Json], at: str, found: Findings) -> None:
        for key, field in self.fields.items():
            if field.required and key not in value:
                found.error("field.missing", f"{at}/{key}", f"{self.what} needs '{key}'")
        if self.exactly_one:
            given = [key for key in self.exactly_one if key in value]
            usable = [key for key in self.exactly_one if not self.fields[key].refused]
            listed = " or ".join(f"'{key}'" for key in usable)
            if not given:
                at_key = f"{at}/{self.exactly_one[0]}"
                found.error("field.missing", at_key, f"{self.what} needs {listed}")
            for extra in given[1:]:
                text = f"{self.what} takes one of {listed}"
                fix = [{"op": "remove", "path": f"{at}/{extra}"}]
                related = [f"{at}/{given[0]}"]
                found.error("field.conflict", f"{at}/{extra}", text, related=related, fix=fix)
        for one, other in self.exclusive:
            if one in value and other in value:
                text = f"'{other}' and '{one}' cannot be given together"
                fix, related = [{"op": "remove", "path": f"{at}/{one}"}], [f"{at}/{other}"]
                found.error("field.conflict", f"{at}/{one}", text, related=related, fix=fix)

        for key, needed, code in self.needs:
            if key in value and needed not in value:
                found.error(code, f"{at}/{needed}", f"'{key}' needs a '{needed}'")

    def schema(self) -> dict[str, Json]:
        known = dict(self.fields)
        made: dict[str, Json] = {
            "type": "object",
            "properties": {key: field.schema() for key, field in known.items()},
            "additionalProperties": False,
        }
        if required := [key for key, field in known.items() if field.required]:
            made["required"] = required
        if self.exactly_one:
            made["oneOf"] = [{"required": [key]} for key in self.exactly_one]
        if self.exclusive:
            made["allOf"] = [{"not": {"required": list(pair)}} for pair in self.exclusive]
        if self.needs:
            made["dependentRequired"] = {key: [needed] for key, needed, _ in self.needs}
        return made


class Tagged(msgspec.Struct, frozen=True):
    """An object whose key `tag` says which of several records it is."""

    what: str
    tag: str
    variants: Mapping[str, Record]
    later: tuple[str, ...] = ()

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if not is_object(value):
            return wrong_type("an object", value, at, found)
        if self.tag not in value:
            found.error("field.missing", f"{at}/{self.tag}", f"{self.what} needs '{self.tag}'")
            return UNSET
        words = Choice(tuple(self.variants), self.later)
        kind = words.read(value[self.tag], f"{at}/{self.tag}", found)
        return UNSET if kind is UNSET else self.variants[kind].read(value, at, found)

    def schema(self) -> dict[str, Json]:
        return {
            "type": "object",
            "required": [self.tag],
            "properties": {self.tag: {"enum": list(self.variants)}},
            "allOf": [
                {
                    "if": {"properties": {self.tag: {"const": kind}}, "required": [self.tag]},
                    "then": record.schema(),
                }
                for kind, record in self.variants.items()
            ],
        }
