#!/usr/bin/env python3
"""Measures how much memory a million spans take that arrive over OTLP: two builds of agno-top in alternation, with the same load.

    memory.py NEW [OLD] [--spans 1000000] [--conversations 240] [--seed 7] [--parallel 200] [--batch 128] [--keep]

The load is made of conversations that real Agno agents had with a stand-in for a model, so it needs a Python with the packages of
tests/agno/requirements.txt and numpy. Each copy of a conversation has words, ids and times of its own. This process sends it over HTTP; the programs hold
everything. Prints resident memory, processor time from the first span until the program is quiet, the time until a payload is shown, and the
time of a search that finds nothing: each of the server for agents (`mcp`), and of the screen at 200x60.
"""

import argparse
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

import numpy

import conversations

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests/fixtures/agno-3.1.10.otlp.pb"
LIMITS = ["--max-memory", "32G", "--max-spans", "4000000"]
PIECE = 32  # bytes that count as repeated where they occurred before
LOOKS = 200  # payloads that are read


def repeated(words, conversations_, seed):
    """Returns which share of pieces occurred before: in the same conversation, and in another one."""
    chance, all_pieces, total, same, other = numpy.random.default_rng(seed), set(), 0, 0, 0
    for number, conversation in enumerate(conversations_):
        template = conversations.Template(conversation, words)
        body = b"".join(part for part, _ in template.copy(chance, number, 1_790_000_000_000_000_000))
        own = set()
        # Pieces begin where a word ends, so that they are the same wherever they stand.
        for at in (found.start() for found in re.finditer(rb"[ \"]", body)):
            piece = body[at : at + PIECE]
            total += 1
            if piece in own:
                same += 1
            elif piece in all_pieces:
                other += 1
            own.add(piece)
        all_pieces |= own
    return same / total, other / total


def write_load(path, arguments):
    """Writes the load and returns some spans to look at: the trace, the span and the bytes that name them."""
    reserved = set(re.findall(rb"[a-z]+", FIXTURE.read_bytes())) | {b"search", b"orders", b"query", b"read", b"page", b"address", b"part"}
    words, head, recorded = conversations.record(arguments.seed, arguments.conversations, reserved)
    same, other = repeated(words, recorded, arguments.seed)
    calls = [sum(len(run) for run in conversation) for conversation in recorded]
    print(f"seed {arguments.seed}: {len(recorded)} conversations of {min(calls)} to {max(calls)} spans", flush=True)
    print(f"pieces of {PIECE} bytes that occurred before: {same:.1%} in the same conversation, {other:.1%} in another", flush=True)
    spans = size = 0
    with open(path, "wb") as out:
        for body, count in conversations.requests(arguments.seed, arguments.spans, words, head, recorded, arguments.parallel, arguments.batch):
            out.write(struct.pack("<II", len(body), count) + body)
            spans, size = spans + count, size + len(body)
    print(f"{spans:,} spans, {size / spans:.0f} bytes each", flush=True)


def bodies(path):
    with open(path, "rb") as load:
        while head := load.read(8):
            length, count = struct.unpack("<II", head)
            yield load.read(length), count


def send(port, path):
    """Sends all requests and returns the ids of a span of some of them."""
    connection, looked_at = socket.create_connection(("127.0.0.1", port)), []
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number, (body, _) in enumerate(bodies(path)):
        head = f"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        while True:
            connection.sendall(head + body)
            answer = connection.recv(4096)
            if answer.startswith(b"HTTP/1.1 200"):
                break
            if not answer.startswith(b"HTTP/1.1 429"):
                sys.exit(f"refused: {answer[:200]}")
            time.sleep(0.01)
        if number % 37 == 0:
            span = re.search(rb"\x0a\x10(.{16})\x12\x08(.{8})", body, re.DOTALL)
            looked_at.append((span.group(1).hex(), span.group(2).hex()))
    return looked_at


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """agno-top, listening on a port."""

    def __init__(self, binary, arguments, home, terminal=False):
        self.port = free_port()
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        command = [binary, *arguments, "--http", f"127.0.0.1:{self.port}", *LIMITS]
        self.master = None
        if terminal:
            self.master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=home, start_new_session=True)
            os.close(slave)
            self.last_output = 0
            threading.Thread(target=self.read, daemon=True).start()
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=home, text=True)
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
        sys.exit("agno-top does not listen")

    def read(self):
        while True:
            try:
                if not os.read(self.master, 1 << 16):
                    return
                self.last_output = time.monotonic()
            except OSError:
                return

    def processor_time(self):
        """Returns the seconds that all threads ran, also those that have ended."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_until_quiet(self, spell=2.0):
        """Returns the processor time after it grew by less than 2 % of a core for a spell."""
        before = self.processor_time()
        while True:
            time.sleep(spell)
            now = self.processor_time()
            if now - before < 0.02 * spell:
                return now
            before = now

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]

    def load(self, path):
        before = self.processor_time()
        looked_at = send(self.port, path)
        after = self.wait_until_quiet()
        return after - before, looked_at

    def ask(self, id, method, parameters):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.kill()
        self.process.wait()


def look(program, looked_at):
    """Returns the milliseconds until each payload was answered."""
    program.ask(0, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "measure", "version": "1"}})
    program.process.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
    times = []
    for number, (trace, span) in enumerate(random.Random(1).sample(looked_at, min(LOOKS, len(looked_at)))):
        begun = time.perf_counter()
        answer = program.ask(number + 1, "tools/call", {"name": "get_span", "arguments": {"id": trace, "span": span, "part": "attributes"}})
        times.append((time.perf_counter() - begun) * 1000)
        text = answer["result"]["content"][0]["text"]
        if "openinference.span.kind" not in text:
            sys.exit(f"the payload is not readable: {text[:300]}")
    return times


def search(program):
    """Types a search that finds nothing. Returns the seconds until the screen is quiet, and the processor time."""
    before, begun = program.processor_time(), time.monotonic()
    os.write(program.master, b"/text:qqxqq\r")
    time.sleep(0.3)
    while True:
        now = program.processor_time()
        time.sleep(0.3)
        if program.processor_time() - now < 0.02:
            return program.last_output - begun, program.processor_time() - before


def measure(binary, path, home):
    """Returns what was seen of a build by name."""
    seen = {}
    server = Program(binary, ["mcp", "--no-redact"], home)
    seen["server: MB before the load"] = server.resident()[0]
    cpu, looked_at = server.load(path)
    seen["server: processor s"] = cpu
    seen["server: resident MB"], seen["server: peak MB"] = server.resident()
    times = sorted(look(server, looked_at))
    seen["payload: median ms"], seen["payload: p99 ms"], seen["payload: most ms"] = statistics.median(times), times[len(times) * 99 // 100], times[-1]
    server.end()
    screen = Program(binary, [], home, terminal=True)
    cpu, _ = screen.load(path)
    seen["screen: processor s"] = cpu
    seen["screen: resident MB"], seen["screen: peak MB"] = screen.resident()
    seen["search: s"], seen["search: processor s"] = search(screen)
    seen["screen: resident MB after the search"] = screen.resident()[0]
    screen.end()
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("new")
    parser.add_argument("old", nargs="?")
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=240)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--parallel", type=int, default=200, help="conversations at a time")
    parser.add_argument("--batch", type=int, default=128, help="spans of a request")
    parser.add_argument("--keep", action="store_true", help="keep the load and use it again")
    arguments = parser.parse_args()
    path = ROOT / f"target/tmp/load-{arguments.seed}-{arguments.conversations}-{arguments.spans}-{arguments.parallel}-{arguments.batch}.otlp"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_load(path, arguments)
    results = []
    for binary in filter(None, (arguments.old, arguments.new)):
        with tempfile.TemporaryDirectory() as home:
            results.append(measure(os.path.abspath(binary), path, home))
        print(binary, json.dumps({name: round(value, 2) for name, value in results[-1].items()}), flush=True)
    if not arguments.keep:
        path.unlink()
    if len(results) == 2:
        for name, old in results[0].items():
            print(f"{name:38} {old:10.2f} {results[1][name]:10.2f} {results[1][name] / max(old, 1e-9):7.3f} x")


if __name__ == "__main__":
    main()
