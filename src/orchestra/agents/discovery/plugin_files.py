"""Reads the code of a plugin: a file, or an entry point of an installed package.

A file is imported under a name that nothing has had before, so that what runs on the old code
keeps it. Nothing here changes what is served.
"""

import importlib.abc
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from orchestra import sdk
from orchestra.agents import PythonAgent
from orchestra.agents.discovery.adopting import adopted
from orchestra.agents.registration.capabilities import CAPABILITIES_MAX, CAPABILITY
from orchestra.agents.registration.reading import NAME, TYPE
from orchestra.agents.registration.versions import parse
from orchestra.schemas.judging import fault_of

VARIABLE: Final = "agent"
SOURCE_MAX_BYTES: Final = 1_048_576
TRACEBACK_MAX: Final = 8_192


class PluginBroken(Exception):
    """The code cannot be used. The text says why, and names no folder of this machine."""


class _Source(importlib.abc.SourceLoader):
    """One text, as it was read: not what stands in the file by now, and never cached code."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path, self._source = path, source

    def get_data(self, path: str | bytes) -> bytes:  # noqa: ARG002 -- there is only one
        return self._source

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002 -- there is only one
        return str(self._path)


def agent_in_file(path: Path, source: bytes, module_name: str) -> PythonAgent:
    """The agent that `source` makes, imported as `module_name`. Raises PluginBroken."""
    if len(source) > SOURCE_MAX_BYTES:
        raise PluginBroken(f"larger than {SOURCE_MAX_BYTES} bytes")
    spec = importlib.util.spec_from_loader(module_name, _Source(path, source), origin=str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Classes are looked up by the module's name: pickle, annotations, dataclasses.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
        return checked(getattr(module, VARIABLE, None))
    except PluginBroken:
        sys.modules.pop(module_name, None)
        raise
    except (Exception, SystemExit) as error:  # the edge between our code and a plugin's
        sys.modules.pop(module_name, None)
        raise PluginBroken(told(error, path)) from error


def agent_of_entry_point(entry_point: EntryPoint) -> PythonAgent:
    """The agent that an installed package offers. Raises PluginBroken."""
    try:
        return checked(entry_point.load())
    except PluginBroken:
        raise
    except (Exception, SystemExit) as error:  # the edge between our code and a plugin's
        raise PluginBroken(told(error, None)) from error


def checked(made: object) -> PythonAgent:
    """`made` as an agent that can be served. Raises PluginBroken with everything that is wrong."""
    if made is None:
        raise PluginBroken(f"there is no variable {VARIABLE!r}")
    if isinstance(made, sdk.Agent):
        made = adopted(made)
    if not isinstance(made, PythonAgent):
        raise PluginBroken(f"{VARIABLE!r} is no agent: make one with orchestra.sdk.Agent")
    agent = made
    found = [*_wrong_about(agent), *_wrong_with_capabilities(agent)]
    if found:
        raise PluginBroken("; ".join(found))
    return agent


def _wrong_about(agent: PythonAgent) -> Iterator[str]:
    if not NAME.fullmatch(agent.name):
        yield f"{agent.name[:64]!r} is no name: letters, digits, space, '_', '.', '-'"
    if not TYPE.fullmatch(agent.agent_type):
        yield f"{agent.agent_type[:64]!r} is no type: letters, digits, '_', '.', '-'"
    if parse(agent.version) is None:
        yield f"{agent.version[:64]!r} is no version such as 1.2.0"


def _wrong_with_capabilities(agent: PythonAgent) -> Iterator[str]:
    names = [one.spec.name for one in agent.capabilities]
    if not names or len(names) > CAPABILITIES_MAX:
        yield f"it has {len(names)} capabilities: 1 to {CAPABILITIES_MAX} are possible"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"the capability {name!r} is there twice"
    for one in agent.capabilities:
        if not CAPABILITY.fullmatch(one.spec.name):
            yield f"{one.spec.name[:64]!r} is no name of a capability"
        for schema in (one.spec.input_schema, one.spec.output_schema):
            if schema is not None and (fault := fault_of(schema)):
                yield f"a schema of {one.spec.name!r}: {fault}"


def told(error: BaseException, path: Path | None) -> str:
    """The traceback from the plugin's own first line on, without the folders of this machine."""
    frames = list(traceback.extract_tb(error.__traceback__))
    if path is not None:
        own = next((i for i, one in enumerate(frames) if one.filename == str(path)), len(frames))
        frames = frames[own:]
    lines = ["Traceback (most recent call last):\n"] if frames else []
    lines += [
        line.replace(f'File "{frame.filename}"', f'File "{Path(frame.filename).name}"')
        for frame, line in zip(
            frames, traceback.StackSummary.from_list(frames).format(), strict=False
        )
    ]
    lines += traceback.format_exception_only(error)
    text = "".join(lines).rstrip()
    if isinstance(error, SyntaxError) and error.filename:
        text = text.replace(error.filename, Path(error.filename).name)
    if path is not None:
        text = text.replace(str(path.parent) + "/", "")
    return text[-TRACEBACK_MAX:]
