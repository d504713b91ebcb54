"""Requests of any kind, from a seed: right ones, nearly right ones, and nonsense."""

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from products import Product

HOSTILE = (
    "", "x", "NaN", "-1", "0", "1", "9" * 400, "\x00", "💥", "%", "a:b", ":", ",", "-1h", "now",
    "{}", "[]", "null", "true", "1e309", "-0", "9223372036854775808", "2026-11-23T08:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+23:59", "-9999999w", "10s", "1h", "7d",
    "p95", "ratio", "orchestra_", "#h", "../../etc/passwd", "' OR 1=1 --", "<script>", "${jndi:x}",
    "\u202e", "a" * 129, "é" * 300, "/(a+)+$/", '"', '\\"', "level>=warn", "-", "--", "a.b.c:*",
    "x>=nan", "/[/", "*", "exe_", "alr_", "0-0", "1-1,2-2",
)  # fmt: skip
NAMES = (
    "metric", "agg", "by", "where", "from", "to", "step", "limit", "offset", "of", "format",
    "window", "metric_name", "value", "type", "unit", "timestamp", "label.a", "labels", "q",
    "cursor", "order", "at", "n", "buckets", "after", "state", "severity", "rule", "id",
)  # fmt: skip
FIELDS = (
    "metric_name", "value", "labels", "type", "unit", "timestamp", "metrics", "logs", "ts",
    "level", "event", "message", "name", "kind", "metric", "agg", "of", "threshold", "op",
    "window", "for", "a", "/~", "",
)  # fmt: skip
TYPES = (
    "application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain",
    "", "application/json; charset=utf-16", "multipart/form-data; boundary=x",
)  # fmt: skip
SIMPLE: Mapping[str, Sequence[Any]] = {
    "integer": (0, 1, 2, -1, 7, 60, 10**6, 2**63), "number": (0, 0.5, 1, -1, 1e9, 1e308),
    "boolean": (True, False), "null": (None,),
}  # fmt: skip
LEAKS = ("Traceback (most", '.py", line ', "site-packages")
Form = list[tuple[str, str]]


class Route(NamedTuple):
    """Where to; what the description says of it, and the forms that pages have for it."""

    method: str
    path: str
    told: Mapping[str, Any]
    forms: Sequence[Form] = ()


class Fuzz:
    """Makes requests. `known` are values that mean something here, by the name of what they are."""

    def __init__(
        self,
        seed: int,
        known: Mapping[str, Sequence[str]] | None = None,
        schemas: Mapping[str, Any] | None = None,
    ) -> None:
        self.chance = random.Random(seed)
        self._known, self._schemas = known or {}, schemas or {}
        self._every = [one for some in self._known.values() for one in some]

    def anything(self, depth: int = 3) -> Any:
        """Some JSON."""
        chance = self.chance
        scalars = (*HOSTILE, None, True, 0, -1, 1e308, 10**18, 0.1, -(2**63))
        if depth == 0 or chance.random() < 0.4:
            return chance.choice(scalars)
        if chance.random() < 0.4:
            return [self.anything(depth - 1) for _ in range(chance.randrange(5))]
        return {
            chance.choice((*FIELDS, *HOSTILE[:9])): self.anything(depth - 1)
            for _ in range(chance.randrange(7))
        }

    def value(self) -> str:
        """Of a parameter."""
        chance = self.chance
        if self._every and chance.random() < 0.2:
            return chance.choice(self._every)
        one = chance.choice(HOSTILE)
        return one if chance.random() < 0.8 else one + chance.choice(HOSTILE)

    def place(self, path: str) -> str:
        """A path with something in the place of each of its parameters, mostly what fits there."""
        while "{" in path:
            begin, _, rest = path.partition("{")
            name, _, rest = rest.partition("}")
            fitting = self._known.get(name)
            known = fitting and self.chance.random() < 0.85
            value = self.chance.choice(fitting) if fitting and known else self.value()[:80]
            path = begin + (quote(value, safe="") or "x") + rest
        return path

    def query(self, told: Mapping[str, Any]) -> Form:
        """Its own parameters mostly, and with values of any kind."""
        chance = self.chance
        own = [one["name"] for one in told.get("parameters", ()) if one["in"] == "query"]
        names = [*own * 3, *NAMES, *HOSTILE[:3]]
        found = [(chance.choice(names), self.value()) for _ in range(chance.randrange(6))]
        return [one for one in found if one[0] != "follow"]

    def body(self, told: Mapping[str, Any]) -> tuple[bytes, str]:
        """Of a request, and what it is declared as."""
        chance = self.chance
        text = json.dumps(self._document(told.get("requestBody", {}))).encode()
        if chance.random() < 0.1:
            cut = chance.randrange(len(text) + 1)
            text = text[:cut] + bytes([chance.randrange(256)]) + text[cut:]
        return text, TYPES[0] if chance.random() < 0.7 else chance.choice(TYPES)

    def _document(self, told: Mapping[str, Any]) -> Any:
        """What the description asks for, or nearly, or an example of it; or nothing like it."""
        chance = self.chance
        kinds = [one for one in told.get("content", {}).values() if self._schemas]
        if not kinds or chance.random() < 0.2:
            return self.anything()
        kind = chance.choice(kinds)
        examples = [one["value"] for one in kind.get("examples", {}).values() if "value" in one]
        if examples and chance.random() < 0.6:
            made = copy.deepcopy(chance.choice(examples))
        else:
            made = self._of(kind.get("schema", {}), 6)
        for _ in range(chance.randrange(4)):
            made = self._changed(made)
        return made

    def _of(self, schema: Mapping[str, Any] | None, depth: int) -> Any:
        """Some JSON that fits a schema, as far as its shape goes."""
        chance = self.chance
        if not schema or depth < 0:
            return self.anything(1)
        if "$ref" in schema:
            return self._of(self._schemas.get(schema["$ref"].rpartition("/")[2]), depth - 1)
        for name in ("oneOf", "anyOf", "allOf"):
            if schema.get(name):
                return self._of(chance.choice(schema[name]), depth - 1)
        if "const" in schema or "enum" in schema:
            return chance.choice([*schema.get("enum", ()), schema.get("const", "")])
        kind = schema.get("type", "object" if "properties" in schema else "")
        kind = chance.choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            wanted, needed = schema.get("properties", {}), schema.get("required", ())
            names = [one for one in wanted if one in needed or chance.random() < 0.4]
            return {name: self._of(wanted[name], depth - 1) for name in names}
        if kind == "array":
            return [self._of(schema.get("items"), depth - 1) for _ in range(chance.randrange(4))]
        return chance.choice(SIMPLE.get(kind) or (self.value(),))

    def _changed(self, made: Any) -> Any:
        """The same with one thing different, somewhere in it."""
        chance, here = self.chance, self.chance.random() < 0.1
        match made:
            case dict() if made and not here:
                name = chance.choice([*made])
                inner = made.pop(name)
                kind = chance.randrange(6)  # gone, under another name, or another in its place
                if kind == 1:
                    made[chance.choice((*FIELDS, *HOSTILE))] = inner
                elif kind > 1:
                    made[name] = self._changed(inner)
                return made
            case list() if made and not here:
                at = chance.randrange(len(made))
                made[at] = self._changed(made[at])
                return made * chance.choice((1, 1, 1, 2, 30))
            case _:
                return self.anything(2)

    def form(self, forms: Sequence[Form]) -> Form:
        """One of them filled in, nearly as a page would send it."""
        chance = self.chance
        sent = list(chance.choice(forms)) if forms else []
        for _ in range(chance.randrange(4)):
            name = chance.choice([*(name for name, _ in sent), *FIELDS])
            if chance.random() < 0.8:
                sent = [one for one in sent if one[0] != name]
            if chance.random() < 0.8:
                some = self.value() if chance.random() < 0.8 else json.dumps(self.anything())
                sent.append((name, some))
        fresh = ("key", f"{chance.getrandbits(64):x}")  # each is a rendering of its own
        return [fresh if name == "key" and chance.random() < 0.9 else (name, value)
                for name, value in sent]  # fmt: skip

    async def send(
        self, product: Product, route: Route, headers: Callable[[], dict[str, str]] = dict
    ) -> tuple[int, str]:
        """One request: its status, and what it was."""
        method, path, told, forms = route
        path, query = self.place(path), self.query(told)
        if path.endswith(("/tail", "/stream")):
            query.append(("follow", "false"))
        content, given = b"", headers()
        if method in ("POST", "PUT", "PATCH"):
            if forms:
                content, kind = urlencode(self.form(forms)).encode(), TYPES[2]
            else:
                content, kind = self.body(told)
            given |= {"content-type": kind} if kind else {}
        target = f"{path}?{urlencode(query)}"
        answer = await product.http.request(method, target, content=content, headers=given)
        text = answer.text
        sent = f"{method} {target} {content!r} {text[:400]}"
        assert not any(one in text for one in LEAKS), sent + text[-2_000:]
        return answer.status_code, sent
