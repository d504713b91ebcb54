"""Telling JSON values apart, for the type checker and for people."""

from typing import TypeGuard

from orchestra.workflows.language.definition import Json


def is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    """True for a JSON object."""
    return type(value) is dict


def is_list(value: Json) -> TypeGuard[list[Json]]:
    """True for a JSON list."""
    return type(value) is list


def kind_of(value: Json) -> str:
    """What `value` is, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
