"""An agent in the server's own process: put this file into the folder `plugins/`, and enable it."""

from orchestra.sdk import Agent, Retry

agent = Agent("slugs", agent_type="slugs", version="1.0.0")
seen = set()


@agent.capability("slug", input_types=["text"], idempotent=True)
def slug(task):  # a plain function runs in a worker thread
    if task.input["text"] == "later" and not seen:
        seen.add("later")
        raise Retry(after_s=0.1)
    return {"slug": "-".join(task.input["text"].lower().split())}
