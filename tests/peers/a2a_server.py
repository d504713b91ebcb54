"""An A2A 1.0 agent for tests, on a2a-sdk: both bindings, streaming, slow, cancelled, rejecting.

Run in the peer's own venv: `python a2a_server.py PORT`. Not imported by any test.
"""

import asyncio
import sys

import uvicorn
from a2a.helpers import (
    get_data_parts,
    get_text_parts,
    new_data_part,
    new_task_from_user_message,
    new_text_part,
)
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

SKILLS = ["echo", "story", "slow", "reject", "ask", "fail"]


def skill(name):
    return AgentSkill(
        id=name,
        name=name,
        description=f"Does {name}.",
        tags=["test"],
        input_modes=["application/json", "text/plain"],
        output_modes=["application/json"],
    )


class Executor(AgentExecutor):
    def __init__(self):
        self.seen, self.cancelled = [], []

    async def execute(self, context, event_queue):
        message = context.message
        data, text = get_data_parts(message.parts), get_text_parts(message.parts)
        wanted = context.metadata.get("capability", "echo")
        self.seen.append(
            {
                "message": message.message_id,
                "context": context.context_id,
                "data": data,
                "text": text,
                "capability": wanted,
            }
        )
        await event_queue.enqueue_event(context.current_task or new_task_from_user_message(message))
        task = TaskUpdater(event_queue, context.task_id, context.context_id)
        await task.start_work(task.new_agent_message([new_text_part("thinking")]))
        match wanted:
            case "reject":
                await task.reject(task.new_agent_message([new_text_part("not my kind of work")]))
            case "ask":
                await task.requires_input(task.new_agent_message([new_text_part("which one?")]))
            case "fail":
                await task.failed(task.new_agent_message([new_text_part("it broke")]))
            case "slow":
                await asyncio.sleep(30)
                await task.complete()
            case "story":
                for i, word in enumerate(["once ", "upon ", "a time"]):
                    await task.add_artifact(
                        [new_text_part(word)], artifact_id="story", append=i > 0, last_chunk=i == 2
                    )
                await task.complete()
            case _:
                await task.add_artifact([new_data_part({"heard": data, "text": text})], name="echo")
                await task.complete()

    async def cancel(self, context, event_queue):
        self.cancelled.append(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def main(port, streaming):
    url = f"http://127.0.0.1:{port}"
    executor = Executor()
    card = AgentCard(
        name="Test Agent", description="Says it again.", version="1.2.0",
        capabilities=AgentCapabilities(streaming=streaming),
        default_input_modes=["application/json"], default_output_modes=["application/json"],
        skills=[skill(name) for name in SKILLS],
        supported_interfaces=[
            AgentInterface(url=url + "/rpc", protocol_binding="JSONRPC", protocol_version="1.0"),
            AgentInterface(url=url, protocol_binding="HTTP+JSON", protocol_version="1.0"),
        ],
    )  # fmt: skip
    handler = DefaultRequestHandler(executor, InMemoryTaskStore(), card)

    async def told(request):
        return JSONResponse({"seen": executor.seen, "cancelled": executor.cancelled})

    async def skills(request):
        del card.skills[:]
        card.skills.extend(skill(name) for name in await request.json())
        return JSONResponse({})

    routes = [
        Route("/_told", told),
        Route("/_skills", skills, methods=["POST"]),
        *create_agent_card_routes(card, cache_control="max-age=1"),
        *create_jsonrpc_routes(handler, "/rpc"),
        *create_rest_routes(handler),
    ]
    uvicorn.run(
        Starlette(routes=routes),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), "--no-streaming" not in sys.argv)
