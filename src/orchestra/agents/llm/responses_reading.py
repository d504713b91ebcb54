"""What Responses answers: items, whole at the end even of a stream.

The deltas are for those who listen; the answer is read from the `response` of the last event, or,
where a server leaves it empty, from the items told before.
"""

from typing import Literal

from orchestra.agents.llm import Said, ToolCall
from orchestra.agents.llm.faults import failure_of_event
from orchestra.agents.llm.fields import Document, count, inner, objects, text
from orchestra.agents.llm.holding import Held
from orchestra.agents.llm.sending import DONE, Hearing, invalid, truncated
from orchestra.agents.providers import Failure, Usage

NAME_MAX_CHARS = 256
_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
_DELTAS = frozenset(
    {
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta",
    }
)


class ResponsesReader:
    """Reads one response, whole or in events."""

    def __init__(self, hearing: Hearing, secrets: tuple[str, ...] = ()) -> None:
        self._hearing, self._secrets = hearing, secrets
        self._items: list[Document] = []
        self._held = Held()
        self._response: Document = {}
        self._error: Document | None = None

    def whole(self, document: Document) -> Said | Failure:
        """A `response`."""
        self._response = document
        if "output" not in document and "error" not in document:
            return invalid("answered without output")
        return self.end()

    def event(self, name: str, document: Document) -> bool:
        """One event; what is not known is passed over."""
        kind = text(document, "type") or name
        if kind == "response.output_text.delta":
            self._hearing.token(text(document, "delta"))
        elif kind in _DELTAS:
            self._hearing.token()
        elif kind == "response.output_item.done":
            self._held.hold(document)
            self._items.append(inner(document, "item"))
        elif kind in _LAST:
            self._response = inner(document, "response")
            return True
        elif kind == "error":
            self._error = inner(document, "error") or document
            return True
        elif inner(document, "response"):
            self._response = inner(document, "response")
        return name == DONE

    def end(self) -> Said | Failure:
        """What all of it said."""
        error = self._error or inner(self._response, "error")
        status = text(self._response, "status")
        if error or status == "failed":
            said = {key: value for key, value in error.items() if key != "type" or value != "error"}
            return failure_of_event(said, self.usage(), self._secrets)
        match status:
            case "completed" | "incomplete" | "":
                return self._said(status)
            case "cancelled":
                return failure_of_event({"message": "it was cancelled"}, self.usage())
            case _:
                return truncated(f"it ended {status[:32]}", self.usage())

    def usage(self) -> Usage | None:
        """What it used; told at the end only."""
        said = inner(self._response, "usage")
        if not said:
            return None
        given = inner(said, "input_tokens_details")
        return Usage(
            count(said, "input_tokens"),
            count(said, "output_tokens"),
            count(given, "cached_tokens"),
            count(given, "cache_write_tokens"),
            count(inner(said, "output_tokens_details"), "reasoning_tokens"),
        )

    def _said(self, status: str) -> Said | Failure:
        items = objects(self._response, "output") or self._items
        messages = [item for item in items if item.get("type") == "message"]
        # A model that thinks aloud marks what it means as its answer.
        final = [one for one in messages if one.get("phase") == "final_answer"] or messages
        parts = [part for message in final for part in objects(message, "content")]
        refusal = "".join(text(part, "refusal") for part in parts)
        calls = tuple(
            ToolCall(
                text(item, "call_id") or text(item, "id") or f"call_{n}",
                text(item, "name"),
                text(item, "arguments") or "{}",
            )
            for n, item in enumerate(items)
            if item.get("type") == "function_call"
        )
        return Said(
            "".join(text(part, "text") for part in parts if part.get("type") == "output_text"),
            self._finish(status, refusal, calls),
            self.usage() or Usage(),
            calls,
            refusal,
            text(self._response, "model")[:NAME_MAX_CHARS],
            text(self._response, "id")[:NAME_MAX_CHARS],
            kept=_to_keep(items),
        )

    def _finish(
        self, status: str, refusal: str, calls: tuple[ToolCall, ...]
    ) -> Literal["stop", "length", "filtered", "tools", "refused"]:
        reason = text(inner(self._response, "incomplete_details"), "reason")
        if reason == "content_filter":
            return "filtered"
        if status == "incomplete":
            return "length"
        if refusal:
            return "refused"
        return "tools" if calls else "stop"


def _to_keep(items: list[Document]) -> object:
    """All items as they were, when some are more than texts and calls.

    A reasoning item without its encrypted content refers to what is not stored: it is left out.
    """
    kept = [
        item for item in items if item.get("type") != "reasoning" or text(item, "encrypted_content")
    ]
    plain = all(item.get("type") in ("message", "function_call") for item in kept)
    return None if plain and not any("phase" in item for item in kept) else kept
