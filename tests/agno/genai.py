"""Runs agents, a team and workflows against model_server.py, with the instrumentations of Agno in the order in which they are named, and writes
the spans as OTLP: tests/fixtures/genai-agno. Needs opentelemetry-instrumentation-genai-agno 1.3b0 beside requirements.txt.

    python genai.py FILE.pb.gz http://127.0.0.1:PORT openinference genai

OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only makes the second one state inputs and outputs.
"""

import asyncio
import gzip
import os
import sys
import threading

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.team import Team  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.workflow import Workflow  # noqa: E402
from agno.workflow.step import Step  # noqa: E402
from agno.workflow.types import StepInput, StepOutput  # noqa: E402
from openinference.instrumentation.agno import AgnoInstrumentor as OpenInference  # noqa: E402
from opentelemetry import trace  # noqa: E402
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: E402
from opentelemetry.instrumentation.genai.agno import AgnoInstrumentor as GenAi  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

FILE, SERVER, *NAMES = sys.argv[1:]


def gpt():
    return OpenAIChat(id="gpt-5-mini", base_url=f"{SERVER}/v1", api_key="none", max_retries=0)


@tool
def look_up(name: str) -> dict:
    """Look somebody up."""
    return {"name": name, "born": None}


@tool
def count(text: str) -> int:
    """Count characters."""
    return len(text)


@tool
def fail() -> str:
    """Fail."""
    raise RuntimeError("a tool's failure:\nsecond line")


def clerk(name, **named):
    return Agent(name=name, id=name.lower(), model=gpt(), tools=[look_up, count], **named)


def compute(step: StepInput) -> StepOutput:
    return StepOutput(content="42")


def members():
    return Team(name="Little Team", members=[Agent(name="Member", id="member", role="Says two words", model=gpt())], model=gpt())


def flow():
    return Workflow(name="Flow", id="flow", steps=[Step(name="think", agent=clerk("Thinker")), Step(name="end", executor=compute)])


def consume(stream):
    for _ in stream:
        pass


async def consume_async(stream):
    async for _ in stream:
        pass


RUNS = [
    lambda: clerk("Sync").run("look somebody up", user_id="ada", session_id="s-1"),
    lambda: asyncio.run(clerk("Async").arun("look somebody up", session_id="s-1")),
    lambda: consume(clerk("Streamer").run("look somebody up", session_id="s-2", stream=True)),
    lambda: consume(clerk("Eventful").run("look somebody up", session_id="s-2", stream=True, stream_events=True)),
    lambda: asyncio.run(consume_async(clerk("Async Streamer").arun("look somebody up", session_id="s-2", stream=True))),
    lambda: Agent(name="Unlucky", model=gpt(), tools=[fail]).run("a tool that fails", session_id="s-3"),
    lambda: Agent(name="Throttled", model=gpt()).run("too many requests", session_id="s-3"),
    lambda: asyncio.run(Agent(name="Async Throttled", model=gpt()).arun("too many requests", session_id="s-3")),
    lambda: consume(Agent(name="Stream Throttled", model=gpt()).run("too many requests", session_id="s-3", stream=True)),
    lambda: members().run("ask the member", session_id="s-4"),
    lambda: asyncio.run(members().arun("ask the member", session_id="s-4")),
    lambda: consume(members().run("ask the member", session_id="s-4", stream=True)),
    lambda: consume(members().run("ask the member", session_id="s-4", stream=True, stream_events=True)),
    lambda: asyncio.run(consume_async(members().arun("ask the member", session_id="s-4", stream=True))),
    lambda: flow().run("look somebody up", session_id="s-5"),
    lambda: asyncio.run(flow().arun("look somebody up", session_id="s-5")),
    lambda: consume(flow().run("look somebody up", session_id="s-5", stream=True)),
    lambda: consume(flow().run("look somebody up", session_id="s-5", stream=True, stream_events=True)),
    lambda: Agent(model=gpt()).run("slowly", session_id="s-6"),
]


def main():
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    for name in NAMES:
        {"openinference": OpenInference, "genai": GenAi}[name]().instrument(tracer_provider=provider)

    def attempt(run):
        try:
            run()
        except Exception as error:
            print(type(error).__name__, error)

    for run in RUNS:
        # A thread of its own for each, so that no run's context reaches the next.
        thread = threading.Thread(target=attempt, args=[run])
        thread.start()
        thread.join()
    with gzip.GzipFile(FILE, "w", mtime=0) as file:
        file.write(encode_spans(memory.get_finished_spans()).SerializeToString())


main()
