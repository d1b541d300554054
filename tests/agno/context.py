"""Runs agents against model_server.py, each of which has one reason why a provider's cache misses, or none, traced into a SQLite file.

    python context.py DATABASE http://127.0.0.1:PORT [--also DATABASE]

Agno runs them with OpenAI's and Anthropic's classes; those whose name begins with Raw call OpenAI's client themselves.
"""

import copy
import json
import os
import sys
import time

os.environ["AGNO_TELEMETRY"] = "false"

import opentelemetry.sdk.trace  # noqa: E402
from agno.agent import Agent  # noqa: E402
from agno.db.sqlite import SqliteDb  # noqa: E402
from agno.models.anthropic import Claude  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.tools.function import Function  # noqa: E402
from agno.tracing import setup_tracing  # noqa: E402
from openai import OpenAI  # noqa: E402
from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: E402
from opentelemetry import trace  # noqa: E402
from stores import trace_into_others  # noqa: E402

DATABASE, SERVER = sys.argv[1:3]

INSTRUCTIONS = "Look at every order with care before you promise anything. " * 150

clock = {"ahead": 0}


def now():
    return time.time_ns() + clock["ahead"] * 1_000_000_000


@tool
def look_up(name: str) -> dict:
    """Look somebody up."""
    return {"name": name, "about": "mathematics and computing, " * 60}


@tool
def translate(text: str, language: str) -> str:
    """Translate a text into another language."""
    return text


def tool_number(number):
    properties = {"text": {"type": "string", "description": "What to do it with, and why it has to be done. " * 4}}
    parameters = {"type": "object", "properties": properties, "required": ["text"]}
    return Function(name=f"tool_{number:02}", description="Does much. " * 10, parameters=parameters, entrypoint=lambda text: text)


# What happens to a request before it is sent: its number in the run, the messages, the tools. Each changes one thing.


def healthy(at, messages, tools, model):
    pass


def dated(at, messages, tools, model):
    messages[0].content = f"{messages[0].content[:100]}It is 10:0{at}.{messages[0].content[100:]}"


def reordered(at, messages, tools, model):
    if at >= 2:
        tools.reverse()


def redescribed(at, messages, tools, model):
    if at >= 2:
        described = tools[1].get("function", tools[1])
        described["description"] = "Now! " + described["description"]


def added(at, messages, tools, model):
    if at >= 2:
        tools.insert(0, {"type": "function", "function": {"name": "escalate", "description": "Asks.", "parameters": {"type": "object"}}})


def edited(at, messages, tools, model):
    if at >= 3:
        messages[3].content = "(edited)" + str(messages[3].content)


def removed(at, messages, tools, model):
    if at >= 3:
        del messages[2:4]


def paused(at, messages, tools, model):
    if at == 2:
        clock["ahead"] += 400


def switched(at, messages, tools, model):
    model.id = "gpt-4o" if at < 2 else "gpt-4o-mini"


class Changing:
    """A model whose requests a function changes before they are sent."""

    change = staticmethod(healthy)
    requests = 0

    def invoke(self, messages, *arguments, **named):
        messages, tools = copy.deepcopy(messages), copy.deepcopy(named.get("tools") or [])
        type(self).change(self.requests, messages, tools, self)
        self.requests += 1
        return super().invoke(messages, *arguments, **{**named, "tools": tools})


def gpt(changes):
    kind = type("OpenAIChat", (Changing, OpenAIChat), {"change": staticmethod(changes)})
    return kind(id="gpt-4o", base_url=f"{SERVER}/v1", api_key="none", max_retries=0)


def claude(changes):
    kind = type("Claude", (Changing, Claude), {"change": staticmethod(changes)})
    return kind(id="claude-sonnet-4-5", api_key="none", client_params={"base_url": SERVER, "max_retries": 0})


def with_agno():
    runs = [
        ("Gpt healthy", gpt, healthy),
        ("Claude healthy", claude, healthy),
        ("Gpt dated", gpt, dated),
        ("Claude dated", claude, dated),
        ("Claude reordered", claude, reordered),
        ("Gpt redescribed", gpt, redescribed),
        ("Gpt added", gpt, added),
        ("Claude edited", claude, edited),
        ("Gpt removed", gpt, removed),
        ("Gpt paused", gpt, paused),
        ("Gpt switched", gpt, switched),
        ("Claude forgotten", claude, healthy),
        ("Claude short", claude, healthy),
        ("Gpt many", gpt, healthy),
    ]
    for name, model, change in runs:
        instructions = "Be kind." if name.endswith("short") else INSTRUCTIONS
        tools = [look_up] if name.endswith("short") else [look_up, translate]
        if name.endswith("many"):
            tools = [look_up, *map(tool_number, range(20))]
        Agent(name=name, model=model(change), instructions=instructions, tools=tools).run(f"{name}: who was Ada?")


def in_a_session():
    """Four runs of a session, each of which is sent what was said before; the instructions of the third and the fourth say more."""
    clerk = Agent(
        name="Chat", model=claude(healthy), instructions=INSTRUCTIONS, db=SqliteDb(db_file=f"{DATABASE}.sessions"), session_id="chat",
        add_history_to_context=True,
    )  # fmt: skip
    for number in range(4):
        if number == 2:
            clerk.instructions = "Be brief. " + INSTRUCTIONS
        clerk.run(f"Chat: who was Ada {number}? " + "Tell me all about her. " * 20)


def raw(client, name, change):
    """A loop that calls the client itself."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "look_up", "description": "Looks somebody up.", "parameters": schema}}]
    messages = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": f"{name}: who was Ada?"}]
    kind = {"openinference.span.kind": "AGENT", "agent.name": name}
    with trace.get_tracer("raw").start_as_current_span(name, attributes=kind):
        for at in range(5):
            change(at, messages)
            answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools).choices[0].message
            messages.append(answer.model_dump(exclude_none=True))
            if not answer.tool_calls:
                break
            for call in answer.tool_calls:
                about = json.dumps({"look": at, "about": "mathematics and computing, " * 60})
                messages.append({"role": "tool", "tool_call_id": call.id, "content": about})


def raw_dated(at, messages):
    messages[0]["content"] = f"It is 10:0{at}. {INSTRUCTIONS}"


def raw_compacted(at, messages):
    if at == 3:
        messages[2:6] = [{"role": "assistant", "content": "Summary: Ada was looked up twice."}]


def with_client():
    OpenAIInstrumentor().instrument()
    client = OpenAI(base_url=f"{SERVER}/v1", api_key="none", max_retries=0)
    for name, change in [("Raw healthy", lambda at, messages: None), ("Raw dated", raw_dated), ("Raw compacted", raw_compacted)]:
        raw(client, name, change)
    OpenAIInstrumentor().uninstrument()


def main():
    opentelemetry.sdk.trace.time_ns = now
    setup_tracing(db=SqliteDb(db_file=DATABASE))
    trace_into_others(sys.argv, "contexts")
    with_client()
    with_agno()
    in_a_session()
    trace.get_tracer_provider().force_flush()


if __name__ == "__main__":
    main()
