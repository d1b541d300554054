#!/usr/bin/env python3
"""Keeps agno-top busy for an hour and checks that memory stays flat, that every acknowledged span is recorded and that no descriptor leaks.

    cargo build --release && benches/soak/soak.py [--minutes 60] [--rate 500]

Needs Linux and Python 3.9; as root it also fills the disk of the recording for a twentieth of the time, halfway. Exits with 1 on a breach.
Below ten minutes memory still warms up, and the disk is full for too short a time to refuse anything for sure: both are shown, not judged.
"""

import argparse
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from load import SPANS, Bodies, Database
from programs import Screen, Tail
from senders import Counts, Sender, SlowSender

MEMORY = 64  # MB of --max-memory, reached within minutes
GROWTH = 1.05
WARM_UP = 0.2  # the part of a run until every limit of memory is reached
FULL_RUN = 600  # seconds from which the refusals of a full disk and the growth of memory are judged
DISK = 8 << 30


class Disk:
    """A file system for the recording that can be full. Without the right to mount one, it never is."""

    def __init__(self, path):
        path.mkdir()
        self.path, self.refused, self.seconds = path, "", 0
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", path], capture_output=True, text=True)
        if mount.returncode:
            self.refused = mount.stderr.strip() or "mount failed"

    def resize(self, size):
        if not self.refused:
            subprocess.run(["mount", "-o", f"remount,size={size}", self.path], check=True)

    def fill(self):
        space = os.statvfs(self.path)
        self.resize((space.f_blocks - space.f_bfree) * space.f_frsize + (64 << 10))

    def remove(self):
        if not self.refused:
            subprocess.run(["umount", self.path], check=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    sys.exit("agno-top does not listen")


def run(programs, disk, seconds):
    """Lets the load run and samples the programs. The disk is full for a twentieth of the time, halfway."""
    begun, is_full, next_report = time.monotonic(), False, 60
    while (at := time.monotonic() - begun) < seconds:
        for program in programs:
            program.sample(at)
        if (must := seconds * 0.5 <= at < seconds * 0.55) != is_full:
            is_full = must
            disk.fill() if must else disk.resize(DISK)
        if at > next_report:
            next_report += 300
            print(f"{at / 60:5.0f} min", *(f"{program.samples[-1][1] / 1024:.0f} MB" for program in programs), flush=True)
        time.sleep(min(5, seconds / 50))


def memory(program, seconds):
    """Returns the median memory in MB after the warm-up until halfway, that of the second half, and the peak of each."""
    first = [resident for at, resident, _ in program.samples if seconds * WARM_UP <= at < seconds * 0.5]
    second = [resident for at, resident, _ in program.samples if at >= seconds * 0.5]
    return [value / 1024 for value in (statistics.median(first), statistics.median(second), max(first), max(second))]


def recorded(path):
    """Returns the requests whose spans are all in the recording, those of which only some are, and the result of the integrity check."""
    connection = sqlite3.connect(path)
    counts = {}
    for (id,) in connection.execute("SELECT span_id FROM agno_spans WHERE substr(trace_id, 1, 16) = '00000000000050ac'"):
        number = int(id, 16) >> 8
        counts[number] = counts.get(number, 0) + 1
    whole = {number for number, count in counts.items() if count == SPANS}
    check = connection.execute("PRAGMA quick_check").fetchone()[0]
    connection.close()
    return whole, counts.keys() - whole, check


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=500, help="spans a second")
    arguments = parser.parse_args()
    binary = os.environ.get("AGNO_TOP", str(Path(__file__).parents[2] / "target/release/agno-top"))
    home, seconds = Path(tempfile.mkdtemp(prefix="soak-")), arguments.minutes * 60
    disk = Disk(home / "disk")
    try:
        sys.exit(soak(binary, home, disk, seconds, arguments.rate))
    finally:
        disk.remove()
        shutil.rmtree(home, ignore_errors=True)


def soak(binary, home, disk, seconds, rate):
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    database, record, port = home / "agent.db", disk.path / "record.db", free_port()
    print(f"{datetime.now():%Y-%m-%d %H:%M}, {subprocess.check_output([binary, '--version'], text=True).strip()}, {os.cpu_count()} cores", flush=True)
    writer, counts, bodies = Database(str(database), 20), Counts(), Bodies()
    tail = Tail([binary, "tail", "--json", "--no-otlp", "--max-memory", f"{MEMORY}M", "--max-spans", "5000", str(database)], environment)
    command = [binary, str(database), "--otlp", "--http", f"127.0.0.1:{port}", "--grpc", f"127.0.0.1:{free_port()}"]
    screen = Screen([*command, "--record", str(record), "--max-memory", f"{MEMORY}M"], environment)
    wait_for(port)
    time.sleep(3)
    before = [len(os.listdir(f"/proc/{program.process.pid}/fd")) for program in (screen, tail)]
    senders = [Sender(port, bodies, counts, rate / 2, restart, seconds * WARM_UP) for restart in (15, 37)] + [SlowSender(port, bodies, counts)]
    for thread in [writer, *senders]:
        thread.start()
    run([screen, tail], disk, seconds)
    for thread in [writer, *senders]:
        thread.stop.set()
    for thread in [writer, *senders]:
        thread.join(60)
    time.sleep(3)
    for program in (screen, tail):
        program.sample(seconds)
    after, times = [program.samples[-1][2] for program in (screen, tail)], [program.processor_time() for program in (screen, tail)]
    codes = [screen.end(), tail.end()]
    return report(disk, counts, writer, tail, recorded(record), list(zip((screen, tail), before, after, times, codes)), seconds)


def report(disk, counts, writer, tail, recording, programs, seconds):
    whole, partial, integrity = recording
    missing = counts.acknowledged - whole
    # A refused request that is recorded nevertheless is a lie unless some try of it got no answer.
    lies = counts.given_up & (whole | partial) - counts.unknown
    lost = writer.written - tail.ids
    is_full_run, breaches = seconds >= FULL_RUN, []

    def row(name, value, broken=False, needs_full_run=False):
        is_judged = is_full_run or not needs_full_run
        note = "" if is_judged else "   (not judged below 10 minutes)"
        print(f"{name:<48}{value}{'   BREACH' if broken and is_judged else note}")
        breaches.extend([name] * (broken and is_judged))

    print()
    row("requests acknowledged (50 spans each)", f"{len(counts.acknowledged)}, {len(counts.acknowledged) * SPANS / seconds:.0f} spans/s, {counts.slow} of them slow")
    row("acknowledged, not or only partly recorded", len(missing), bool(missing))
    row("refused to the end, yet recorded", len(lies), bool(lies))
    row("recorded in part", len(partial), bool(partial))
    row("refused to the end", f"{len(counts.given_up)}" + (f" (disk never full: {disk.refused})" if disk.refused else ""), not disk.refused and not counts.refusals, True)
    for status, (count, text) in sorted(counts.refusals.items(), key=str):
        row(f"  tries answered {status}", f"{count}: {text}")
    row("senders cut off in a request; log events", f"{counts.aborted}; {counts.logs}")
    row("slowest answer", f"{counts.slowest:.2f} s")
    row("integrity of the recording", integrity, integrity != "ok")
    row("rows written and deleted in the database", f"{len(writer.written)}, {writer.deleted}")
    row("  refused to the writer as locked", writer.locked, bool(writer.locked))
    row("  not printed by tail; printed twice", f"{len(lost)}; {tail.repeated}", bool(lost or tail.repeated))
    for name, (program, before, after, used, code) in zip(("screen", "tail"), programs):
        first, second, peak, later_peak = memory(program, seconds)
        row(f"{name}: median memory, first and second half", f"{first:.1f}, {second:.1f} MB", second > first * GROWTH, True)
        row(f"{name}: peak memory, first and second half", f"{peak:.1f}, {later_peak:.1f} MB")
        row(f"{name}: descriptors before and after", f"{before}, {after}", after > before)
        row(f"{name}: processor time; exit code", f"{used:.0f} s; {code}", code is None)
    print("BREACH: " + ", ".join(breaches) if breaches else "held" if is_full_run else "held, as far as a run below 10 minutes tells")
    return bool(breaches)


if __name__ == "__main__":
    main()
