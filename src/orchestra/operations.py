"""One route -> one OpenAPI operation: bodies, answers, refusals and headers as the route tells.

`Schemas` collects the shapes of all routes first, so that each has one name in the document.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.described import Answer, Described, Shape
from orchestra.errors import OrchestraError
from orchestra.problems import MEDIA_TYPE

Document = dict[str, Any]

REFERENCE: Final = "#/components/schemas/"
HEADERS: Final = {
    "Location": "Path of what was made.",
    "ETag": "The version, in quotes: send it as `If-Match`.",
    "Idempotency-Replayed": "`true`: the answer is that of an earlier request with this key.",
    "Preference-Applied": "The `wait` that was kept to.",
    "Retry-After": "Seconds to wait before asking again.",
    "WWW-Authenticate": "`Bearer`.",
}
_WITH_REFUSAL: Final = {
    401: "WWW-Authenticate",
    429: "Retry-After",
    502: "Retry-After",
    503: "Retry-After",
}
_PLACES: Final = ("path", "query", "header")
_SENTENCE: Final = re.compile(r"(.+?)\.(?:\s+|$)", re.DOTALL)


class Schemas:
    """The named schemas of all routes, and how to refer to each."""

    def __init__(self, told: Iterable[Described]) -> None:
        shapes: list[Shape] = []
        for one in told:
            shapes += [one.body] if one.body is not None else []
            shapes += [shape for answer in one.answers.values() for shape in answer.shapes]
            shapes += [shape for answer in one.answers.values() for shape in answer.also.values()]
        structs = list(dict.fromkeys(shape for shape in shapes if isinstance(shape, type)))
        made, self.named = msgspec.json.schema_components(
            structs, schema_hook=_anything, ref_template=REFERENCE + "{name}"
        )
        self._of = dict(zip(structs, made, strict=True))
        for shape in shapes:
            if not isinstance(shape, type):
                self.named |= _hoisted(shape)

    def of(self, shapes: Sequence[Shape]) -> Document:
        """A schema that refers to one of these."""
        found = [
            self._of[shape] if isinstance(shape, type) else _reference(_name(shape["title"]))
            for shape in shapes
        ]
        return found[0] if len(found) == 1 else {"anyOf": found}


def complete(
    operation: Document,
    told: Described,
    every: Sequence[type[OrchestraError]],
    schemas: Schemas,
) -> None:
    """Write into an operation what its route tells; `every`: what is refused anywhere."""
    responses: Document = {}
    for status, answer in told.answers.items():
        responses[str(status)] = _answer(answer, schemas)
    responses |= refusals([*told.refusals, *every])
    operation["responses"] = responses
    operation.setdefault("parameters", []).extend(
        {
            "name": one.name,
            "in": "header",
            "description": one.told,
            "schema": {"type": "string"}
            | ({"maxLength": one.max_length} if one.max_length else {}),
        }
        for one in told.headers
    )
    if told.body is None:
        return
    content: Document = {"schema": schemas.of([told.body])}
    if told.examples:
        content["examples"] = {
            f"example{n}": {"summary": name, "value": value}
            for n, (name, value) in enumerate(told.examples.items(), 1)
        }
    operation["requestBody"] = {
        "required": not told.body_optional,
        "content": {"application/json": content},
    }


def refusals(kinds: Iterable[type[OrchestraError]]) -> Document:
    """Problem documents by status; each says which codes there are, and when."""
    by_status: dict[int, dict[str, str]] = {}
    for kind in kinds:
        when = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        by_status.setdefault(kind.status, {})[kind.__new__(kind).code] = when
    made: Document = {}
    for status, codes in sorted(by_status.items()):
        header = _WITH_REFUSAL.get(status)
        made[str(status)] = {
            "description": "\n".join(f"- `{code}`: {when}" for code, when in codes.items()),
            "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
        } | (_headers([header]) if header else {})
    return made


def tidy(operation: Document, path: str, *, one_of_many: bool) -> None:
    """A summary from the first sentence, and parameters in an order that stays."""
    text = " ".join(str(operation.get("description", "")).split())
    if one_of_many:
        operation["summary"] = path.rpartition("/")[2].capitalize()
    elif first := _SENTENCE.match(text):
        # Pages show a summary as it is, without Markdown.
        operation["summary"], text = first[1].replace("`", ""), text[first.end() :]
    operation["description"] = text
    operation["parameters"] = sorted(
        cast("list[Document]", operation.get("parameters", [])),
        key=lambda one: (_PLACES.index(one["in"]), not one.get("required"), one["name"]),
    )


def _answer(answer: Answer, schemas: Schemas) -> Document:
    made: Document = {"description": answer.told}
    if answer.shapes:
        kinds = {answer.media_type: answer.shapes} | {k: [one] for k, one in answer.also.items()}
        made["content"] = {kind: {"schema": schemas.of(shapes)} for kind, shapes in kinds.items()}
    return made | (_headers(answer.headers) if answer.headers else {})


def _headers(names: Sequence[str]) -> Document:
    return {
        "headers": {
            name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names
        }
    }


def _hoisted(schema: Mapping[str, Any]) -> Document:
    """A JSON Schema as components: its `$defs` become schemas beside it."""
    name = _name(schema["title"])
    inner = schema.get("$defs", {})
    names = {f"#/$defs/{key}": f"{REFERENCE}{name}{_name(key)}" for key in inner}
    whole = {key: value for key, value in schema.items() if key not in ("$schema", "$id", "$defs")}
    made: Document = {name: _moved(whole, names)}
    for key, value in inner.items():
        made[f"{name}{_name(key)}"] = _moved(value, names)
    return made


def _moved(value: Any, names: Mapping[str, str]) -> Any:
    """The same with references that point to where things are now."""
    match value:
        case dict():
            members = cast("dict[str, Any]", value)
            return {
                key: names.get(inner, inner)
                if key == "$ref" and isinstance(inner, str)
                else _moved(inner, names)
                for key, inner in members.items()
            }
        case list():
            return [_moved(inner, names) for inner in cast("list[Any]", value)]
        case _:
            return value


def _name(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[\s_]+", text))


def _reference(name: str) -> Document:
    return {"$ref": REFERENCE + name}


def _anything(_: type) -> Document:
    return {"description": "Any JSON."}
