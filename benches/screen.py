#!/usr/bin/env python3
"""Measures what spans over OTLP cost with the screen up: two builds in alternation, with the same load from this process.

    screen.py NEW OLD [--spans 100000] [--runs 5]

Each build draws on a terminal of 200x60 and takes the spans over HTTP and over gRPC, in requests of 1 MB over one connection. Prints the processor time of the whole
program until it is quiet, and the ratio of the medians. Needs a Python with grpcio, as tests/agno/requirements.txt brings it.
"""

import argparse
import http.client
import os
import pathlib
import statistics
import subprocess
import tempfile

import grpc
from grow import grow
from peers import Receiver, requests

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def send_http(receiver, bodies):
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=600)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status


def send_grpc(receiver, bodies):
    # Every port takes both protocols.
    with grpc.insecure_channel(f"127.0.0.1:{receiver.port}", [("grpc.max_send_message_length", -1)]) as channel:
        export = channel.unary_unary(EXPORT, request_serializer=bytes, response_deserializer=bytes)
        for body in bodies:
            export(body, timeout=600)


def measure(program, send, bodies):
    """Returns the seconds of processor time."""
    with tempfile.TemporaryDirectory() as home:
        receiver = Receiver([program, "--http", "127.0.0.1:{PORT}"], pathlib.Path(home))
        try:
            before = receiver.wait_until_quiet()
            send(receiver, bodies)
            return receiver.wait_until_quiet() - before
        finally:
            receiver.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("new")
    parser.add_argument("old")
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    programs = {name: os.path.abspath(program) for name, program in (("old", options.old), ("new", options.new))}
    with tempfile.TemporaryDirectory() as folder:
        grow(pathlib.Path(folder) / "spans.sqlite", options.spans)
        limits = ["--max-spans", str(2 * options.spans)]
        export = [programs["new"], *limits, "export", "--format", "otlp-proto", "--output", "spans.pb", "spans.sqlite"]
        subprocess.run(export, check=True, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": folder}, stderr=subprocess.DEVNULL)
        bodies = requests((pathlib.Path(folder) / "spans.pb").read_bytes())
    for protocol, send in (("HTTP", send_http), ("gRPC", send_grpc)):
        seen = {name: [] for name in programs}
        for _ in range(options.runs):
            for name, program in programs.items():
                seen[name].append(measure(program, send, bodies) / options.spans * 1e6)
        old, new = (statistics.median(seen[name]) for name in ("old", "new"))
        lists = ", ".join(f"{name} " + " ".join(f"{time:.1f}" for time in times) for name, times in seen.items())
        print(f"{protocol}: µs a span: {lists}; medians {old:.2f} and {new:.2f}, {new / old:.2f} x", flush=True)


if __name__ == "__main__":
    main()
