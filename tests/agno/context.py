"""Runs agents with OpenAI's and Anthropic's models against model_server.py, each with several model calls, traced into a SQLite file.

    python context.py DATABASE http://127.0.0.1:PORT
"""

import os
import sys

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.db.sqlite import SqliteDb  # noqa: E402
from agno.models.anthropic import Claude  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.tracing import setup_tracing  # noqa: E402
from opentelemetry import trace  # noqa: E402

DATABASE, SERVER = sys.argv[1:3]

INSTRUCTIONS = "Look at every order with care before you promise anything. " * 150


@tool
def look_up(name: str) -> dict:
    """Look somebody up."""
    return {"name": name, "about": "mathematics and computing, " * 60}


@tool
def translate(text: str, language: str) -> str:
    """Translate a text into another language."""
    return text


def models():
    yield "Gpt", OpenAIChat(id="gpt-4o", base_url=f"{SERVER}/v1", api_key="none", max_retries=0)
    yield "Claude", Claude(id="claude-sonnet-4-5", api_key="none", client_params={"base_url": SERVER, "max_retries": 0})


def main():
    setup_tracing(db=SqliteDb(db_file=DATABASE))
    for name, model in models():
        for kind in ("healthy", "forgotten"):
            agent = Agent(name=f"{name} {kind}", model=model, instructions=INSTRUCTIONS, tools=[look_up, translate])
            agent.run(f"A {kind} run of {name}: who was Ada?")
    trace.get_tracer_provider().force_flush()


if __name__ == "__main__":
    main()
