"""What Messages answers: blocks, whole or in pieces; complete with `message_stop`.

`input_tokens` leaves out what came from the cache and what went into it; here it includes both.
The counts of `message_delta` are totals, and replace those of `message_start`.
"""

from collections.abc import Mapping
from typing import Literal

from orchestra.agents.llm import Said, ToolCall
from orchestra.agents.llm.faults import failure_of_event
from orchestra.agents.llm.fields import Document, count, inner, object_in, objects, text, whole
from orchestra.agents.llm.holding import Held
from orchestra.agents.llm.sending import Hearing, encode, invalid, truncated
from orchestra.agents.providers import Failure, Usage

BLOCKS_MAX = 1_024
NAME_MAX_CHARS = 256
PAUSED = "pause_turn"
_STOP = ("stop_reason", "stop_details")
_COUNTS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "output_tokens_details",
)  # fmt: skip
_PLAIN = ("text", "tool_use")
_FINISH: Mapping[str, Literal["stop", "length", "tools", "refused"]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    PAUSED: "length",
    "tool_use": "tools",
    "refusal": "refused",
}


class MessagesReader:
    """Reads one message, whole or in events. `keep_all`: it goes on with a turn that was paused."""

    def __init__(
        self, hearing: Hearing, secrets: tuple[str, ...] = (), *, keep_all: bool = False
    ) -> None:
        self._hearing, self._secrets, self._keep_all = hearing, secrets, keep_all
        self._message: Document = {}
        self._blocks: dict[int, _Block] = {}
        self._stop: dict[str, object] = {}
        self._usage: dict[str, object] = {}
        self._failure: Failure | None = None
        self._held = Held()

    @property
    def stop_reason(self) -> str:
        """Why the model stopped, in the API's own word."""
        return text(self._stop, "stop_reason")

    def whole(self, document: Document) -> Said | Failure:
        """A `message`."""
        if text(document, "type") == "error" or "content" not in document:
            error = inner(document, "error")
            if not error:
                return invalid("answered without content")
            return failure_of_event(error, None, self._secrets)
        self._begin(document)
        self._stop = _known(document, _STOP)
        for n, block in enumerate(objects(document, "content")[:BLOCKS_MAX]):
            self._blocks[n] = _Block(block)
        return self.end()

    def event(self, name: str, document: Document) -> bool:
        """One event; `ping` and what is not known are passed over."""
        match text(document, "type") or name:
            case "content_block_delta":
                self._delta(whole(document, "index") or 0, inner(document, "delta"))
            case "content_block_start":
                if len(self._blocks) < BLOCKS_MAX:
                    self._held.hold(document)
                    block = _Block(inner(document, "content_block"))
                    self._blocks[whole(document, "index") or 0] = block
            case "message_start":
                self._begin(inner(document, "message"))
            case "message_delta":
                self._stop |= _known(inner(document, "delta"), _STOP)
                self._count(inner(document, "usage"))
            case "message_stop":
                return True
            case "error":
                error = inner(document, "error")
                self._failure = failure_of_event(error, self.usage(), self._secrets)
                return True
            case _:
                pass
        return False

    def end(self) -> Said | Failure:
        """What all of it said."""
        if self._failure is not None:
            return self._failure
        if not self._message:
            return truncated("it ended without having begun", None)
        blocks = [block.whole() for _, block in sorted(self._blocks.items())]
        calls = tuple(
            block.call() for _, block in sorted(self._blocks.items()) if block.kind == "tool_use"
        )
        said = "".join(text(block, "text") for block in blocks if block.get("type") == "text")
        finish = _FINISH.get(self.stop_reason, "tools" if calls else "stop")
        details = inner(self._stop, "stop_details")
        refusal = text(details, "explanation") or said or "the model refused to answer"
        return Said(
            said,
            finish,
            self.usage() or Usage(),
            calls,
            refusal if finish == "refused" else "",
            text(self._message, "model")[:NAME_MAX_CHARS],
            text(self._message, "id")[:NAME_MAX_CHARS],
            kept=_to_keep(blocks, all_of_them=self._keep_all or self.stop_reason == PAUSED),
        )

    def usage(self) -> Usage | None:
        """What it used so far."""
        said = self._usage
        if not said:
            return None
        read = count(said, "cache_read_input_tokens")
        written = count(said, "cache_creation_input_tokens")
        return Usage(
            count(said, "input_tokens") + read + written,
            count(said, "output_tokens"),
            read,
            written,
            count(inner(said, "output_tokens_details"), "thinking_tokens"),
        )

    def _begin(self, message: Document) -> None:
        self._message = message
        self._count(inner(message, "usage"))

    def _count(self, usage: Document) -> None:
        self._usage |= _known(usage, _COUNTS)

    def _delta(self, index: int, delta: Document) -> None:
        block = self._blocks.get(index)
        if block is not None:
            if text(delta, "type") == "citations_delta":
                self._held.hold(delta)
            self._hearing.token(block.take(delta))


class _Block:
    """A block of content, as its pieces come."""

    def __init__(self, start: Document) -> None:
        self._start = start
        self.kind = text(start, "type")
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[object] = []

    def take(self, delta: Document) -> str:
        """Add a piece. The text of it that listeners hear."""
        match text(delta, "type"):
            case "text_delta":
                return self._add("text", text(delta, "text"))
            case "input_json_delta":
                self._add("partial_json", text(delta, "partial_json"))
            case "thinking_delta":
                self._add("thinking", text(delta, "thinking"))
            case "signature_delta":
                self._add("signature", text(delta, "signature"))
            case "citations_delta":
                self._citations.append(delta.get("citation"))
            case _:
                pass
        return ""

    def _add(self, name: str, piece: str) -> str:
        self._pieces.setdefault(name, []).append(piece)
        return piece

    def whole(self) -> dict[str, object]:
        """The block as it would have come in one piece."""
        block = dict(self._start)
        for name, pieces in self._pieces.items():
            if name == "partial_json":
                block["input"] = object_in(self._arguments())
            else:
                block[name] = text(block, name) + "".join(pieces)
        if self._citations:
            block["citations"] = self._citations
        return block

    def call(self) -> ToolCall:
        """The call of a tool that this block is."""
        return ToolCall(text(self._start, "id"), text(self._start, "name"), self._arguments())

    def _arguments(self) -> str:
        pieces = "".join(self._pieces.get("partial_json", ()))
        return pieces or encode(self._start.get("input") or {}).decode()


def _known(document: Document, names: tuple[str, ...]) -> dict[str, object]:
    """What is said of these; null says nothing."""
    return {name: value for name in names if (value := document.get(name)) is not None}


def _to_keep(blocks: list[dict[str, object]], *, all_of_them: bool) -> object:
    """The blocks as they were, when they are more than texts and calls, or must go back."""
    kept = [block for block in blocks if block.get("type") != "text" or block.get("text")]
    plain = all(block.get("type") in _PLAIN for block in kept)
    return None if plain and not all_of_them else kept
