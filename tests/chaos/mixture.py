"""Workflows of mixed shape for the chaos rounds: some calls are slow, so that kills find them."""

from typing import Any

Document = dict[str, Any]


def _slow(name: str, seconds: float, **more: Any) -> Document:
    return {"id": name, "agent_type": "sleeper", "task_type": "sleep",
            "input_data": {"seconds": seconds}, **more}  # fmt: skip


def _quick(name: str, **more: Any) -> Document:
    return {"id": name, "agent_type": "idler", "task_type": "noop", "input_data": {}, **more}


def _undoable(name: str, seconds: float) -> Document:
    undo = {"agent_type": "sleeper", "task_type": "sleep", "input_data": {"seconds": 0.05}}
    return _slow(name, seconds, compensate=undo)


def _branch(name: str, *steps: Document) -> Document:
    return {"id": name, "steps": list(steps)}


_TEXT = {"agent_type": "text_processor", "task_type": "sentiment_analysis", "text": "I am happy."}
_FAILS = {"id": "fails", "agent_type": "idler", "task_type": "nothing_of_the_kind",
          "input_data": {}, "queue_timeout": "1s", "retry": {"max_attempts": 1}}  # fmt: skip

MIXTURE: tuple[Document, ...] = (
    {
        "name": "sequence",
        "steps": [_quick("a"), _slow("b", 1.5), {"id": "c", **_TEXT}, _quick("d")],
    },
    {
        "name": "graph",
        "steps": [
            _quick("a", depends_on=[]),
            _slow("b", 0.8, depends_on=["a"]),
            _slow("c", 2.0, depends_on=["a"]),
            _quick("d", depends_on=["b", "c"]),
            {"id": "e", "type": "transform", "depends_on": ["d"]},
        ],
    },
    {
        "name": "parallel",
        "steps": [
            {
                "id": "all",
                "type": "parallel",
                "branches": [
                    _branch(f"b{i}", _slow(f"s{i}", 0.6 * i), _quick(f"q{i}")) for i in (1, 2, 3)
                ],
            },
            {
                "id": "any",
                "type": "parallel",
                "join": "any",
                "branches": [_branch("fast", _slow("f", 0.5)), _branch("late", _slow("l", 3.0))],
            },
        ],
    },
    {
        "name": "switch",
        "steps": [
            {"id": "maybe", "if": "input.n > 5", **_TEXT},
            {
                "id": "way",
                "type": "switch",
                "cases": [{"when": "input.n > 3", "steps": [_slow("much", 1.5), _quick("more")]}],
                "default": [_slow("little", 0.8)],
            },
            _quick("last"),
        ],
    },
    {
        "name": "undone",
        "steps": [_undoable("one", 1.0), _undoable("two", 0.8), _FAILS],
        "rollback": {"on": ["failure", "cancel"]},
    },
    {
        "name": "handled",
        "steps": [
            {**_FAILS, "on_error": [{"do": "continue", "output": {"v": 1}}]},
            _slow("after", 2.0, timeout="5s"),
            _quick("end"),
        ],
    },
    {
        "name": "waits",
        "steps": [
            {"id": "while", "type": "wait", "for": "3s"},
            _slow("then", 0.5),
            {
                "id": "nobody",
                "type": "wait",
                "signal": "go",
                "timeout": "2s",
                "on_timeout": {"do": "continue", "output": {"v": "late"}},
            },
            _quick("end"),
        ],
    },
)  # fmt: skip
