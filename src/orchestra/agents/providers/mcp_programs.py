"""MCP servers that are programs of this machine, spoken to over their standard streams.

Which programs there are is said by the configuration of this process alone: a command that stands
in a record of the store and not in it is never run.
"""

import itertools
import os
from collections.abc import Mapping
from contextlib import suppress
from subprocess import DEVNULL
from typing import cast

import anyio
import anyio.abc
import structlog

from orchestra import tracing
from orchestra.agents import TaskError
from orchestra.agents.providers import Emit, Failure
from orchestra.agents.providers.mcp_replies import Heard, heard_in, pass_on
from orchestra.agents.providers.mishaps import Ended
from orchestra.agents.providers.rpc import asked, document, refused
from orchestra.agents.providers.sse import Lines
from orchestra.security.outbound import AnswerLost, AnswerTooLarge

log = structlog.get_logger(__name__)

Command = tuple[str, ...]

VERSION = "2025-11-25"
LINE_MAX_BYTES = 8 * 1024 * 1024
START_S = 10.0
END_S = 2.0
GOODBYE_S = 1.0
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}
"""All that a program gets of ours: nothing. Whatever else it needs is for its command to say."""


class Programs:
    """Runs the allowed programs while `serve` does, each when it is first asked for something."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self.commands = commands
        self._allowed = frozenset(commands.values())
        self._programs: dict[Command, _Program] = {}
        self._starting = anyio.Lock()
        self._group: anyio.abc.TaskGroup | None = None

    async def serve(self) -> None:
        """Keep programs until cancelled; then they end."""
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                await anyio.sleep_forever()
        finally:
            self._group = None

    async def ask(
        self, command: Command, method: str, params: Mapping[str, object], emit: Emit | None
    ) -> Heard:
        """The answer to one request; as long as it takes. Raises Ended, AnswerLost."""
        program = await self._program(command)
        return await program.ask(method, params, emit)

    async def _program(self, command: Command) -> "_Program":
        if command not in self._allowed:
            raise Ended(_unavailable("its command is not in the configuration of this replica"))
        async with self._starting:
            program = self._programs.get(command)
            if program is None or program.over:
                program = self._programs[command] = await self._start(command)
        await program.opened()
        return program

    async def _start(self, command: Command) -> "_Program":
        if self._group is None:
            raise Ended(_unavailable("programs are not run now"))
        try:
            process = await anyio.open_process(
                command, stderr=DEVNULL, env=_ENVIRONMENT, start_new_session=True
            )
        except OSError as error:
            raise Ended(_unavailable(f"its command cannot be run: {error.strerror}")) from error
        log.info("mcp.program_started", program=command[0], pid=process.pid)
        program = _Program(process)
        self._group.start_soon(program.serve)
        return program


class _Asked:
    """A request on its way. `said` stays None when the program ends before it answers."""

    def __init__(self, emit: Emit | None) -> None:
        self.emit = emit
        self.done = anyio.Event()
        self.said: Heard | None = None


class _Program:
    """One running program: requests out, answers and notifications in, by their numbers."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self._process = process
        self._asked: dict[int, _Asked] = {}
        self._numbers = itertools.count(1)
        self._writing, self._opening = anyio.Lock(), anyio.Lock()
        self._open = self.over = False

    async def serve(self) -> None:
        """Read what it says until it ends, or we do."""
        assert self._process.stdout is not None
        lines = Lines(LINE_MAX_BYTES)
        try:
            with suppress(anyio.BrokenResourceError, AnswerTooLarge):
                async for chunk in self._process.stdout:
                    for line in lines.feed(chunk):
                        await self._hear(line)
        finally:
            self.over = True
            for one in self._asked.values():
                one.done.set()
            with anyio.CancelScope(shield=True):
                await self._end()

    async def opened(self) -> None:
        """Introduce ourselves, once. Raises Ended, AnswerLost."""
        async with self._opening:
            if self._open:
                return
            client = {"name": "orchestra", "version": "1"}
            params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client}
            with anyio.fail_after(START_S):
                said = await self.ask("initialize", params, None)
            if said.result is None:
                raise Ended(_unavailable("it does not open as a server of MCP does"))
            await self._write(asked("notifications/initialized", {}, None))
            self._open = True

    async def ask(self, method: str, params: Mapping[str, object], emit: Emit | None) -> Heard:
        """One request. Cancelled, it is cancelled at the program, too. Raises AnswerLost."""
        number, mine = next(self._numbers), _Asked(emit)
        self._asked[number] = mine
        # There are no headers on this way: MCP keeps these names in `_meta` for the trace.
        about: dict[str, object] = {**tracing.header()}
        if emit:
            about["progressToken"] = number
        meta: dict[str, object] = {"_meta": about} if about else {}
        try:
            await self._write(asked(method, {**params, **meta}, number))
            if not self.over:
                await mine.done.wait()
        finally:
            del self._asked[number]
            if not mine.done.is_set() and not self.over:
                with anyio.CancelScope(shield=True), anyio.move_on_after(GOODBYE_S):
                    gone = {"requestId": number, "reason": "cancelled"}
                    with suppress(AnswerLost):
                        await self._write(asked("notifications/cancelled", gone, None))
        if mine.said is None:
            raise AnswerLost("the program ended before it answered")
        return mine.said

    async def _hear(self, line: bytes) -> None:
        message = document(line)
        if message is None:
            return  # programs print, too
        number = message.get("id")
        if "method" not in message:
            mine = self._asked.get(number) if type(number) is int else None
            if mine is not None:
                mine.said = heard_in(message)
                mine.done.set()
        elif isinstance(number, int | str):
            # It asks us: for a ping, or for what we said we cannot do. If it does not listen, it
            # is not waited for: it may be waiting for us to read on.
            with anyio.move_on_after(GOODBYE_S), suppress(AnswerLost):
                await self._write(refused(str(message["method"]), number))
        else:
            params = message.get("params")
            fields = cast("dict[str, object]", params) if isinstance(params, dict) else {}
            token = fields.get("progressToken")
            mine = self._asked.get(token) if type(token) is int else None
            pass_on(message, mine.emit if mine else None)

    async def _write(self, body: bytes) -> None:
        assert self._process.stdin is not None
        async with self._writing:
            try:
                await self._process.stdin.send(body + b"\n")
            except (anyio.BrokenResourceError, anyio.ClosedResourceError) as broken:
                raise AnswerLost("the program does not listen any more") from broken

    async def _end(self) -> None:
        """Its input closes, which tells it to end; else it is killed."""
        assert self._process.stdin is not None
        with suppress(anyio.BrokenResourceError, ProcessLookupError):
            await self._process.stdin.aclose()
        with anyio.move_on_after(END_S):
            await self._process.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        with suppress(anyio.BrokenResourceError):
            await self._process.aclose()


def _unavailable(what: str) -> Failure:
    error = TaskError("agent.unavailable", f"the MCP server is not here: {what}")
    return Failure(error, outcome="fail", elsewhere=True)
