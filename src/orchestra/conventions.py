"""Names of spans' attributes, as OpenTelemetry's semantic conventions have them: all in this table.

Those of generative AI are in development there: when they change, they change here. What the
conventions have no name for begins with `orchestra.`. Content (prompts, answers, inputs, outputs)
has no name here: it is in no span.
"""

from typing import Final

# Generative AI: https://opentelemetry.io/docs/specs/semconv/gen-ai/
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
GEN_AI_WORKFLOW: Final = "gen_ai.workflow.name"
GEN_AI_AGENT_ID: Final = "gen_ai.agent.id"
GEN_AI_AGENT: Final = "gen_ai.agent.name"
GEN_AI_AGENT_VERSION: Final = "gen_ai.agent.version"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_FINISH: Final = "gen_ai.response.finish_reasons"
GEN_AI_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
GEN_AI_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_TOOL: Final = "gen_ai.tool.name"
GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"
GEN_AI_TOOL_CALL: Final = "gen_ai.tool.call.id"

INVOKE_WORKFLOW: Final = "invoke_workflow"
INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"

# HTTP, errors, messaging: stable, or nearly so.
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
URL_PATH: Final = "url.path"
URL_SCHEME: Final = "url.scheme"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_OPERATION: Final = "messaging.operation.type"
MESSAGING_MESSAGE: Final = "messaging.message.id"

# Ours.
TENANT: Final = "orchestra.tenant"
EXECUTION: Final = "orchestra.execution.id"
EXECUTION_STATUS: Final = "orchestra.execution.status"
WORKFLOW: Final = "orchestra.workflow.id"
WORKFLOW_VERSION: Final = "orchestra.workflow.version"
STEP: Final = "orchestra.step"
STEP_STATUS: Final = "orchestra.step.status"
ATTEMPT: Final = "orchestra.attempt"
ATTEMPTS: Final = "orchestra.attempts"
TASK: Final = "orchestra.task.id"
CALL: Final = "orchestra.call"
"""Which call of an attempt: from 1, one more for each repeat and failover."""
AGENT_PROVIDER: Final = "orchestra.agent.provider"
CAPABILITY: Final = "orchestra.capability"
COST_USD: Final = "orchestra.usage.cost_usd"
OUTCOME: Final = "orchestra.outcome"
REQUEST: Final = "orchestra.request.id"
WEBHOOK: Final = "orchestra.webhook.id"
DELIVERY: Final = "orchestra.delivery.id"
EVENT_TYPE: Final = "orchestra.event.type"
