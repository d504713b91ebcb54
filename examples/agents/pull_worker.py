"""A worker that comes for its tasks: nothing needs to reach it. `python pull_worker.py http://127.0.0.1:8000`."""

import sys

from orchestra.sdk import Agent, Reject

agent = Agent("counter-1", agent_type="counter", url=sys.argv[1])


@agent.capability("count_words", input_types=["text"], output_types=["json"], idempotent=True)
async def count_words(task):
    if not isinstance(task.input.get("text"), str):
        raise Reject("text is needed")
    return {"words": len(task.input["text"].split())}


if __name__ == "__main__":
    agent.run()
