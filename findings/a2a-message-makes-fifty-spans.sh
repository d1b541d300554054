#!/usr/bin/env bash
# One message between two A2A agents is 47 spans in two or three traces, each piece of the answer adds 7 or 8, and a streamed call that fails is OK.
#
# Packages: a2a-sdk[http-server] 1.3.0, opentelemetry-sdk 1.45.2, uvicorn 0.54.0.
# Behaviour: with an OpenTelemetry provider in place the SDK wraps the methods of its classes, private ones and queues as well. All those in the server
#   have kind SERVER, all in the client CLIENT, also those that send nothing. No traceparent is sent: the called agent is another
#   trace, and when the answer is streamed one of the server's spans is a third. A streamed call in the client has ended, OK and of no length,
#   before its request is made; when nobody listens at the address, the caller gets an exception and no span is an error.
#   OTEL_INSTRUMENTATION_A2A_SDK_ENABLED=1 switches all of it off: anything but "true" does.
# Expected: a CLIENT span and a SERVER span for a call, one below the other, as long as the call lasts, with its outcome.
# Matters: the agent's own spans are one in a hundred. Requests counted by kind SERVER are 42 for one, and 641 for an answer of 100 pieces; three such
#   answers at once are more than the 2048 spans that the SDK's queue holds, and the rest is dropped, the agent's own among
#   them. Error rates by CLIENT spans see no failed streams, their times are 0, and a tree across agents ends at the caller.
# Output seen (pieces, way: spans, of these SERVER and CLIENT; traces; then calls without a listener: status of the CLIENT spans):
#> 0 pieces, whole: 47 spans, 42 SERVER, 3 CLIENT; 2 traces
#> 0 pieces, streamed: 47 spans, 41 SERVER, 4 CLIENT; 3 traces
#> 10 pieces, whole: 117 spans, 102 SERVER, 3 CLIENT; 2 traces
#> 10 pieces, streamed: 127 spans, 101 SERVER, 14 CLIENT; 3 traces
#> 100 pieces, whole: 747 spans, 642 SERVER, 3 CLIENT; 2 traces
#> 100 pieces, streamed: 847 spans, 641 SERVER, 104 CLIENT; 3 traces
#> nobody listens, whole: A2AClientError; ERROR ERROR
#> nobody listens, streamed: A2AClientError; OK OK
#> 0 pieces, whole, ENABLED=1: 2 spans, 0 SERVER, 0 CLIENT; 2 traces
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'a2a-sdk[http-server]==1.3.0' opentelemetry-sdk==1.45.2 uvicorn==0.54.0

cat > "$dir/run.py" <<'PY'
import asyncio, logging, socket, sys, threading, time, uuid
import httpx, uvicorn
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from a2a.client import ClientConfig, ClientFactory
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Message, Part, Role, SendMessageRequest
from starlette.applications import Starlette

logging.disable()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("test")
pieces = 0

class Agent(AgentExecutor):
    async def execute(self, context, queue):
        with tracer.start_as_current_span("invoke_agent"):
            task = TaskUpdater(queue, context.task_id, context.context_id)
            await queue.enqueue_event(new_task_from_user_message(context.message))
            for number in range(pieces):
                await task.add_artifact([Part(text="word ")], artifact_id="answer", append=number > 0)
            await task.complete()
    async def cancel(self, context, queue): pass

def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]

def card(port):
    return AgentCard(name="Speaker", description="Speaks.", version="1", default_input_modes=["text"], default_output_modes=["text"],
                     capabilities=AgentCapabilities(streaming=True), skills=[AgentSkill(id="s", name="Speak", description="Speaks.", tags=["s"])],
                     supported_interfaces=[AgentInterface(url=f"http://127.0.0.1:{port}/", protocol_binding="JSONRPC", protocol_version="1.0")])

async def call(streaming, port):
    memory.clear()
    async with httpx.AsyncClient() as http:
        client = ClientFactory(ClientConfig(streaming=streaming, httpx_client=http)).create(card(port))
        message = Message(message_id=uuid.uuid4().hex, role=Role.ROLE_USER, parts=[Part(text="Hi")])
        failure = None
        with tracer.start_as_current_span("caller"):
            try:
                async for _ in client.send_message(SendMessageRequest(message=message)): pass
            except Exception as error: failure = type(error).__name__
    count = -1
    while count < len(memory.get_finished_spans()):
        count = len(memory.get_finished_spans())
        await asyncio.sleep(1)
    return memory.get_finished_spans(), failure

async def main(mode):
    global pieces
    port, closed = free_port(), free_port()
    handler = DefaultRequestHandler(Agent(), InMemoryTaskStore(), card(port))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=create_jsonrpc_routes(handler, rpc_url="/")), port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started: time.sleep(.05)
    ways = (("whole", False), ("streamed", True))
    for pieces in (0, 10, 100) if mode == "default" else (0,):
        for way, streaming in ways if mode == "default" else ways[:1]:
            spans, _ = await call(streaming, port)
            kind = lambda name: sum(span.kind.name == name for span in spans)
            print(f"{pieces} pieces, {way}{'' if mode == 'default' else ', ' + mode}: {len(spans)} spans, {kind('SERVER')} SERVER, "
                  f"{kind('CLIENT')} CLIENT; {len({span.context.trace_id for span in spans})} traces")
    for way, streaming in ways if mode == "default" else ():
        spans, failure = await call(streaming, closed)
        print(f"nobody listens, {way}: {failure};", *(span.status.status_code.name for span in spans if span.kind.name == "CLIENT"))
    server.should_exit = True

asyncio.run(main(sys.argv[1]))
PY

{ "$dir/venv/bin/python" "$dir/run.py" default
  OTEL_INSTRUMENTATION_A2A_SDK_ENABLED=1 "$dir/venv/bin/python" "$dir/run.py" ENABLED=1; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
