#!/usr/bin/env bash
# Mistral's span of a refused call is an ERROR only if the answer's body says so in one form; else it is UNSET, without status code or error.
#
# Packages: mistralai 3.7.0, opentelemetry-sdk 1.45.2.
# Behaviour: Mistral's SDK makes spans of its own (MISTRAL_SDK_TELEMETRY=global puts them into the process's provider). The caller gets an exception
#   for every refusal. The span gets ERROR, error.type and http.response.status_code if the body is JSON with `"object": "error"`; after any
#   other body, FastAPI's `{"detail": […]}` of a 422 too, for which the SDK has an exception class, it ends UNSET with none of the three.
#   Streamed, no body helps. With a RetryConfig, 429, 429, 200 are three requests and one span, of the last.
# Expected: ERROR, error.type and the status code for each; they are known without the body.
# Matters: what a proxy or gateway refuses in words of its own is not in a rate of ERROR spans, nor is any refused stream. On this scope's
#   model calls a success is OK, so count UNSET as failed. Time spent on the rate limit is in no span.
# Output seen (way, status and body of the answers: what the caller got; status, error.type, http.response.status_code of each span):
#> plain, 200 answer: Hello; OK - 200
#> plain, 400 object: SDKError; ERROR invalid_request_error 400
#> plain, 422 detail: HTTPValidationError; UNSET - -
#> plain, 429 message: SDKError; UNSET - -
#> plain, no connection: ConnectError; ERROR - -
#> streamed, 400 object: SDKError; UNSET - -
#> streamed, 422 detail: HTTPValidationError; UNSET - -
#> streamed, 429 message: SDKError; UNSET - -
#> streamed, no connection: ConnectError; ERROR - -
#> plain, 429 message, 429 message, 200 answer: Hello; OK - 200
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!MISTRAL_@}"
export NO_PROXY=127.0.0.1 MISTRAL_SDK_TELEMETRY=global
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check mistralai==3.7.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, socket, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()

FORMS = {"object": {"object": "error", "message": "No", "type": "invalid_request_error", "code": "1"}, "message": {"message": "No", "request_id": "r1"},
         "detail": {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]}}

class Provider(BaseHTTPRequestHandler):
    answers = []
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, form = Provider.answers.pop(0)
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": ask["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}} if status == 200 else
            FORMS[form]).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    closed = taken.getsockname()[1]
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
retry = RetryConfig("backoff", BackoffStrategy(10, 50, 1.5, 20000), retry_connection_errors=False)

def ask(way, port, *answers):
    Provider.answers = list(answers)
    client = Mistral(api_key="none", server_url=f"http://127.0.0.1:{port}", retry_config=retry if len(answers) > 1 else None)
    call = dict(model="mistral-small", messages=[{"role": "user", "content": "Hi"}])
    try: got = client.chat.complete(**call).choices[0].message.content if way == "plain" else list(client.chat.stream(**call))
    except Exception as error: got = type(error).__name__
    assert not Provider.answers
    shown = [" ".join(str(part) for part in (span.status.status_code.name, span.attributes.get("error.type", "-"),
             span.attributes.get("http.response.status_code", "-"))) for span in memory.get_finished_spans()]
    print(f"{way}, {', '.join(' '.join(map(str, answer)) for answer in answers) or 'no connection'}: {got}; {', '.join(shown)}")
    memory.clear()

ask("plain", server.server_port, (200, "answer"))
for way in "plain", "streamed":
    for answer in (400, "object"), (422, "detail"), (429, "message"): ask(way, server.server_port, answer)
    ask(way, closed)
ask("plain", server.server_port, (429, "message"), (429, "message"), (200, "answer"))
PY

timeout 100 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
