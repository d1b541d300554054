#!/usr/bin/env bash
# Forked worker processes of Python end without sending their spans, even if each has set up OpenTelemetry itself; spawned ones send all.
#
# Packages: opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2; Python 3.11.7 on Linux.
# Behaviour: four agents run in worker processes. A forked worker, or one of a fork server, ends by os._exit, which skips atexit, and the
#   SDK sends what is left at atexit. So the spans of the last 5 seconds are lost without a line in the log; of short runs, all. It is
#   the same whether the provider was made before the fork (its processor does start a new thread in the child) or by the worker. With
#   `spawn` all arrive, unless the worker is killed while it sends, as the end of `with Pool():` does. Registering the provider's shutdown with
#   multiprocessing.util.Finalize, which forked workers do call, saves them.
# Expected: that the provider's own handling of forks and of the program's end cover a worker that ends in order.
# Matters: evaluations and batch runs use process pools. The parent's span arrives with nothing below it; tokens and failures are missing. Where
#   spawn is usual (macOS, Windows) the same program is complete. Longer runs lose only their last spans: as parents end after
#   children, these are the roots, and what is left looks like runs that have not ended.
# Output seen (start method, where the provider was made, kind of worker: agents that arrive of 4):
#> fork parent Process: 0
#> fork parent Executor: 0
#> fork worker Process: 0
#> fork worker Pool: 0
#> fork worker Executor: 0
#> fork worker Executor of 6 s: 4
#> fork worker Process with Finalize: 4
#> fork worker Executor with Finalize: 4
#> forkserver worker Process: 0
#> forkserver worker Pool: 0
#> forkserver worker Executor: 0
#> forkserver worker Executor of 6 s: 4
#> forkserver worker Process with Finalize: 4
#> forkserver worker Executor with Finalize: 4
#> spawn worker Process: 4
#> spawn worker Executor: 4
#> spawn worker Executor of 6 s: 4
#> spawn worker Process with Finalize: 4
#> spawn worker Executor with Finalize: 4
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2

cat > "$dir/run.py" <<'PY'
import multiprocessing, threading, time
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.util import Finalize
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

def set_up(url, finalize=False):
    global tracer
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    tracer = provider.get_tracer("test")
    if finalize: Finalize(provider, provider.shutdown, exitpriority=0)
    return provider

def agent(_):
    with tracer.start_as_current_span("agent"): time.sleep(0.05)

def process(url, finalize):
    if url: set_up(url, finalize)
    agent(0)

arrived = []
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        arrived.extend(span.name for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass

def run(context, kind, url, finalize, seconds=0):
    if kind == "Process":
        workers = [context.Process(target=process, args=(url, finalize)) for _ in range(4)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        return
    initial = {"initializer": set_up, "initargs": (url, finalize)} if url else {}
    if kind == "Pool":
        with context.Pool(2, **initial) as pool: pool.map(agent, range(4))
    else:
        with ProcessPoolExecutor(2, mp_context=context, **initial) as pool:
            list(pool.map(agent, range(4)))
            time.sleep(seconds)

def show(method, place, kind, more=""):
    url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    arrived.clear()
    provider = set_up(url) if place == "parent" else None
    run(multiprocessing.get_context(method), kind, url if place == "worker" else None, more == " with Finalize", 6 if more == " of 6 s" else 0)
    if provider: provider.force_flush()
    print(f"{method} {place} {kind}{more}: {arrived.count('agent')}", flush=True)

if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for kind in ("Process", "Executor"): show("fork", "parent", kind)
    for method in ("fork", "forkserver", "spawn"):
        for kind in ("Process", "Pool", "Executor"):
            if (method, kind) != ("spawn", "Pool"): show(method, "worker", kind)  # that one is a race: see above
        show(method, "worker", "Executor", " of 6 s")
        for kind in ("Process", "Executor"): show(method, "worker", kind, " with Finalize")
PY
"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
