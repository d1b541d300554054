"""An agent whose model answers at once, without a network: four spans a question.

    python program.py SPANS [DATABASE]

With a database it sets up Agno's tracing. At its end it prints its processor time in seconds.
"""

import atexit
import os
import sys
import time

# Registered first, so that it is called last: what others do at the end counts.
atexit.register(lambda: print(f"{time.process_time():.3f}"))
os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.tools import tool  # noqa: E402
from openai.types.chat import ChatCompletion  # noqa: E402

ANSWER = "Everything is where it was. " * 8


class Completions:
    """Stands in for the client of OpenAI: asks for the tool, then answers."""

    def create(self, messages, **_):
        message = {"role": "assistant", "content": ANSWER}
        if messages[-1]["role"] != "tool":
            call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"name": "Ada"}'}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 300, "completion_tokens": 60, "total_tokens": 360}
        return ChatCompletion.model_validate(
            {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini", "choices": [choice], "usage": usage}
        )


class Client:
    def __init__(self):
        self.chat = type("Chat", (), {"completions": Completions()})

    def is_closed(self):
        return False


@tool
def look_up(name: str) -> str:
    """Look somebody up."""
    return f"{name} is here."


def main():
    if len(sys.argv) > 2:
        from agno.db.sqlite import SqliteDb
        from agno.tracing import setup_tracing

        setup_tracing(db=SqliteDb(db_file=sys.argv[2]))
    agent = Agent(name="Clerk", model=OpenAIChat(id="gpt-5-mini", api_key="none", client=Client()), tools=[look_up], instructions=ANSWER * 4)
    for _ in range(int(sys.argv[1]) // 4):
        agent.run("Where is Ada?")


main()
