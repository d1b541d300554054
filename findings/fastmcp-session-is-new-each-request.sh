#!/usr/bin/env bash
# FastMCP's spans give each request of one client a session of its own, and tell each tool call as two executions and, at first, a listing.
#
# Packages: fastmcp 4.2.3, mcp 2.3.0, opentelemetry-sdk 1.45.2.
# Behaviour: a client opens one connection and calls a tool three times. By MCP's protocol of 2026-07-28, which client and server agree on unasked,
#   there are no sessions any more. The server's spans have `mcp.session.id` all the same: a random one for each request, so three calls are
#   three sessions. With mode="legacy", the protocol with a handshake, all have the same one. Client and server each write
#   gen_ai.operation.name `execute_tool` with the tool's name, one below the other: six executions for three calls. The first call
#   brings a `tools/list` below it, which the program did not ask for.
# Expected: what has no session has no session id; the convention's `mcp.session.id` says "identifies MCP session". A call is one execution.
# Matters: sessions, users' conversations and "calls per session" by that attribute are n times too many from the day both ends are new enough, with
#   no change in the program, and what one client did can't be put together any more. Tool calls and their times are counted twice as soon as
#   client and server report to the same place.
# Output seen (mode, transport: protocol; execute_tool spans, tools/list spans and sessions for three calls of one client):
#> auto, memory: 2026-07-28; 6 execute_tool, 1 tools/list, 4 sessions
#> auto, http: 2026-07-28; 6 execute_tool, 1 tools/list, 4 sessions
#> legacy, memory: 2025-11-25; 6 execute_tool, 1 tools/list, 1 sessions
#> legacy, http: 2025-11-25; 6 execute_tool, 1 tools/list, 1 sessions
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!FASTMCP_@}"
export NO_PROXY=127.0.0.1 FASTMCP_CHECK_FOR_UPDATES=off
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check fastmcp==4.2.3 mcp==2.3.0 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, logging, socket, threading, time
import uvicorn
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from fastmcp import Client, FastMCP

logging.disable()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
tools = FastMCP("tools")

@tools.tool
def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"

with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
server = uvicorn.Server(uvicorn.Config(tools.http_app(), port=port, log_level="error"))
threading.Thread(target=server.run, daemon=True).start()
while not server.started: time.sleep(.05)

async def main():
    for mode in ("auto", "legacy"):
        for name, transport in (("memory", tools), ("http", f"http://127.0.0.1:{port}/mcp")):
            async with Client(transport, mode=mode) as client:
                memory.clear()
                for city in ("Rome", "Oslo", "Lima"): await client.call_tool("weather", {"city": city})
                await asyncio.sleep(.5)
                spans = memory.get_finished_spans()
            by = lambda key: [span.attributes[key] for span in spans if key in span.attributes]
            lists = sum(span.name == "tools/list" for span in spans)
            print(f"{mode}, {name}: {', '.join(set(by('mcp.protocol.version')))}; {by('gen_ai.operation.name').count('execute_tool')} "
                  f"execute_tool, {lists} tools/list, {len(set(by('mcp.session.id')))} sessions")

asyncio.run(main())
server.should_exit = True
PY
"$dir/venv/bin/python" "$dir/run.py" 2> "$dir/log" > "$dir/seen" || cat "$dir/log"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
