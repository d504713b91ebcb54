"""The part of a registration that is each provider's own: where the agent is, and how it speaks."""

import re
from collections.abc import Mapping
from typing import Final, Literal, cast
from urllib.parse import urlsplit

from orchestra.agents import Provider
from orchestra.agents.records import A2AReach, LlmReach, McpReach, Prompt, Reach
from orchestra.agents.registration.endpoints import read_http, read_url
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.prompt_text import BadPrompt, compiled
from orchestra.schemas.judging import fault_of

PROVIDERS: Final = ("http", "openai", "anthropic", "a2a", "mcp", "python", "pull")
TELL_THEMSELVES: Final = frozenset({"a2a", "mcp"})
"""Providers whose agents say what they can do, so `capabilities` may be left out."""
OWN: Final[Mapping[Provider, tuple[str, ...]]] = {
    "python": ("entry_point",),
    "http": (
        "endpoint", "format", "request_template", "response_path", "async", "cancel_url",
    ),
    "openai": ("base_url", "api", "model", "params", "prompts", "tools", "max_tool_rounds"),
    "anthropic": ("base_url", "model", "params", "prompts", "tools", "max_tool_rounds"),
    "a2a": ("card_url", "binding"),
    "mcp": ("url", "tools", "command"),
}  # fmt: skip

OPENAI: Final = "https://api.openai.com/v1"
ANTHROPIC: Final = "https://api.anthropic.com"
PROMPTS_MAX = 65
PROMPT_MAX_CHARS = 65_536
TOOLS_MAX = 64
MODEL = re.compile(r"[!-~][ -~]*")
TOOL = re.compile(r"(?:agent|mcp):[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
MCP_TOOL = re.compile(r"[A-Za-z0-9_.-]{1,128}")
RESERVED = frozenset({"model", "messages", "input", "stream", "tools", "n", "store", "system"})


def read_reach(fields: Fields, provider: Provider) -> Reach | None:
    """The provider's own fields. Whether a destination is allowed is judged elsewhere."""
    match provider:
        case "http":
            return read_http(fields)
        case "openai":
            return _openai(fields)
        case "anthropic":
            url = read_url(fields, "base_url", ANTHROPIC)
            return _llm(fields, url, "claude-sonnet-5", "messages")
        case "a2a":
            binding = fields.one_of("binding", "", ("HTTP+JSON", "JSONRPC"))
            url = read_url(fields, "card_url")
            return A2AReach(url, cast('Literal["HTTP+JSON", "JSONRPC"] | None', binding or None))
        case "mcp":
            return McpReach(read_url(fields, "url"), _names(fields, "tools", MCP_TOOL))
        case "python" | "pull":
            return None


def urls_of(reach: Reach | None) -> Mapping[str, str]:
    """The URLs a registration names, by their field: each is judged before it is kept."""
    match reach:
        case None:
            return {}
        case LlmReach():
            return {"base_url": reach.base_url}
        case A2AReach():
            return {"card_url": reach.card_url}
        case McpReach():
            return {"url": reach.url}
        case _:
            found = {"endpoint": reach.endpoint}
            return found | ({"cancel_url": reach.cancel_url} if reach.cancel_url else {})


def _openai(fields: Fields) -> LlmReach:
    """Chat Completions everywhere; Responses is what api.openai.com itself prefers."""
    url = read_url(fields, "base_url", OPENAI)
    official = urlsplit(url).hostname == "api.openai.com"
    api = fields.one_of("api", "responses" if official else "chat", ("chat", "responses"))
    return _llm(fields, url, "gpt-5-mini", cast('Literal["chat", "responses"]', api))


def _llm(
    fields: Fields, base_url: str, model: str, api: Literal["chat", "responses", "messages"]
) -> LlmReach:
    params = fields.inner("params")
    for name in params.body if params else ():
        if params and name in RESERVED:
            params.find(name, "not_an_option", "this is decided by the platform")
    return LlmReach(
        base_url=base_url.rstrip("/"),
        api=api,
        model=fields.text("model", model, pattern=MODEL, most=256),
        params=dict(params.body) if params else {},
        prompts=_prompts(fields),
        tools=_names(fields, "tools", TOOL),
        max_tool_rounds=fields.whole("max_tool_rounds", 8, 1, 32),
    )


def _prompts(fields: Fields) -> dict[str, Prompt]:
    inner = fields.inner("prompts")
    if inner is None:
        return {}
    if len(inner.body) > PROMPTS_MAX:
        fields.find("prompts", "too_many", f"has at most {PROMPTS_MAX} entries")
        return {}
    found: dict[str, Prompt] = {}
    for name in inner.body:
        one = inner.inner(name)
        if one is not None:
            one.known(Prompt.__struct_fields__)
            schema = one.inner("output_schema")
            if schema is not None and (fault := fault_of(schema.body)):
                one.find("output_schema", "bad_schema", fault)
            _check_templates(one)
            found[name] = Prompt(
                one.text("system", "", most=PROMPT_MAX_CHARS),
                one.text("user", "", most=PROMPT_MAX_CHARS),
                one.text("version", "", most=64),
                dict(schema.body) if schema else None,
            )
    return found


def _check_templates(fields: Fields) -> None:
    for field in ("system", "user"):
        text = fields.body.get(field)
        if isinstance(text, str) and len(text) <= PROMPT_MAX_CHARS:
            try:
                compiled(text)
            except BadPrompt as bad:
                fields.find(field, "bad_template", str(bad))


def _names(fields: Fields, field: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    found: list[str] = []
    for i, item in enumerate(fields.items(field, TOOLS_MAX) or []):
        if isinstance(item, str) and pattern.fullmatch(item):
            found.append(item)
        else:
            fields.find_item(field, i, "format", f"must match {pattern.pattern}")
    return tuple(found)
