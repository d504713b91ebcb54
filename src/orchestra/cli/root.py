"""The command tree. A command's module is imported when the command is asked for."""

import sys

import click

from orchestra import __version__
from orchestra.cli.lazy import LazyGroup

SYNOPSIS = """\b
Examples:
  orchestra demo                         three agents handle real messages
  orchestra serve                        start a server on 127.0.0.1:8000
  orchestra workflow run FILE --input @input.json
  orchestra doctor                       find out what is wrong here

\b
Exit codes: 0 done, 1 failed, 2 not understood (usage).
Every command has --help with examples; most have --json for programs.
"""


@click.group(
    cls=LazyGroup,
    help=f"Durable workflows over many AI agents.\n\n{SYNOPSIS}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    lazy={
        "serve": ("orchestra.cli.serve:serve", "Start the server, in the foreground."),
        "demo": ("orchestra.cli.demo:demo", "Run the customer-support workflow, end to end."),
        "workflow": ("orchestra.cli.workflow:workflow", "Validate, run and list workflows."),
        "execution": ("orchestra.cli.execution:execution", "Look at executions, and steer them."),
        "agent": ("orchestra.cli.agent:agent", "List, register and call agents."),
        "logs": ("orchestra.cli.logs:logs", "Search and follow the log of all replicas."),
        "metrics": ("orchestra.cli.metrics:metrics", "Ask what was measured."),
        "alert": ("orchestra.cli.alert:alert", "See what fires, and when something shall."),
        "analytics": ("orchestra.cli.analytics:analytics", "See where time and money go."),
        "contact": ("orchestra.cli.contact:contact", "Tell people and programs of alerts."),
        "silence": ("orchestra.cli.silence:silence", "Tell nobody of some alerts for a while."),
        "event": ("orchestra.cli.event:event", "Follow, list and publish events."),
        "queue": ("orchestra.cli.queue:queue", "Send and receive messages; see to dead letters."),
        "webhook": ("orchestra.cli.webhook:webhook", "Tell addresses outside of events."),
        "hook": ("orchestra.cli.hook:hook", "Let others start workflows and answer steps."),
        "secret": ("orchestra.cli.secret:secret", "Set, list and remove agents' credentials."),
        "prices": ("orchestra.cli.prices:prices", "What models cost; take a newer table."),
        "keys": ("orchestra.cli.keys:keys", "Make, list and revoke API keys."),
        "doctor": ("orchestra.cli.doctor:doctor", "Check this machine, its data, its server."),
    },
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def orchestra() -> None:
    """The root of the tree; it does nothing itself."""


def run() -> None:
    """Run the command in `sys.argv`. Errors of click and of ours are shown, never a traceback."""
    # Text people sent us may hold any character; a narrow terminal encoding must not stop us.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        orchestra.main(prog_name="orchestra")
    except BrokenPipeError:
        # `orchestra … | head` closes the pipe early; that is no failure of ours.
        sys.stderr.close()
