#!/usr/bin/env python3
"""Measures what agno-top costs the agent whose database it watches: Agno's own writer with and without it, in turns.

    cargo build --release && benches/disturb/disturb.py [--pairs 20] [--traces 400] [wal rollback postgres]

Needs Linux, strace, PostgreSQL's programs and a Python with Agno (AGNO_TOP_AGNO_PYTHON, or target/agno-venv). Exits with 1 if a writer met a
lock or an error. Use an idle machine: the writer and agno-top share its cores.
"""

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))
from programs import Screen

ROOT = Path(__file__).parents[2]
BINARY = os.environ.get("AGNO_TOP", str(ROOT / "target/release/agno-top"))
PYTHON = os.environ.get("AGNO_TOP_AGNO_PYTHON", str(ROOT / "target/agno-venv/bin/python"))
METRICS = {
    "rate": "commits a second",
    "processor": "writer: processor ms a commit",
    "server": "its server process: ms a commit",
    "fsyncs": "fsyncs a commit",
    "wal": "largest WAL file, MB",
}


class Server:
    """A PostgreSQL server with an empty database."""

    def __init__(self, folder):
        programs = [Path(os.environ.get("AGNO_TOP_POSTGRES_BIN", "")), *sorted(Path("/usr/lib/postgresql").glob("*/bin")), *map(Path, os.environ["PATH"].split(":"))]
        bin = next((path for path in programs if (path / "initdb").exists()), None)
        if bin is None:
            sys.exit("no PostgreSQL: install it, or name the folder of its programs in AGNO_TOP_POSTGRES_BIN")
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        folder.mkdir()
        if self.user:
            shutil.chown(folder, "postgres")
            folder.parent.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        options = ["-D", str(folder / "data")]
        subprocess.run([*self.user, bin / "initdb", "-A", "trust", "-U", "postgres", *options], check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = ["-p", str(self.port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "autovacuum=off"]
        self.process = subprocess.Popen([*self.user, bin / "postgres", *options, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        self.data, self.pid = folder / "data", None
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(1)

    def stop(self):
        pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, 2)  # SIGINT: the fast shutdown
        self.process.wait(30)


class Peak(threading.Thread):
    """The largest size of a file in bytes while this runs."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.size, self.is_over = path, 0, threading.Event()

    def run(self):
        while not self.is_over.wait(0.02):
            if self.path.exists():
                self.size = max(self.size, self.path.stat().st_size)


def measure(kind, folder, traces, is_watched, server):
    """Runs the writer once. Returns its figures."""
    path = folder / "agent.db"
    for file in folder.glob("agent.db*"):
        file.unlink()
    url = f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/postgres" if server else f"sqlite:///{path}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8", "AGNO_TELEMETRY": "false"}
    peak, counts = Peak(Path(f"{path}-wal")), folder / "fsyncs"
    strace = [] if server else ["strace", "-f", "--seccomp-bpf", "-qq", "-c", "-e", "trace=fsync,fdatasync", "-o", counts]
    screen = Screen([BINARY, url if server else str(path), "--no-otlp"], environment) if is_watched else None
    time.sleep(1)
    peak.start()
    command = [*strace, PYTHON, Path(__file__).with_name("writer.py"), kind, url, str(traces)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    peak.is_over.set()
    if screen:
        time.sleep(0.5)
        spent = screen.processor_time()
        screen.end()
    if done.returncode:
        sys.exit(f"the writer failed: {done.stderr[-2000:]}")
    result = json.loads(done.stdout.splitlines()[-1])
    if screen:
        result["agno-top"] = spent / (traces + 20) / 2 * 1000
    if not server:
        lines = (line.split() for line in counts.read_text().splitlines())
        # The writer's first traces count, too: they are a twentieth.
        result["fsyncs"] = sum(int(fields[3]) for fields in lines if fields[-1:] in (["fsync"], ["fdatasync"])) / (traces + 20) / 2
    if kind == "wal":
        result["wal"] = peak.size / 1e6
    return result


def interval(values):
    """Returns the median and its 95 % interval, by 10,000 resamples."""
    source = random.Random(1)
    medians = sorted(statistics.median(source.choices(values, k=len(values))) for _ in range(10_000))
    return statistics.median(values), medians[250], medians[9749]


def compare(kind, pairs, traces, folder):
    """Prints a table. Returns whether every writer went undisturbed by locks and errors."""
    server = Server(folder / "server") if kind == "postgres" else None
    runs = {False: [], True: []}
    try:
        for pair in range(pairs):
            for is_watched in (False, True) if pair % 2 else (True, False):
                runs[is_watched].append(measure(kind, folder, traces, is_watched, server))
    finally:
        if server:
            server.stop()
    print(f"\n| {kind}, {pairs} pairs of {traces * 2} commits | without | with | with / without (95 %) |\n|---|---|---|---|")
    for key, name in METRICS.items():
        if key not in runs[True][0]:
            continue
        without, watched = ([run[key] for run in runs[side]] for side in (False, True))
        ratio = "{:.3f} ({:.3f} to {:.3f})".format(*interval([b / a for a, b in zip(without, watched)])) if all(without) else "–"
        print(f"| {name} | {statistics.median(without):.3f} | {statistics.median(watched):.3f} | {ratio} |")
    print(f"| agno-top: processor ms a commit | – | {statistics.median(run['agno-top'] for run in runs[True]):.3f} | – |")
    troubles = [[run["busy"] + len(run["errors"]) for run in runs[side]] for side in (False, True)]
    print(f"| locks and errors met | {sum(troubles[0])} | {sum(troubles[1])} | – |", flush=True)
    for run in runs[False] + runs[True]:
        print(*run["errors"], sep="\n", end="")
    return not sum(troubles[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", default=["wal", "rollback", "postgres"])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--traces", type=int, default=400)
    arguments = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="disturb-") as folder:
        results = [compare(kind, arguments.pairs, arguments.traces, Path(folder)) for kind in arguments.kinds]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
