#!/usr/bin/env bash
# A run of Agno that waits for an approval pauses on every store, but only two of these four keep an approval that anybody can find.
#
# Packages: agno 3.1.10, openai 3.57.0, sqlalchemy 2.1.9, pymysql 1.2.4, psycopg 3.3.9.
# Behaviour: a tool with @approval pauses the run. With SqliteDb a row stands in agno_approvals, status "pending". JsonDb and InMemoryDb do not
#   implement approvals: the run pauses alike, nothing is stored, and nothing is logged, since the NotImplementedError is dropped. MySQLDb,
#   a relational store like SqliteDb and PostgresDb, implements none of these methods either (its class is looked at; no server is needed).
# Expected: an error or a warning when the run pauses.
# Matters: who watches agno_approvals (a queue of what waits for a person) sees nothing of these runs, and an empty table does not say that no
#   run waits. The paused run itself is the only sign.
# Output seen (store, status of the run, approvals that wait, lines logged as warning or worse; classes with create_approval of their own):
#> SqliteDb PAUSED ['pending'] 0
#> JsonDb PAUSED NotImplementedError 0
#> InMemoryDb PAUSED NotImplementedError 0
#> own create_approval: SqliteDb PostgresDb
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openai==3.57.0 \
  "sqlalchemy[asyncio]==2.1.9" pymysql==1.2.4 "psycopg[binary]==3.3.9"

cat > "$dir/run.py" <<'PY'
import json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        call = {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 7}'}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "tool_calls", "message": message}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()

from agno.agent import Agent
from agno.approval import approval
from agno.db.in_memory import InMemoryDb
from agno.db.json import JsonDb
from agno.db.mysql import MySQLDb
from agno.db.postgres import PostgresDb
from agno.db.sqlite import SqliteDb
from agno.models.openai import OpenAIChat
from agno.tools import tool

logged = []
class Count(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING: logged.append(record.getMessage())
for name in ("agno", "agno-team", "agno-workflow"):
    logging.getLogger(name).addHandler(Count())

@approval
@tool(requires_confirmation=True)
def refund(order: int) -> str:
    """Refund an order."""
    return "done"

def waiting(db):
    try: found = db.get_approvals(status="pending")
    except NotImplementedError as error: return type(error).__name__
    rows = found[0] if isinstance(found, tuple) else found
    return [(row if isinstance(row, dict) else row.__dict__)["status"] for row in rows]

for db in (SqliteDb(db_file=sys.argv[1] + "/a.db"), JsonDb(db_path=sys.argv[1] + "/json"), InMemoryDb()):
    logged.clear()
    model = OpenAIChat(id="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    run = Agent(name="Clerk", model=model, tools=[refund], db=db, telemetry=False).run("Refund order 7", session_id="s")
    print(type(db).__name__, run.status.value, waiting(db), len(logged))
print("own create_approval:", *(c.__name__ for c in (SqliteDb, PostgresDb, MySQLDb) if "create_approval" in vars(c)))
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" "$dir" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
