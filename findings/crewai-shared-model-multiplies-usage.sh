#!/usr/bin/env bash
# CrewAI's token_usage multiplies when agents share one LLM object, and goes on from run to run: 3 requests are 9, and in the second run 18.
#
# Packages: crewai 1.15.30, openai 2.54.0.
# Behaviour: a crew of three agents with one task each makes three requests of 1000 tokens in (800 cached) and 50 out. The usage is
#   counted in the LLM object, and the crew adds up the counters of its agents, so one object that serves three agents is added three times.
#   The counter is never reset: the second kickoff() of the same crew, or of another crew with this LLM, contains the first. With
#   one LLM object for each agent the first run is right and the second one is twice too high. A model given as text is one object for each agent.
# Expected: `result.token_usage` is the usage of that result, as its name and place say, whichever way the model was handed over.
# Matters: one `llm = LLM(…)` at the top of the program, given to every agent, is the usual form. Costs, budgets and limits that are computed from
#   the result are n times too high for n agents, and grow with each request that a server answers. The spans of the model calls, made by an
#   instrumentor for the client, have the right counts, so a trace and the program's own figure differ by any factor.
# Output seen (how the model is given, run: requests made; requests, tokens in, cached and out as the result has them):
#> one object each, run 1: 3 requests; stated 3, 3000, 2400, 150
#> one object each, run 2: 3 requests; stated 6, 6000, 4800, 300
#> one for all, run 1: 3 requests; stated 9, 9000, 7200, 450
#> one for all, run 2: 3 requests; stated 18, 18000, 14400, 900
#> one for all, other crew: 1 requests; stated 7, 7000, 5600, 350
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!CREWAI_@}"
export NO_PROXY=127.0.0.1 HOME="$dir" CREWAI_DISABLE_TELEMETRY=true OTEL_SDK_DISABLED=true
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check crewai==1.15.30 openai==2.54.0

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from crewai import Agent, Crew, LLM, Task

logging.disable()
requests = 0

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        global requests
        requests += 1
        self.rfile.read(int(self.headers["content-length"]))
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800}}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini", "usage": usage, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()

def model():
    return LLM(model="openai/gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")

def crew(models):
    agents = [Agent(role=f"Speaker {i}", goal="Say hello", backstory="You speak.", llm=llm) for i, llm in enumerate(models)]
    return Crew(agents=agents, tasks=[Task(description="Say hello.", expected_output="hello", agent=agent) for agent in agents])

def run(name, crew):
    global requests
    requests = 0
    usage = crew.kickoff().token_usage
    print(f"{name}: {requests} requests; stated {usage.successful_requests}, {usage.prompt_tokens}, {usage.cached_prompt_tokens}, {usage.completion_tokens}")

each, shared = crew([model() for _ in range(3)]), model()
for number in (1, 2): run(f"one object each, run {number}", each)
team = crew([shared] * 3)
for number in (1, 2): run(f"one for all, run {number}", team)
run("one for all, other crew", crew([shared]))
PY

"$dir/venv/bin/python" "$dir/run.py" 2> "$dir/log" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
