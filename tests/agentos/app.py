"""Serves an AgentOS with a few agents whose traces go to a SQLite file, and runs them over HTTP when a line comes on standard input.

    python app.py DATABASE MODEL_SERVER [KEY]

Prints its port, which AGENTOS_PORT may choose, and "done" after the runs. Ends with its standard input.
"""

import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

os.environ["AGNO_TELEMETRY"] = "false"
DATABASE, SERVER = sys.argv[1:3]
KEY = sys.argv[3] if len(sys.argv) > 3 else None
if KEY:
    os.environ["OS_SECURITY_KEY"] = KEY

import uvicorn  # noqa: E402
from agno.agent import Agent  # noqa: E402
from agno.db.sqlite import SqliteDb  # noqa: E402
from agno.models.openai import OpenAIChat  # noqa: E402
from agno.os import AgentOS  # noqa: E402
from agno.team import Team  # noqa: E402
from agno.tools import tool  # noqa: E402
from agno.workflow import Workflow  # noqa: E402
from agno.workflow.step import Step  # noqa: E402
from agno.workflow.types import StepInput, StepOutput  # noqa: E402


def gpt(name="gpt-5-mini"):
    return OpenAIChat(id=name, base_url=f"{SERVER}/v1", api_key="none", max_retries=0)


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


def compute(step: StepInput) -> StepOutput:
    return StepOutput(content="42")


db = SqliteDb(db_file=DATABASE, id="traces")
agents = [
    Agent(name="Tool User", id="tool-user", model=gpt(), tools=[look_up, count], db=db),
    Agent(name="Unlucky", id="unlucky", model=gpt(), tools=[fail], db=db),
    Agent(name="Streamer", id="streamer", model=gpt("gpt-4o-mini"), db=db),
]
member = Agent(name="Member", id="member", role="Says two words", model=gpt("gpt-4o"))
team = Team(name="Little Team", id="little-team", members=[member], model=gpt("gpt-5"), db=db)
flow = Workflow(name="Flow", id="flow", steps=[Step(name="think", agent=Agent(name="Thinker", model=gpt())), Step(name="end", executor=compute)], db=db)
app = AgentOS(id="test", agents=agents, teams=[team], workflows=[flow], db=db, tracing=True).get_app()

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(os.environ.get("AGENTOS_PORT", "0"))))
port = listener.getsockname()[1]
server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()


def run(kind, name, message, session, stream="false", headers=None):
    form = urllib.parse.urlencode({"message": message, "stream": stream, "session_id": session, "user_id": "ada"}).encode()
    headers = {**(headers or {}), **({"authorization": f"Bearer {KEY}"} if KEY else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{kind}/{name}/runs", form, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.read()


while not server.started:
    time.sleep(0.01)
print(port, flush=True)
for line in sys.stdin:
    for _ in range(2):
        run("agents", "tool-user", "two tools", "s-1")
    run("agents", "unlucky", "a tool that fails", "s-2")
    run("agents", "unlucky", "too many requests", "s-2")
    run("agents", "streamer", "a streamed answer", "s-3", stream="true")
    run("teams", "little-team", "ask the member", "s-4")
    run("workflows", "flow", "slowly", "s-5")
    # The caller is traced: the root of this trace is in another program.
    run("agents", "tool-user", "two tools", "s-6", headers={"traceparent": f"00-{'c' * 32}-{'d' * 16}-01"})
    print(json.dumps("done"), flush=True)
