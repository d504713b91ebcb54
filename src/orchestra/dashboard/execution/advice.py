"""What somebody can do about an error, by its code. Pure."""

from typing import Final

# The first that fits, so what is more exact stands above.
_ADVICE: Final = (
    ("timeout.attempt", "Raise `timeout` of the step, or look at why its agent is slow."),
    ("timeout.queue", "Every agent was busy: add another, or raise `max_concurrency`."),
    ("timeout.total", "Attempts and pauses took longer than `total_timeout` of the step."),
    ("timeout.execution", "Raise `timeout` of the workflow, or start it again."),
    ("timeout", "Raise the time limit that its name says, or look at what took so long."),
    ("agent.unavailable", "Look at the agents: one of this type must be healthy and free."),
    ("agent.unknown", "Register an agent of this type, or correct `agent_type`."),
    ("agent.no_capability", "No agent of this type can do this task: correct `task_type`."),
    ("agent.invalid_response", "The answer did not fit: look at the output, or the schema."),
    ("agent.too_large", "Let the agent answer with less, or with a reference to the data."),
    ("agent.lost", "Its worker went away with the task: look at it, then retry."),
    ("agent.auth", "Its key was refused: look at its secret."),
    ("agent", "Look at the agent's log; when it is well again, retry the execution."),
    ("output.invalid", "The output does not fit `output_schema` of the step."),
    ("input.invalid", "The input does not fit the schema: run it again with another one."),
    ("expression", "Correct the expression in the definition, save it, and run it again."),
    ("step.crash_loop", "The server died while it ran: look at its log before a retry."),
    ("rollback.failed", "Roll back again to go on, or skip this step and undo it by hand."),
    ("cancelled", "Somebody stopped it, or what it was part of ended."),
    ("budget", "Its budget is spent: raise it, or wait until the next day."),
    ("corrupt-record", "The stored record is damaged: restore it from a backup."),
)  # fmt: skip


def advice(code: object) -> str:
    """One sentence; '' when nothing better is known than the message."""
    text = str(code)
    return next((told for begin, told in _ADVICE if text.startswith(begin)), "")
