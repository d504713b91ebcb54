"""Spans of a conversation with a model: each request to it, and each tool that it asks for."""

from orchestra import conventions as names
from orchestra import tracing
from orchestra.agents.llm import Said, ToolCall
from orchestra.agents.providers import Failure
from orchestra.agents.records import Agent, LlmReach
from orchestra.tracing import Span


def chat(agent: Agent) -> "Span | tracing.Nothing":
    """One request to the model. Neither the prompt nor the answer is in it."""
    if not tracing.collected():
        return tracing.NOTHING
    reach = agent.spec.reach
    assert isinstance(reach, LlmReach)
    known = {
        names.GEN_AI_OPERATION: names.CHAT,
        names.GEN_AI_PROVIDER: agent.spec.provider,
        names.GEN_AI_REQUEST_MODEL: reach.model,
    }
    return tracing.span(f"{names.CHAT} {reach.model}", "client", known)


def said(span: Span | None, reply: Said | Failure) -> None:
    """What came back."""
    if span is None:
        return
    usage, told = reply.usage, span.attributes
    if isinstance(reply, Failure):
        span.fail(reply.error.code)
    else:
        told[names.GEN_AI_FINISH] = [reply.finish]
        for name, text in (
            (names.GEN_AI_RESPONSE_MODEL, reply.model),
            (names.GEN_AI_RESPONSE_ID, reply.response_id),
        ):
            if text:
                told[name] = text
        if reply.ttft_ms is not None:
            told[names.GEN_AI_FIRST_CHUNK] = reply.ttft_ms / 1_000
    if usage is None:
        return
    told[names.GEN_AI_INPUT_TOKENS] = usage.input_tokens
    told[names.GEN_AI_OUTPUT_TOKENS] = usage.output_tokens
    for name, n in (
        (names.GEN_AI_CACHE_READ_TOKENS, usage.cached_tokens),
        (names.GEN_AI_CACHE_WRITE_TOKENS, usage.cache_write_tokens),
        (names.GEN_AI_REASONING_TOKENS, usage.reasoning_tokens),
    ):
        if n:
            told[name] = n


def tool(asked: ToolCall, name: str) -> "Span | tracing.Nothing":
    """A tool that the model asks for, from the asking to what goes back to the model."""
    if not tracing.collected():
        return tracing.NOTHING
    known = {
        names.GEN_AI_OPERATION: names.EXECUTE_TOOL,
        names.GEN_AI_TOOL: name,
        names.GEN_AI_TOOL_TYPE: "function",
        names.GEN_AI_TOOL_CALL: asked.id,
    }
    return tracing.span(f"{names.EXECUTE_TOOL} {name}", "internal", known)
