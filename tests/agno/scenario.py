"""Runs agents, a team and a workflow against model_server.py, traced into a SQLite file, a PostgreSQL or a MySQL database (its URL), or a folder of a JSON store.

    python scenario.py DATABASE http://127.0.0.1:PORT [--batch] [--also DATABASE] [--otlp http://127.0.0.1:PORT/v1/traces]
"""

import asyncio
import os
import sys
import threading

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.models.anthropic import Claude  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.team import Team  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.tracing import setup_tracing  # noqa: E402
from agno.workflow import Workflow  # noqa: E402
from agno.workflow.parallel import Parallel  # noqa: E402
from agno.workflow.step import Step  # noqa: E402
from agno.workflow.types import StepInput, StepOutput  # noqa: E402
from opentelemetry import trace  # noqa: E402
from stores import database, trace_into_others  # noqa: E402

DATABASE, SERVER = sys.argv[1:3]


def gpt(name="gpt-5-mini"):
    return OpenAIChat(id=name, base_url=f"{SERVER}/v1", api_key="none", max_retries=0)


def claude():
    return Claude(id="claude-sonnet-4-5", api_key="none", client_params={"base_url": SERVER, "max_retries": 0})


@tool
def look_up(name: str) -> dict:
    """Look somebody up."""
    return {"name": name, "born": None, "fields": ["mathematics", "computing"]}


@tool
def count(text: str) -> int:
    """Count characters."""
    return len(text)


@tool
def fail() -> str:
    """Fail."""
    raise RuntimeError("a tool's failure:\nsecond line")


def tools(model):
    Agent(name="Tool User", id="tool-user", model=model, tools=[look_up, count]).run("two tools", user_id="ada", session_id="s-1")


def failures():
    Agent(name="Unlucky", model=gpt(), tools=[fail]).run("a tool that fails", session_id="s-2")
    Agent(name="Throttled", model=gpt("gpt-4o")).run("too many requests", session_id="s-2")


def streamed():
    for _ in Agent(name="Streamer", model=gpt("gpt-4o-mini")).run("a streamed answer", stream=True):
        pass


def together():
    async def go():
        agents = [Agent(name=f"Async {n}", model=gpt()) for n in range(3)]
        await asyncio.gather(*(agent.arun("slowly") for agent in agents))

    asyncio.run(go())


def workflow():
    def compute(step: StepInput) -> StepOutput:
        return StepOutput(content="42")

    both = Parallel(Step(name="think", agent=Agent(name="Thinker", model=gpt())), Step(name="compute", executor=compute), name="both")
    Workflow(name="Flow", id="flow", steps=[both, Step(name="end", executor=compute)]).run("slowly", session_id="s-3")


def team():
    member = Agent(name="Member", id="member", role="Says two words", model=claude())
    Team(name="Little Team", members=[member], model=gpt("gpt-5")).run("ask the member", session_id="s-4")


setup_tracing(db=database(DATABASE), batch_processing="--batch" in sys.argv)
trace_into_others(sys.argv)
if "--otlp" in sys.argv:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    endpoint = sys.argv[sys.argv.index("--otlp") + 1]
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
for work in (lambda: tools(gpt()), lambda: tools(claude()), failures, streamed, together, workflow, team):
    # A thread of its own for each, so that no run's context reaches the next.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
trace.get_tracer_provider().force_flush()
