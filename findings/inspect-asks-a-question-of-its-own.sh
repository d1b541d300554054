#!/usr/bin/env bash
# Inspect asks OpenAI's reasoning models a question of its own that no usage counts; a sample's usage leaves out its failed attempts, the log's has them.
#
# Packages: inspect-ai 0.3.285, openai 3.57.0.
# Behaviour: the first generate() for a model whose name is that of a reasoning model of OpenAI sends "Please say 'hello, world'" with a request for
#   reasoning summaries before the sample's own request, once in a process. The answer is billed like any; stats.model_usage, the samples' usage
#   and the log's events leave it out. With retry_on_error, a sample that raised twice and then passed cost three calls: stats.model_usage has
#   three, the sample's own model_usage has the last; the other two are in the events of its error_retries.
# Expected: requests that are paid are in the usage, and the usage of the samples adds up to that of the log.
# Matters: CI that evaluates a sample or two in a fresh process pays for one call more than the log tells, each time. A cost for each sample, summed
#   from the samples, is too low by what was retried; take the difference to stats.model_usage for the retries.
# Output seen (case: requests at the provider; total tokens billed, in the log's stats, in its samples, in their model events, in those of error_retries):
#> first eval: Please say 'hello, world'; Greet me: 2100, 1050, 1050, 1050, 0
#> second eval: Greet me: 1050, 1050, 1050, 1050, 0
#> two failed attempts: Greet me; Greet me; Greet me: 3150, 3150, 1050, 1050, 2100
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OPENAI_@}" "${!INSPECT_@}"
export NO_PROXY=127.0.0.1 OPENAI_API_KEY=none INSPECT_DISPLAY=none HOME="$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check inspect-ai==0.3.285 openai==3.57.0

cat > "$dir/run.py" <<'PY'
import json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    asked = []
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.asked.append(ask["input"] if isinstance(ask["input"], str) else ask["input"][-1]["content"][0]["text"])
        body = json.dumps({"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": ask["model"], "output": [
            {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "Hello", "annotations": []}]}],
            "usage": {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 50,
                      "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 1050},
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/v1"
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, solver

failures = 0

@solver
def unsteady():
    async def solve(state, generate):
        global failures
        if failures:
            failures -= 1
            raise RuntimeError("once more")
        return state
    return solve

total = lambda usage: sum(model.total_tokens for model in usage.values())
for case, failures in ("first eval", 0), ("second eval", 0), ("two failed attempts", 2):
    Provider.asked.clear()
    [log] = eval(Task(dataset=[Sample(input="Greet me", target="Hello")], solver=[generate(), unsteady()], scorer=includes()),
                 model="openai/gpt-5-mini", log_dir=sys.argv[1], retry_on_error=3)
    assert log.status == "success"
    events = sum(event.output.usage.total_tokens for sample in log.samples for event in sample.events if event.event == "model")
    retried = sum(event.output.usage.total_tokens for sample in log.samples for failure in sample.error_retries or []
                  for event in failure.events or [] if event.event == "model")
    print(f"{case}: {'; '.join(Provider.asked)}: {1050 * len(Provider.asked)}, {total(log.stats.model_usage)}, "
          f"{sum(total(sample.model_usage) for sample in log.samples)}, {events}, {retried}")
PY

timeout 100 "$dir/venv/bin/python" "$dir/run.py" "$dir/logs" > "$dir/seen" 2> "$dir/err"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
