"""Asks a server through the vendors' own clients, for comparison. Run by the Python of `vendors`.

Arguments: the base URL of each API. Prints one line for each: the API and the text, or the error.
"""

import sys

import anthropic
import openai

HELLO = [{"role": "user", "content": "Say hello to the world, and to all who live in it."}]


def main(openai_url: str, anthropic_url: str) -> None:
    """Stream once from each API, without retries."""
    client = openai.OpenAI(base_url=openai_url, api_key="k", max_retries=0)
    chunks = client.chat.completions.create(model="m", messages=HELLO, stream=True)
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    tell("chat", said)
    events = client.responses.create(model="m", input="hello", stream=True)
    said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    tell("responses", said)
    other = anthropic.Anthropic(base_url=anthropic_url, api_key="k", max_retries=0)
    events = other.messages.create(model="m", max_tokens=99, messages=HELLO, stream=True)
    deltas = (e.delta for e in events if e.type == "content_block_delta")
    tell("messages", "".join(d.text for d in deltas))


def tell(api: str, said: str) -> None:
    """A line for the test that runs this."""
    sys.stdout.write(f"{api} {said}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
