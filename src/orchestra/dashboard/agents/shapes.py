"""The fields of a registration, by kind of agent, as forms show them. Pure."""

from collections.abc import Mapping
from typing import Final

from orchestra.dashboard.sheets import Entry, Group

PROVIDERS: Final[Mapping[str, tuple[str, str]]] = {
    "http": ("HTTP", "a service of yours that answers a POST"),
    "openai": ("OpenAI", "a model behind the OpenAI API, or any server that speaks it"),
    "anthropic": ("Anthropic", "a model behind the Anthropic API"),
    "a2a": ("A2A", "an agent with an agent card"),
    "mcp": ("MCP", "a server of tools"),
    "pull": ("Worker", "a process that comes for its tasks, from behind any firewall"),
    "python": ("Python", "code that is installed with this server"),
}

REACHES: Final[Mapping[str, tuple[Entry, ...]]] = {
    "http": (
        Entry("endpoint", "Address", placeholder="https://agents.example.com/run", required=True),
        Entry(
            "format", "What is sent", "choice", options=("", "envelope", "input", "template"),
            hint="The envelope has the task, its deadline and a callback; input is the bare input.",
        ),
        Entry("response_path", "Where the answer is", placeholder="data.result"),
        Entry("cancel_url", "Address to cancel at"),
        Entry("request_template", "Template of the body, as JSON", "json"),
        Entry("async", "It may answer later, to a callback", "flag"),
    ),
    "openai": (
        Entry("base_url", "Address", placeholder="https://api.openai.com/v1"),
        Entry("model", "Model", placeholder="gpt-5-mini"),
        Entry("api", "API", "choice", options=("", "chat", "responses")),
        Entry("max_tool_rounds", "Rounds of tools, at most", "number", placeholder="8"),
    ),
    "anthropic": (
        Entry("base_url", "Address", placeholder="https://api.anthropic.com"),
        Entry("model", "Model", placeholder="claude-sonnet-5"),
        Entry("max_tool_rounds", "Rounds of tools, at most", "number", placeholder="8"),
    ),
    "a2a": (
        Entry(
            "card_url", "Address of its card", required=True,
            placeholder="https://agents.example.com/.well-known/agent-card.json",
        ),
        Entry("binding", "Binding", "choice", options=("", "HTTP+JSON", "JSONRPC")),
    ),
    "mcp": (
        Entry("url", "Address", required=True, placeholder="https://tools.example.com/mcp"),
        Entry("tools", "Only these tools", "lines", hint="One a line; none: all of them.", rows=3),
    ),
    "pull": (),
    "python": (
        Entry("entry_point", "Entry point", placeholder="package.module:agent",
              hint="Empty: the code that is installed for the type."),
    ),
}  # fmt: skip
_MODEL: Final = (
    Entry("params", "Parameters, as JSON", "json", placeholder='{"temperature": 0}'),
    Entry("prompts", "Prompts by capability, as JSON", "json",
          placeholder='{"summary": {"system": "You sum up.", "user": "{{ input.text }}"}}'),
    Entry("tools", "Tools", "lines", hint="agent:name or mcp:name, one a line.", rows=3),
)  # fmt: skip
MODELS: Final = ("openai", "anthropic")
TELL_THEMSELVES: Final = ("a2a", "mcp")
REACHED: Final = ("http", "openai", "anthropic", "a2a", "mcp")
"""Those that are called at an address, with credentials, and can be asked how they are."""

_WHO: Final = (
    Entry("name", "Name", required=True, most=63, placeholder="summariser"),
    Entry("agent_type", "Type", required=True, most=63, placeholder="writer",
          hint="Steps ask for a type; agents of one type stand in for each other."),
    Entry("description", "What it is for", most=4_096),
    Entry("version", "Version", placeholder="1.0.0", most=128),
)  # fmt: skip
_CAN: Final = Entry(
    "capabilities", "Tasks", "names", rows=4, placeholder="summary\ntranslation",
    hint="A name a line; or a JSON list with types and schemas. None: it is asked for anything.",
)  # fmt: skip
_LOAD: Final = (
    Entry("max_concurrency", "Tasks at once", "number", placeholder="8"),
    Entry("timeout_ms", "Timeout, ms", "number", placeholder="60000"),
    Entry("priority", "Priority", "number", placeholder="8", hint="0 to 15; lower comes first."),
    Entry("weight", "Weight", "number", placeholder="1", hint="1 to 100."),
    Entry("limits/rpm", "Requests a minute", "number"),
    Entry("limits/tpm", "Tokens a minute", "number"),
    Entry("fallbacks", "Who stands in", "lines", rows=2, hint="agent:name or type:name, up to 3."),
    Entry("hedge", "Ask a second one when it is slow", "flag"),
)
_LIFE: Final = (
    Entry("heartbeat/mode", "Heartbeats", "choice", options=("", "none", "push")),
    Entry("heartbeat/interval_s", "Heartbeat every, s", "number", placeholder="10"),
    Entry("heartbeat/ttl_s", "Stale after, s", "number", placeholder="30"),
    Entry("health/path", "Path of the check", placeholder="/healthz"),
    Entry("health/interval_s", "Check every, s", "number", placeholder="10"),
    Entry("health/timeout_ms", "Check at most, ms", "number", placeholder="2000"),
    Entry("ephemeral", "Forget it after ten silent minutes", "flag"),
)
_MONEY: Final = (
    Entry("budget/usd_per_day", "Dollars a day, at most", "number"),
    Entry("budget/usd_per_task", "Dollars a task, at most", "number"),
    Entry("price/input_per_mtok", "Dollars a million tokens in", "number"),
    Entry("price/output_per_mtok", "Dollars a million tokens out", "number"),
)
_MARKS: Final = (
    Entry("labels", "Labels", "pairs", rows=2, placeholder="team: support"),
    Entry("metadata", "Metadata, as JSON", "json", rows=3),
)


def groups(provider: str, secrets: tuple[str, ...] = (), *, new: bool = True) -> list[Group]:
    """The form of an agent of this kind. `secrets`: names that may be chosen."""
    told = PROVIDERS[provider][1]
    found = [Group("Who it is", _WHO)]
    if REACHES[provider]:
        found.append(Group("How it is reached", REACHES[provider], told=f"{told}."))
    if new or provider not in TELL_THEMSELVES:
        found.append(Group("What it can do", (_CAN,)))
    if provider in REACHED:
        found.append(Group("Credentials", auth(secrets)))
    if provider in MODELS:
        found.append(Group("Model", _MODEL, folded=True, told="parameters, prompts, tools"))
    found += [
        Group("Load and limits", _LOAD, folded=True, told="slots, timeout, rates, who stands in"),
        Group("Life and checks", _LIFE, folded=True, told="heartbeats, health"),
        Group("Money", _MONEY, folded=True, told="budgets and prices"),
        Group("Labels", _MARKS, folded=True, told="labels and metadata"),
    ]
    return found


def auth(secrets: tuple[str, ...]) -> tuple[Entry, ...]:
    """How we prove who we are, there."""
    return (
        Entry("auth/type", "How we prove who we are", "choice",
              options=("", "none", "bearer", "header", "basic", "hmac")),
        Entry("auth/secret", "Secret", placeholder="${secret:my-key}", most=256,
              suggestions=tuple(f"${{secret:{name}}}" for name in secrets),
              hint="By its name: the value is never written here, nor shown."),
        Entry("auth/header", "Header", placeholder="X-Api-Key", most=64),
    )  # fmt: skip
