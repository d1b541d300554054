#!/usr/bin/env python3
"""Measures agno-top beside other programs that receive OTLP, with the same load from one sender. peers.sh installs them and calls this.

    peers.py AGNO_TOP [--spans 100000] [--with NAME=PROGRAM ...]

Each runs in a terminal and a folder of its own. Once the last request is answered, it is asked ten times a second for its span. Prints processor time a
span, peak memory, seconds from the first byte until all is answered and until the last span can be queried, and the bytes in its folder afterwards.
"""

import argparse
import fcntl
import http.client
import json
import os
import pathlib
import pty
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

from grow import grow

LAST = "last-of-the-load"
TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))
PATIENCE = 900  # seconds for the last span to appear


def requests(content):
    """Returns the requests in a file of OTLP in protobuf: each field of the first level is one."""
    at, found = 0, []
    while at < len(content):
        end, length, shift = at + 1, 0, 0
        while shift == 0 or content[end - 1] & 0x80:
            length |= (content[end] & 0x7F) << shift
            end, shift = end + 1, shift + 7
        found.append(content[at : end + length])
        at = end + length
    return found


def field(number, content):
    """Returns a field of protobuf of less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def last_request():
    now = struct.pack("<Q", time.time_ns())
    times = bytes([7 << 3 | 1]) + now + bytes([8 << 3 | 1]) + now
    return field(1, field(2, field(2, field(1, TRACE) + field(2, SPAN) + field(5, LAST.encode()) + times)))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read().decode(errors="replace")


class Receiver:
    """A program in a folder of its own and in a terminal of 200x60."""

    def __init__(self, command, folder):
        self.port, grpc = free_port(), free_port()
        self.folder = folder
        names = {"PORT": str(self.port), "GRPC": str(grpc), "FOLDER": str(folder)}
        command = [word.format(**names) for word in command]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        environment |= {"PHOENIX_WORKING_DIR": str(folder), "PHOENIX_PORT": str(self.port), "PHOENIX_GRPC_PORT": str(grpc)}
        environment |= {"PHOENIX_HOST": "127.0.0.1", "PHOENIX_TELEMETRY_ENABLED": "false"}
        self.controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
        self.process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=folder, start_new_session=True)
        os.close(terminal)
        self.output = b""
        threading.Thread(target=self.read, daemon=True).start()
        for _ in range(1200):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise SystemExit(f"{command[0]} does not listen:\n{self.output.decode(errors='replace')[-2000:]}")

    def read(self):
        try:
            while piece := os.read(self.controller, 1 << 16):
                self.output = (self.output + piece)[-4096:]
        except OSError:
            pass

    def processor_time(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(dict(line.split(":", 1) for line in status)["VmHWM"].split()[0]) / 1024

    def disk(self):
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())

    def wait_until_quiet(self):
        before = -1.0
        while (now := self.processor_time()) - before > 0.1:
            before = now
            time.sleep(2)
        return now

    def end(self):
        self.process.kill()
        self.process.wait()


def agno_top_has(receiver):
    """Asks the open screen through its socket, as `agno-top mcp` does."""
    with socket.socket(socket.AF_UNIX) as screen:
        screen.settimeout(60)
        screen.connect(str(next((receiver.folder / ".local/state/agno-top/screens").iterdir())))
        lines = screen.makefile("rw")
        start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "peers", "version": "1"}}
        call = {"name": "get_trace", "arguments": {"id": TRACE.hex()}}
        for number, (method, parameters) in enumerate([("initialize", start), ("tools/call", call)]):
            lines.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}) + "\n")
            lines.flush()
            answer = lines.readline()
        return LAST in answer


def trace_view_has(receiver):
    # A trace without a session is one of its own.
    return SPAN.hex() in get(receiver.port, f"/api/sessions/{TRACE.hex()}/spans")


def phoenix_has(receiver):
    return LAST in get(receiver.port, f"/v1/projects/default/spans?limit=5&trace_id={TRACE.hex()}")


# The arguments after the program, and how to ask for the last span.
PEERS = {
    "agno-top": (["--http", "127.0.0.1:{PORT}"], agno_top_has),
    "agno-top --record": (["--http", "127.0.0.1:{PORT}", "--record", "record.sqlite"], agno_top_has),
    "trace-view": (["--port", "{PORT}", "--db", "traces.db"], trace_view_has),
    "phoenix": (["serve"], phoenix_has),
}


def measure(name, program, bodies, spans):
    arguments, has = PEERS[name]
    with tempfile.TemporaryDirectory() as home:
        receiver = Receiver([program, *arguments], pathlib.Path(home))
        try:
            receiver.wait_until_quiet()
            before, begun = receiver.processor_time(), time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=600)
            for body in [*bodies, last_request()]:
                connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    raise SystemExit(f"{name} answered {response.status}")
            answered = time.monotonic() - begun
            while not has(receiver):
                if time.monotonic() - begun > PATIENCE:
                    raise SystemExit(f"{name} does not have the last span")
                time.sleep(0.1)
            seen = time.monotonic() - begun
            used = receiver.wait_until_quiet() - before
            print(f"| {name} | {used / spans * 1e6:.1f} | {receiver.peak():.0f} | {answered:.1f} | {seen:.1f} | {receiver.disk() / 1e6:.1f} |", flush=True)
        finally:
            receiver.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("agno_top")
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--with", nargs="*", default=[], metavar="NAME=PROGRAM", help=f"another program: {', '.join(PEERS)}")
    options = parser.parse_args()
    program = os.path.abspath(options.agno_top)
    programs = {"agno-top": program, "agno-top --record": program}
    programs |= {name: os.path.abspath(path) for name, path in (peer.split("=", 1) for peer in getattr(options, "with"))}
    with tempfile.TemporaryDirectory() as folder:
        grow(os.path.join(folder, "spans.sqlite"), options.spans)
        export = [program, "export", "--format", "otlp-proto", "--max-memory", "16G", "--output", "spans.pb", "spans.sqlite"]
        subprocess.run(export, check=True, cwd=folder, stderr=subprocess.DEVNULL)
        bodies = requests(pathlib.Path(folder, "spans.pb").read_bytes())
    print(f"{options.spans:,} spans in {len(bodies)} requests of {sum(map(len, bodies)) / 1e6:.0f} MB over one connection\n")
    print("| program | processor µs a span | peak MB | s until all are answered | s until the last can be queried | MB on disk |")
    print("|---|---|---|---|---|---|")
    for name, path in programs.items():
        measure(name, path, bodies, options.spans)


if __name__ == "__main__":
    main()
