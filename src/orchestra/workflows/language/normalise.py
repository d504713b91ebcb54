"""A document as it was sent, read into its full form: short forms resolved, ids given.

The full form is the same language, so reading it again changes nothing. Its canonical JSON is what
a version is known by. `defaults` stay as they are; `reading.definition_of` merges them.
"""

from typing import Final

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_object
from orchestra.workflows.language.outline import Block, every_node, outline
from orchestra.workflows.language.tables import DEFINITION, STEPS_MAX

ROLLBACK_ON: Final = ("failure", "cancel", "timeout")


def normalise(document: Json, found: Findings) -> tuple[dict[str, Json], Block]:
    """The full form and its tree. What cannot be read is left out, and `found` says why."""
    read = DEFINITION.read(document, "", found)
    made: dict[str, Json] = read if is_object(read) else {}
    if found.steps_seen > STEPS_MAX:
        many = "more than 2,000" if found.steps_seen > 2 * STEPS_MAX else f"{found.steps_seen:,}"
        found.error("limit.steps", "/steps", f"{STEPS_MAX:,} steps at most, there are {many}")
    body = outline(made.get("steps"), found)
    rollback = made.setdefault("rollback", {} if _undoable(body) else {"on": []})
    rollback.setdefault("on", list(ROLLBACK_ON))
    return made, body


def _undoable(body: Block) -> bool:
    return any("compensate" in node.step for node in every_node(body))
