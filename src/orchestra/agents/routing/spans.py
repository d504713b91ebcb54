"""The span of one call of one agent."""

from orchestra import conventions as names
from orchestra import tracing
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.http_request import trace_of
from orchestra.agents.records import Agent
from orchestra.tracing import Span, Value

_MODELS = ("openai", "anthropic")


def invoked(agent: Agent, call: Call) -> "Span | tracing.Nothing":
    """It lasts as long as the call. Its id is the one that the agent is told."""
    task, spec = call.task, agent.spec
    trace = trace_of(call)
    known: dict[str, Value] = {
        names.GEN_AI_OPERATION: names.INVOKE_AGENT,
        names.GEN_AI_AGENT: spec.name,
        names.GEN_AI_AGENT_ID: agent.id,
        names.GEN_AI_AGENT_VERSION: spec.version,
        names.AGENT_PROVIDER: spec.provider,
        names.TENANT: str(task.tenant),
        names.TASK: task.id,
        names.ATTEMPT: task.attempt,
        names.CALL: call.n,
    }
    if spec.provider in _MODELS:
        known[names.GEN_AI_PROVIDER] = spec.provider
    if call.capability:
        known[names.CAPABILITY] = call.capability
    if task.execution:
        known[names.EXECUTION] = task.execution
    if task.step:
        known[names.STEP] = task.step
    above = tracing.read(task.trace) or tracing.begun(task.tenant, task.execution or task.id)
    kind = "internal" if spec.provider == "python" else "client"
    name = f"{names.INVOKE_AGENT} {spec.name}"
    return tracing.span(name, kind, known, within=above, span_id=trace.span_id)


def answered(span: Span, reply: Answer | Failure) -> None:
    """What the agent said, as far as it is no content."""
    if isinstance(reply, Failure):
        span.fail(reply.error.code)
        span.attributes[names.OUTCOME] = "failed" if reply.error.definite else "unknown"
    usage, told = reply.usage, span.attributes
    if usage is not None:
        told[names.GEN_AI_INPUT_TOKENS] = usage.input_tokens
        told[names.GEN_AI_OUTPUT_TOKENS] = usage.output_tokens
        if usage.cost_micro_usd is not None:
            told[names.COST_USD] = usage.cost_micro_usd / 1_000_000
    model = reply.facts.get("model")
    if isinstance(model, str):
        told[names.GEN_AI_RESPONSE_MODEL] = model
