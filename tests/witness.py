"""A witness: holds every answer that a client gets against the description of the interface."""

import json
import re
from collections.abc import Iterable
from typing import Any

import httpx
import jsonschema_rs

TOLD = ("location", "etag", "idempotency-replayed", "preference-applied", "retry-after")


CONTENT: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "required": ["schema"],
        "properties": {"schema": {"type": "object"}, "examples": {"type": "object"}},
        "additionalProperties": False,
    },
}
OPERATION: dict[str, Any] = {
    "type": "object",
    "required": ["operationId", "responses", "tags", "security"],
    "properties": {
        "operationId": {"type": "string"},
        "summary": {"type": "string"},
        "description": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "deprecated": {"type": "boolean"},
        "security": {"type": "array", "items": {"type": "object"}},
        "x-permission": {"type": "string"},
        "parameters": {
            "type": "array",
            "items": {
                "required": ["name", "in", "schema"],
                "properties": {"in": {"enum": ["path", "query", "header"]}},
                "if": {"properties": {"in": {"const": "path"}}},
                "then": {"required": ["required"], "properties": {"required": {"const": True}}},
            },
        },
        "requestBody": {
            "required": ["content"],
            "properties": {"content": CONTENT, "required": {"type": "boolean"}},
            "additionalProperties": False,
        },
        "responses": {
            "minProperties": 1,
            "propertyNames": {"pattern": "^([1-5][0-9][0-9]|default)$"},
            "additionalProperties": {
                "required": ["description"],
                "properties": {
                    "description": {"type": "string"},
                    "content": CONTENT,
                    "headers": {"additionalProperties": {"required": ["schema"]}},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}


class Witness:
    """An event hook for `httpx`: raises AssertionError for an answer that is not as described."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, str, int]] = set()
        self._paths = [(path, _pattern(path)) for path in document["paths"]]
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    async def __call__(self, answer: httpx.Response) -> None:
        """Judge one answer."""
        await answer.aread()
        path = answer.request.url.path.rstrip("/")
        method, status = answer.request.method.lower(), answer.status_code
        found = [known for known, pattern in self._paths if pattern.fullmatch(path)]
        if not found or method not in self.document["paths"][found[0]]:
            assert status in (404, 405), f"{method} {path} is not described"
            return
        operation = self.document["paths"][found[0]][method]
        told = operation["responses"].get(str(status))
        assert told, f"{method} {found[0]} does not tell of {status}: {answer.text}"
        self.seen.add((method, found[0], status))
        headers = {name.lower() for name in told.get("headers", {})}
        for name in TOLD:
            assert name not in answer.headers or name in headers, (method, found[0], status, name)
        self._judge_body(answer, told, f"{method} {found[0]} {status}")
        body = operation.get("requestBody")
        if status < 400 and body and answer.request.content:
            self.judge(json.loads(answer.request.content), body, f"{method} {found[0]}, body")

    def _judge_body(self, answer: httpx.Response, told: dict[str, Any], where: str) -> None:
        if "content" not in told:
            assert not answer.content, where
            return
        kind = answer.headers["content-type"].removesuffix("; charset=utf-8")
        assert kind in told["content"], f"{where}: {kind}"
        if kind.startswith("text/") or kind == "application/x-ndjson":
            return
        self.judge(answer.json(), told, where, kind)
        if answer.status_code >= 400:
            code = answer.json()["code"]
            assert f"`{code}`" in told["description"], f"{where}: {code} is not told"

    def judge(
        self, value: object, told: dict[str, Any], where: str, kind: str = "application/json"
    ) -> None:
        """Hold a document against the schema under `told`."""
        schema = told["content"][kind]["schema"]
        name = json.dumps(schema)
        if name not in self._validators:
            whole = {"components": self.document["components"], **schema}
            self._validators[name] = jsonschema_rs.Draft202012Validator(
                whole, validate_formats=True
            )
        wrong = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
            for error in self._validators[name].iter_errors(value)
        ]
        assert not wrong, f"{where}: {wrong[:5]}"

    def succeeded(self) -> set[tuple[str, str]]:
        """Method and path of every route that was seen to succeed."""
        return {(method, path) for method, path, status in self.seen if status < 300}


def operations(document: dict[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of all that is under /api."""
    for path, item in document["paths"].items():
        if path.startswith("/api/"):
            for method, operation in item.items():
                yield method, path, operation


def _pattern(path: str) -> re.Pattern[str]:
    literal = re.escape(path).replace(r"\{step_path\}", ".+")
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", literal))
