#!/usr/bin/env python3
"""Measures questions to a large database: two builds of agno-top in alternation, and the same SELECT by the database's own client.

    questions.py NEW OLD [--spans 300000] [--source URL] [--runs 5]

Without --source it grows a database of so many spans from a fixture, in target/tmp. Prints the median processor time of each build, the ratio,
and whether both print the same. On PostgreSQL the processor time is that of the client; the time that passes is printed, too.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))

from grow import grow  # noqa: E402

SELECT = "SELECT * FROM {} ORDER BY start_time DESC LIMIT 20"


def run(command):
    """Returns the processor time, the time that passed, both in milliseconds, and the output."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        passed = time.monotonic() - begun
        out.seek(0)
        return (usage.ru_utime + usage.ru_stime) * 1000, passed * 1000, out.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("new")
    parser.add_argument("old")
    parser.add_argument("--spans", type=int, default=300_000)
    parser.add_argument("--source")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    source = arguments.source
    if source is None:
        path = ROOT / f"target/tmp/questions-{arguments.spans}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            grow(path, arguments.spans)
        source = str(path)
    is_url = "://" in source
    client = ["psql", source, "-c", SELECT.format("ai.agno_spans")] if is_url else ["sqlite3", source, SELECT.format("agno_spans")]
    listed = run([arguments.new, "list", "--limit", "400", "--json", source])[2].decode().splitlines()
    trace = listed[-1].split('"trace_id":"')[1][:32]
    since = listed[-1].split('"start":"')[1].split('"')[0]
    questions = [
        ["list", "--limit", "20"],
        ["list", "--limit", "5", "--filter", "status:error"],
        ["list", "--limit", "5", "--filter", "text:refund"],
        ["show", trace],
        ["show", "last"],
        ["export", trace],
        ["stats", "--since", since],
        ["stats", "--limit", "100", "--by", "model"],
    ]
    print("| question | old: CPU ms (passed) | new: CPU ms (passed) | new / old | same |\n|---|---|---|---|---|")
    for question in questions:
        olds, news, same = [], [], True
        for _ in range(arguments.runs):
            olds.append(run([arguments.old, *question, source]))
            news.append(run([arguments.new, *question, source]))
            same &= olds[-1][2] == news[-1][2]
        (old, old_passed), (new, new_passed) = ([statistics.median(run[at] for run in runs) for at in (0, 1)] for runs in (olds, news))
        name = " ".join(question).replace(trace, "ID").replace(since, "TIME")
        print(f"| `{name}` | {old:.0f} ({old_passed:.0f}) | {new:.0f} ({new_passed:.0f}) | {new / old:.3f} | {'yes' if same else 'no'} |", flush=True)
    clients = [run(client) for _ in range(arguments.runs)]
    cpu, passed = (statistics.median(run[at] for run in clients) for at in (0, 1))
    print(f"| `{client[0]}`, `SELECT … LIMIT 20` | | {cpu:.0f} ({passed:.0f}) | | |")


main()
