"""An agent that is sent its tasks: `uvicorn http_agent:app --port 9000`, then register it with
`{"name": "shouter-1", "agent_type": "shouter", "endpoint": "http://127.0.0.1:9000/",
"capabilities": [{"name": "shout"}]}`. The server has to allow the address, with
`--network-allow 127.0.0.0/8:9000`.
"""

from orchestra.sdk import Agent

agent = Agent("shouter-1", agent_type="shouter")


@agent.capability("shout")
async def shout(task):
    for word in task.input["text"].split():
        yield word.upper() + " "  # shown to whoever looks on
    yield {"text": task.input["text"].upper()}  # the output


app = agent.asgi()
