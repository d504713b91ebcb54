"""`retry` of a failed execution: which steps run again, and what each waits for (R36). Pure."""

from orchestra.workflows.history.stored import Stored


def lines(stored: Stored) -> str:
    """Lines `path\tdeps\troute` of all steps of the body that have not completed.

    A failed step runs at once where what it depends on has completed; what was skipped because of
    it is decided anew. A container keeps what completed inside it: it opens only the rest.
    """
    nodes = stored.plan.body.nodes
    kept = {node.path for node in nodes if _keeps(stored, node.path)}
    return "\n".join(
        f"{node.path}\t{sum(d not in kept for d in (*node.joins, *node.waits))}\t{node.route}"
        for node in nodes
        if node.path not in kept
    )


def _keeps(stored: Stored, path: str) -> bool:
    """Completed stays; so does what its own condition skipped."""
    if stored.mark(path) == "c":
        return True
    return stored.mark(path) == "s" and stored.record(path).get("reason") == "condition"
