"""What an agent told about itself, and how its parts become capabilities."""

from collections.abc import Iterable, Iterator

import msgspec

from orchestra.agents import Capability
from orchestra.agents.registration.capabilities import CAPABILITIES_MAX, CAPABILITY
from orchestra.errors import Problem

SCHEMAS_MAX_BYTES = 262_144
"""All schemas of one agent together; those beyond are left out."""
DESCRIPTION_MAX_CHARS = 1_024
_KINDS = ("text", "image", "audio")


class Told(msgspec.Struct, frozen=True):
    """What an agent is by its own account. `fresh_s`: how long to believe it."""

    capabilities: tuple[Capability, ...]
    warnings: tuple[Problem, ...] = ()
    name: str = ""
    version: str = ""
    description: str = ""
    fresh_s: float = 300.0


class Offered(msgspec.Struct, frozen=True):
    """A capability as it was told, and what had to be left out of it."""

    capability: Capability
    fault: str | None = None


def kept(offers: Iterable[Offered]) -> tuple[tuple[Capability, ...], tuple[Problem, ...]]:
    """Those that can be used, by name, at most as many as an agent may have."""
    found: dict[str, Capability] = {}
    warnings: list[Problem] = []
    size = 0
    for offer in offers:
        one = offer.capability
        if not CAPABILITY.fullmatch(one.name) or one.name in found:
            warnings.append(_warning("capability_unusable", "a name that cannot be one", one.name))
            continue
        if len(found) >= CAPABILITIES_MAX:
            text = f"only the first {CAPABILITIES_MAX} are taken"
            warnings.append(_warning("capabilities_cut", text, one.name))
            break
        if offer.fault:
            warnings.append(_warning("schema_unusable", offer.fault, one.name))
        size += len(msgspec.json.encode((one.input_schema, one.output_schema)))
        if size > SCHEMAS_MAX_BYTES:
            warnings.append(_warning("schema_unusable", "the schemas are too large", one.name))
            one = msgspec.structs.replace(one, input_schema=None, output_schema=None)
        found[one.name] = one
    return tuple(found.values()), tuple(warnings[:CAPABILITIES_MAX])


def are_same(one: Iterable[Capability], other: Iterable[Capability]) -> bool:
    """Whether both are the same capabilities, in whatever order."""
    return {each.name: each for each in one} == {each.name: each for each in other}


def _warning(code: str, message: str, name: str) -> Problem:
    shown = name[:64].encode("ascii", "replace").decode()
    return Problem("/capabilities", code, f"{message}: {shown}")


def types_of(modes: Iterable[str]) -> tuple[str, ...]:
    """Media types as the types of capabilities; `any` when nothing was said."""
    return tuple(dict.fromkeys(_types(modes))) or ("any",)


def _types(modes: Iterable[str]) -> Iterator[str]:
    for mode in modes:
        bare = mode.split(";")[0].strip()
        kind = bare.partition("/")[0]
        if "json" in bare:
            yield "json"
        elif kind in _KINDS:
            yield kind
        elif bare == "*/*":
            yield "any"
        elif bare:
            yield bare[:64]
