"""An agent without a line about tracing, or with one of the ways to set it up.

    python program.py MODE http://127.0.0.1:PORT QUESTION [DATABASE]

Prints how many spans the program's own exporter got.
"""

import os
import sys

os.environ["AGNO_TELEMETRY"] = "false"
MODE, SERVER, QUESTION = sys.argv[1:4]

from agno.agent import Agent  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.tools import tool  # noqa: E402

own_spans = 0


@tool
def look_up(name: str) -> dict:
    """Look somebody up."""
    if MODE == "errors":
        import time

        print("one line", "on standard error", file=sys.stderr)
        while not os.path.exists(sys.argv[4]):
            time.sleep(0.01)
    if MODE == "kill":
        import time

        # As long as the tool needs to be seen.
        while not os.path.exists(sys.argv[4]):
            time.sleep(0.01)
        os.kill(os.getpid(), 9)
    if MODE == "die":
        import time

        # As long as the tool must take at least.
        time.sleep(float(sys.argv[5]))
        os.kill(os.getpid(), int(sys.argv[4]))
    return {"name": name}


@tool
def count(text: str) -> int:
    """Count characters."""
    return len(text)


def own_provider():
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class Counter(SpanExporter):
        def export(self, spans):
            global own_spans
            own_spans += len(spans)
            return SpanExportResult.SUCCESS

    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=1024))
    provider.add_span_processor(SimpleSpanProcessor(Counter()))
    return provider


def set_up():
    if MODE == "setup_tracing":
        from agno.db.sqlite import SqliteDb
        from agno.tracing import setup_tracing

        setup_tracing(db=SqliteDb(db_file=sys.argv[4]))
    elif MODE == "unasked":
        from opentelemetry import trace

        trace.set_tracer_provider(own_provider())
    elif MODE == "client":
        from openai import OpenAI

        messages = [{"role": "user", "content": "slowly"}]
        OpenAI(base_url=f"{SERVER}/v1", api_key="none").chat.completions.create(model="gpt-5-mini", messages=messages)
    elif MODE in ("global", "explicit", "hidden"):
        from openinference.instrumentation import TraceConfig
        from openinference.instrumentation.agno import AgnoInstrumentor
        from opentelemetry import trace

        if MODE == "global":
            trace.set_tracer_provider(own_provider())
            AgnoInstrumentor().instrument()
        elif MODE == "explicit":
            AgnoInstrumentor().instrument(tracer_provider=own_provider())
        else:
            AgnoInstrumentor().instrument(config=TraceConfig(hide_inputs=True))
    elif MODE == "seeded":
        import random

        random.seed(1)


def ask(name, question):
    model = OpenAIChat(id="gpt-5-mini", base_url=f"{SERVER}/v1", api_key="none", max_retries=0)
    Agent(name=name, model=model, tools=[look_up, count]).run(question, user_id="ada", session_id="s-1")


set_up()
ask("Clerk", QUESTION)
print(f"{own_spans} own spans")
if MODE == "pool":
    import multiprocessing

    # Its end kills the workers as soon as their results are there.
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.starmap(ask, [("One", "slowly"), ("Two", "slowly"), ("Three", "slowly")], chunksize=1)
if MODE == "ends":
    import multiprocessing
    import threading

    thread = threading.Thread(target=ask, args=("Thread", "slowly"))
    thread.start()
    thread.join()
    child = multiprocessing.get_context("fork").Process(target=ask, args=("Process", "slowly"))
    child.start()
    child.join()
    pid = os.fork()
    if pid == 0:
        ask("Fork", "slowly")
        os._exit(0)
    os.waitpid(pid, 0)
    sys.stdout.flush()
    os._exit(5)
