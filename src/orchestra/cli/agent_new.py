"""`orchestra agent new | run`: write an agent in Python, and let it work."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import click
import uvicorn

from orchestra.cli.options import KEY, URL
from orchestra.cli.printing import plain
from orchestra.cli.problems import Failed
from orchestra.sdk import Agent
from orchestra.settings import load_client

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
SCAFFOLD = '''"""{name}: an agent. Let it work with: orchestra agent run {file}"""

from orchestra.sdk import Agent, Reject

agent = Agent({name!r}, agent_type={kind!r})


@agent.capability("greet", idempotent=True)
async def greet(task):
    """What is returned is the output; it has to be JSON."""
    name = task.input.get("text")
    if not name:
        raise Reject("whom shall I greet? text is missing")
    return {{"greeting": f"Hello {{name}}"}}


if __name__ == "__main__":
    agent.run()
'''


@click.command("new")
@click.argument("name", metavar="NAME")
@click.option("--type", "kind", metavar="TYPE", help="The pool it belongs to; else its name.")
@click.option("--file", "path", type=click.Path(path_type=Path), help="Else NAME.py, here.")
def new(name: str, kind: str | None, path: Path | None) -> None:
    """Write a file with an agent in it, to begin with.

    \b
    Examples:
      orchestra agent new greeter
      orchestra agent run greeter.py
      orchestra agent execute greeter greet Ann
    """
    if not NAME.fullmatch(name):
        raise click.BadParameter("letters, digits, space, '_', '.', '-'", param_hint="NAME")
    kind = kind or name.replace(" ", "_")
    path = path or Path(f"{re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_').lower()}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(SCAFFOLD.format(name=name, kind=kind, file=path))
    except FileExistsError:
        raise Failed(f"{path} is there already: nothing was written") from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror or 'cannot be written'}") from error
    click.echo(f"Wrote {path}. Let it work, and ask it, in two terminals:")
    click.echo(f"  orchestra agent run {path}")
    click.echo(f"  orchestra agent execute {kind} greet Ann")


@click.command("run")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--serve", is_flag=True, help="Wait for tasks over HTTP instead of asking for them.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --serve.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8100, show_default=True)
@URL
@KEY
def run(path: Path, serve: bool, host: str, port: int, url: str | None, key: str | None) -> None:
    """Let the agent in a file work, until Ctrl-C: what runs is finished first.

    FILE has a variable `agent`: see `orchestra agent new`. It registers itself and asks the server
    for tasks, so it needs no address of its own; with --serve it is called at http://HOST:PORT.

    \b
    Examples:
      orchestra agent run greeter.py
      orchestra agent run greeter.py --url https://orchestra.example.com --key orc_live_…
      orchestra agent run greeter.py --serve --port 8100
    """
    agent = agent_in(path)
    if serve:
        tell_served(agent, f"http://{host}:{port}/run")
        uvicorn.run(agent.asgi(), host=host, port=port, log_level="warning")
        return
    settings = load_client()
    agent.url, agent.key = (url or settings.url).rstrip("/"), key or settings.key
    names = ", ".join(agent.functions)
    click.echo(f"{agent.name} comes for tasks at {agent.url}: {names}. Ctrl-C ends it.", err=True)
    try:
        agent.run()
    except BaseExceptionGroup as group:
        raise Failed(plain(first_of(group))) from group


def tell_served(agent: Agent, endpoint: str) -> None:
    """How the server gets to know it."""
    wanted = " ".join(f"--capability {name}" for name in agent.functions)
    click.echo(
        f"{agent.name} waits for tasks at {endpoint}. Ctrl-C ends it. To register it:", err=True
    )
    click.echo(
        f"  orchestra agent register --name {agent.name!r} --type {agent.agent_type} {wanted} "
        f"--endpoint {endpoint}",
        err=True,
    )


def first_of(group: BaseExceptionGroup[BaseException]) -> str:
    """The first reason in a tree of them."""
    inner = group.exceptions[0]
    # Its type is lost where the tree is opened: pyright knows no element type for it.
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else str(inner)  # pyright: ignore[reportUnknownArgumentType]


def agent_in(path: Path) -> Agent:
    """The variable `agent` of a file, imported. Raises Failed."""
    if not path.is_file():
        raise Failed(f"{path} is no file")
    module = imported(path)
    agent = getattr(module, "agent", None)
    if not isinstance(agent, Agent):
        raise Failed(f"{path} has no variable `agent` made with orchestra.sdk.Agent")
    return agent


def imported(path: Path) -> ModuleType:
    """The file as a module; what stands beside it can be imported, too. Raises Failed."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Failed(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.absolute()))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise Failed(f"{path}:{error.lineno}: {error.msg}") from error
    except ImportError as error:
        raise Failed(plain(f"{path}: {error}")) from error
    return module
