"""What a rollback would do, as a table."""

from typing import Any, Final

import msgspec

from orchestra.cli.client import Client, segment
from orchestra.cli.printing import console, plain, print_json, shortened, table

WHY: Final = {
    "no_compensation": "nothing says how to undo it",
    "event_was_published": "its event was published",
    "failed_for_certain": "it failed for certain",
    "never_ran": "it never ran",
    "not_begun": "it had not begun what can be undone",
}


class Undoing(msgspec.Struct, frozen=True):
    """A step that is undone."""

    path: str
    outcome: str = ""
    status: str = ""
    agent_id: str | None = None
    agent_type: str | None = None
    input_data: Any = None


class Kept(msgspec.Struct, frozen=True):
    """A step that stays as it is."""

    path: str
    reason: str = ""


class Preview(msgspec.Struct, frozen=True):
    """Both."""

    steps: tuple[Undoing, ...] = ()
    kept: tuple[Kept, ...] = ()


def preview(client: Client, execution_id: str, as_json: bool) -> None:
    """Print it; nothing is done."""
    answer = client.get(f"/api/executions/{segment(execution_id)}/rollback/preview")
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Preview)
    shown = table("STEP", "OUTCOME", "UNDOING", "AGENT", "INPUT")
    for one in found.steps:
        text = msgspec.json.encode(one.input_data).decode()
        agent = one.agent_id or one.agent_type or ""
        shown.add_row(plain(one.path), one.outcome, one.status, plain(agent), shortened(text, 60))
    console().print(shown)
    for one in found.kept:
        console().print(plain(f"stays: {one.path}, {WHY.get(one.reason, one.reason)}"))
