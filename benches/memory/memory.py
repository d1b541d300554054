#!/usr/bin/env python3
"""Measures how much memory a million spans take that arrive over OTLP: two builds of agno-top in alternation, with the same load.

    memory.py NEW [OLD] [--spans 1000000] [--conversations 240] [--seed 7] [--parallel 200] [--batch 128] [--keep]

The load is made of conversations that real Agno agents had with a stand-in for a model, so it needs a Python with the packages of
tests/agno/requirements.txt and numpy. Each copy of a conversation has words, ids and times of its own. This process sends it over HTTP; the programs hold
everything. Prints resident memory and processor time from the first span until the program is quiet, of `tail` with a filter that nothing
matches, and of the screen at 200x60; then how long the screen draws after a key that leads to a trace far away, with the input of its agent in the
detail, and how long it searches all contents for a word that nothing has and for one that a quarter of the spans have.
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
QUIET = 2.0  # seconds without work after which the program has nothing left to do
LOOKS = 100  # leaps from trace to trace


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
    """Writes the load."""
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
            length, _ = struct.unpack("<II", head)
            yield load.read(length)


def send(port, path):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for body in bodies(path):
        head = f"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        while True:
            connection.sendall(head + body)
            answer = connection.recv(4096)
            if answer.startswith(b"HTTP/1.1 200"):
                break
            if not answer.startswith(b"HTTP/1.1 429"):
                sys.exit(f"refused: {answer[:200]}")
            time.sleep(0.01)


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
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, cwd=home)
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

    def wait_until_quiet(self):
        """Returns the processor time after it grew by less than 2 % of a core for a while."""
        before = self.processor_time()
        while True:
            time.sleep(QUIET)
            now = self.processor_time()
            if now - before < 0.02 * QUIET:
                return now
            before = now

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]

    def load(self, path):
        before = self.processor_time()
        send(self.port, path)
        return self.wait_until_quiet() - before

    def end(self):
        self.process.kill()
        self.process.wait()


def type_keys(program, keys, spell):
    """Types, and returns the milliseconds until the last output that a spell without any follows."""
    begun = program.last_output = time.monotonic()
    os.write(program.master, keys)
    while time.monotonic() - program.last_output < spell:
        time.sleep(0.002)
    return (program.last_output - begun) * 1000


def look(program):
    """Opens the detail, and returns the milliseconds of each leap through the traces."""
    for key in (b"\r", b"\t"):
        type_keys(program, key, 0.5)
    return sorted(type_keys(program, b"\x1b[6~" * 5, 0.15) for _ in range(LOOKS))


def search(program, word):
    """Searches and returns the seconds until the screen is quiet, and the processor time."""
    before, begun, now = program.processor_time(), time.monotonic(), -1
    os.write(program.master, b"/text:" + word + b"\r")
    while (later := program.processor_time()) - now > 0.02:
        now = later
        time.sleep(QUIET)
    passed = program.last_output - begun
    os.write(program.master, b"\x1b")
    time.sleep(0.3)
    return passed, later - before


def measure(binary, path, home):
    """Returns what was seen of a build by name."""
    seen = {}
    tail = Program(binary, ["tail", "--otlp", "--filter", "name:none"], home)
    seen["tail: MB before the load"] = tail.resident()[0]
    seen["tail: processor s"] = tail.load(path)
    seen["tail: resident MB"], seen["tail: peak MB"] = tail.resident()
    tail.end()
    screen = Program(binary, [], home, terminal=True)
    seen["screen: processor s"] = screen.load(path)
    seen["screen: resident MB"], seen["screen: peak MB"] = screen.resident()
    times = look(screen)
    seen["look: median ms"], seen["look: p99 ms"] = statistics.median(times), times[len(times) * 99 // 100]
    for name, word in (("absent", b"qqxqq"), ("frequent", b"read_page")):
        seen[f"{name} word: s"], seen[f"{name} word: processor s"] = search(screen, word)
    seen["screen: resident MB afterwards"] = screen.resident()[0]
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
