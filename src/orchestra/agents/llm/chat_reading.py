"""What Chat Completions answer, whole or in chunks.

A stream is complete with a `finish_reason` and `[DONE]`; its usage comes in a chunk of its own,
without choices. Compatible servers leave out what they do not know, so nearly nothing is required.
"""

from collections.abc import Mapping
from typing import Literal

from orchestra.agents.llm import Said, ToolCall
from orchestra.agents.llm.faults import failure_of_event
from orchestra.agents.llm.fields import Document, count, inner, objects, text, whole
from orchestra.agents.llm.holding import Held, put_together
from orchestra.agents.llm.sending import DONE, Hearing, encode, invalid, truncated
from orchestra.agents.providers import Failure, Usage

CALLS_MAX = 128
NAME_MAX_CHARS = 256
_KEPT = ("reasoning_details", "reasoning_content")
_TOKENS = ("content", "refusal", "tool_calls", "reasoning", *_KEPT)
_FINISH: Mapping[str, Literal["stop", "length", "filtered", "tools"]] = {
    "length": "length",
    "content_filter": "filtered",
    "tool_calls": "tools",
    "function_call": "tools",
}


class ChatReader:
    """Reads one completion, whole or in chunks."""

    def __init__(self, hearing: Hearing, secrets: tuple[str, ...] = ()) -> None:
        self._hearing, self._secrets = hearing, secrets
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._kept: dict[str, list[object]] = {}
        self._held = Held()
        self._finish = self._id = self._model = ""
        self._usage: Document = {}
        self._failure: Failure | None = None

    def whole(self, document: Document) -> Said | Failure:
        """A `chat.completion`."""
        choices = objects(document, "choices")
        if not choices and "error" not in document:
            return invalid("answered without choices")
        self._take(document, "message")
        # A stream must say that it is complete; a document that came whole is.
        self._finish = self._finish or "stop"
        return self.end()

    def event(self, name: str, document: Document) -> bool:
        """A `chat.completion.chunk`, or the mark at the end."""
        if name == DONE:
            return True
        if name == "error" and "error" not in document:
            document = {"error": document}
        self._take(document, "delta")
        return self._failure is not None

    def end(self) -> Said | Failure:
        """What all of it said."""
        if self._failure is not None:
            return self._failure
        if not self._finish:
            return truncated("it ended without a finish_reason", self.usage())
        refusal = "".join(self._refusal)
        calls = tuple(call.whole(n) for n, call in enumerate(self._calls))
        finish = _FINISH.get(self._finish, "tools" if calls else "stop")
        return Said(
            "".join(self._text),
            "refused" if refusal else finish,
            self.usage() or Usage(),
            calls,
            refusal,
            self._model[:NAME_MAX_CHARS],
            self._id[:NAME_MAX_CHARS],
            kept=self._to_keep() if calls else None,
        )

    def usage(self) -> Usage | None:
        """What it used, by the last word on it."""
        said = self._usage
        if not said:
            return None
        prompt = inner(said, "prompt_tokens_details")
        completion = inner(said, "completion_tokens_details")
        return Usage(
            count(said, "prompt_tokens"),
            count(said, "completion_tokens"),
            count(prompt, "cached_tokens") or count(said, "prompt_cache_hit_tokens"),
            count(prompt, "cache_write_tokens"),
            count(completion, "reasoning_tokens"),
        )

    def _take(self, document: Document, part: str) -> None:
        self._id = self._id or text(document, "id")
        self._model = text(document, "model") or self._model
        self._usage = inner(document, "usage") or self._usage
        error = document.get("error")
        for choice in objects(document, "choices"):
            if choice.get("index", 0) in (0, None):
                piece = inner(choice, part)
                said = self._piece(piece)
                if part == "delta" and any(piece.get(name) for name in _TOKENS):
                    self._hearing.token(said)
                self._finish = text(choice, "finish_reason") or self._finish
                error = error or choice.get("error")
        if error:
            said = inner({"error": error}, "error") or {"message": str(error)}
            self._failure = failure_of_event(said, self.usage(), self._secrets)

    def _piece(self, piece: Document) -> str:
        said = _content(piece.get("content"))
        if said:
            self._text.append(said)
        if refusal := text(piece, "refusal"):
            self._refusal.append(refusal)
        for fragment in objects(piece, "tool_calls"):
            call = self._call(fragment)
            call.take(fragment)
            if extra := inner(fragment, "extra_content"):  # Gemini's signatures: wanted back
                self._held.hold(extra)
                call.extra["extra_content"] = extra
        for name in _KEPT:
            if value := piece.get(name):
                self._held.hold(value)
                self._kept.setdefault(name, []).append(value)
        return said

    def _call(self, fragment: Document) -> "_Call":
        """The call that a fragment is of: by its index, and where none is told, by its id."""
        index, given = whole(fragment, "index"), text(fragment, "id")
        for call in self._calls:
            if index is not None and call.index == index:
                return call
        if index is None and self._calls and given in ("", self._calls[-1].id):
            return self._calls[-1]
        call = _Call(index)
        if len(self._calls) < CALLS_MAX:
            self._calls.append(call)
        return call

    def _to_keep(self) -> object:
        calls = {call.id: call.extra for call in self._calls if call.id and call.extra}
        turn = {name: put_together(pieces) for name, pieces in self._kept.items()}
        kept = {"message": turn, "calls": calls}
        return {name: value for name, value in kept.items() if value} or None


class _Call:
    """A call of a tool, as its fragments come."""

    def __init__(self, index: int | None) -> None:
        self.index, self.id, self._name = index, "", ""
        self._arguments: list[str] = []
        self.extra: dict[str, object] = {}

    def take(self, fragment: Document) -> None:
        function = inner(fragment, "function")
        self.id = self.id or text(fragment, "id")
        self._name = self._name or text(function, "name")
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            self._arguments.append(arguments)
        elif isinstance(arguments, dict):  # some servers send the object itself
            self._arguments.append(encode(arguments).decode())

    def whole(self, n: int) -> ToolCall:
        self.id = self.id or f"call_{n}"
        return ToolCall(self.id, self._name, "".join(self._arguments) or "{}")


def _content(value: object) -> str:
    """A text, or a list of parts of which some are text."""
    if isinstance(value, str):
        return value
    return "".join(text(part, "text") for part in objects({"parts": value}, "parts"))
