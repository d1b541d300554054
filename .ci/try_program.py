"""Runs an installed agno-top as a new user would: try_program.py PROGRAM DATABASE [--installer NAME] [--commit].

Needs only the standard library. Stops at the first difference.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.request

# A span that ended, in OTLP/JSON.
REQUEST = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "installed",
                            "startTimeUnixNano": str(time.time_ns() - 2_000_000),
                            "endTimeUnixNano": str(time.time_ns()),
                        }
                    ]
                }
            ]
        }
    ]
}


def run(*arguments):
    """Return what the program prints."""
    began = time.monotonic()
    command = [options.program, *arguments]
    output = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60, check=True, text=True, env=environment)
    print(f"{time.monotonic() - began:6.2f} s  agno-top {' '.join(arguments)}", flush=True)
    return output.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def send(port):
    """Post the span as soon as the program listens."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces", json.dumps(REQUEST).encode(), {"Content-Type": "application/json"}
    )
    for _ in range(600):
        try:
            return urllib.request.urlopen(request, timeout=30).read()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("agno-top tail does not listen")


parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("database")
parser.add_argument("--installer", help="the installer that --version must name")
parser.add_argument("--commit", action="store_true", help="whether --version must state a commit and its date")
options = parser.parse_args()
options.program = os.path.abspath(options.program)
database = os.path.abspath(options.database)

with tempfile.TemporaryDirectory() as home:
    environment = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}

    version = run("--version")
    print(version, end="")
    assert re.match(r"agno-top \d+\.\d+\.\d+", version), version
    assert not options.commit or re.search(r"\([0-9a-f]{7,}(-dirty)? \d{4}-\d\d-\d\d\)\n", version), version
    assert not options.installer or f"\ninstalled with {options.installer}, upgrade: " in version, version

    assert "TRACE" in run("list", database), "list prints a table"
    assert "Refund Agent" in run("demo", "--once"), "demo --once prints a frame"

    # A user who debugs may ask every program for backtraces. The packaged one has no tables for them.
    missing = [options.program, "list", os.path.join(home, "missing.sqlite")]
    failed = subprocess.run(missing, stderr=subprocess.PIPE, timeout=60, text=True, env=environment | {"RUST_BACKTRACE": "1"})
    assert failed.returncode == 1 and re.fullmatch(r"agno-top: .*\n", failed.stderr), failed

    port = free_port()
    tail = subprocess.Popen(
        [options.program, "tail", "--http", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True, env=environment, cwd=home
    )
    try:
        send(port)
        line = tail.stdout.readline()
        assert "installed" in line, line
        print(f"agno-top tail: {line}", end="")
    finally:
        tail.kill()
        tail.wait()
