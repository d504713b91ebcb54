"""`orchestra agent`: the group. Its commands are imported when they are asked for."""

import click

from orchestra.cli.lazy import LazyGroup

PAGES = {
    "list": ("agent_list:list_agents", "List the registered agents."),
    "show": ("agent_list:show", "Show one agent, by name or id."),
    "execute": ("agent_execute:execute", "Have one task done, and print the answer."),
    "inspect": ("agent_inspect:inspect", "Show how an agent is, why, and what it did."),
    "register": ("agent_register:register", "Register an agent, or change it."),
    "discover": ("agent_register:discover", "Look behind a URL for agents."),
    "check": ("agent_steer:check", "Ask an agent now whether it is well."),
    "drain": ("agent_steer:drain", "Give an agent no new tasks."),
    "enable": ("agent_steer:enable", "Give an agent tasks again."),
    "disable": ("agent_steer:disable", "Turn an agent off until it is enabled."),
    "remove": ("agent_steer:remove", "Remove an agent."),
    "select": ("agent_inspect:select", "Tell which agent would get a task now."),
    "why": ("agent_inspect:why", "Tell who did a task, and why."),
    "plugins": ("agent_list:plugins", "List agents found in the server's folder."),
    "new": ("agent_new:new", "Write a file with an agent in it."),
    "run": ("agent_new:run", "Let the agent in a file work."),
    "bench": ("agent_bench:bench", "Measure tasks a second and latency."),
}


@click.group(
    cls=LazyGroup,
    lazy={name: (f"orchestra.cli.{page}", line) for name, (page, line) in PAGES.items()},
)
def agent() -> None:
    """Register, call, watch and write agents.

    \b
    Examples:
      orchestra agent list
      orchestra agent execute text_processor sentiment_analysis "I love it"
      orchestra agent inspect text_processor-builtin
    """
