"""Runs agents whose models are behind a gateway, traced over OTLP/HTTP.

    python agents.py http://GATEWAY/v1 KEY http://LISTENER/v1/traces
"""

import contextlib
import os
import sys
import time

os.environ["AGNO_TELEMETRY"] = "false"

from agno.agent import Agent  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.tools import tool  # noqa: E402
from openinference.instrumentation.agno import AgnoInstrumentor  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402

GATEWAY, KEY, LISTENER = sys.argv[1:4]


@tool
def look_up(name: str) -> dict:
    """Look somebody up."""
    return {"name": name, "fields": ["mathematics"]}


@tool
def count(text: str) -> int:
    """Count characters."""
    return len(text)


def model(name):
    return OpenAIChat(id=name, base_url=GATEWAY, api_key=KEY, max_retries=0)


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=LISTENER)))
AgnoInstrumentor().instrument(tracer_provider=provider)

Agent(name="Tool User", model=model("gpt-4o-mini"), tools=[look_up, count]).run("two tools", session_id="s-1")
Agent(name="Fallback", model=model("primary")).run("slowly", session_id="s-2")
Agent(name="Claude Behind", model=model("claude-sonnet-4-5")).run("slowly", session_id="s-3")
for chunk in Agent(name="Slow Reader", model=model("gpt-4o-mini")).run("a streamed answer", stream=True, session_id="s-4"):
    time.sleep(0.5)
for _ in range(2):
    Agent(name="Asks Twice", model=model("gpt-4o-mini")).run("a question that comes again", session_id="s-5")
with contextlib.suppress(Exception):
    Agent(name="Unlucky", model=model("gpt-4o-mini")).run("too many requests", session_id="s-6")
provider.force_flush()
