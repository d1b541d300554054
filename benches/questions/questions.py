#!/usr/bin/env python3
"""Measures questions to a large database: two builds of agno-top in alternation, and the same SELECT by the database's own client.

    questions.py NEW OLD [--spans 300000] [--source URL] [--runs 5]

Without --source it grows a database of so many spans from a fixture, in target/tmp. Prints the median processor time of each build, the ratio,
and whether both print the same. On PostgreSQL the processor time is that of the client; the time that passes is printed, too.
"""

import argparse
import datetime
import os
import pathlib
import random
import sqlite3
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests/fixtures/agno-3.1.10.sqlite"
TIMES = {"start_time", "end_time", "created_at"}
SELECT = "SELECT * FROM {} ORDER BY start_time DESC LIMIT 20"


def grow(path, count):
    """Writes copies of the fixture's traces with ids of their own, about half a second apart, until there are `count` spans."""
    random.seed(7)
    source, target = sqlite3.connect(FIXTURE), sqlite3.connect(path)
    source.row_factory = sqlite3.Row
    target.execute("PRAGMA synchronous = OFF")
    for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall():
        target.execute(sql)
    traces = source.execute("SELECT * FROM agno_traces").fetchall()
    spans = {trace["trace_id"]: source.execute("SELECT * FROM agno_spans WHERE trace_id = ?", (trace["trace_id"],)).fetchall() for trace in traces}
    clock, written = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc), 0
    insert = lambda table, row: target.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", tuple(row.values()))
    while written < count:
        trace = random.choice(traces)
        clock += datetime.timedelta(milliseconds=random.randint(50, 900))
        shift = clock - datetime.datetime.fromisoformat(trace["start_time"])
        ids = {trace["trace_id"]: f"{random.getrandbits(128):032x}"}
        ids |= {span["span_id"]: f"{random.getrandbits(64):016x}" for span in spans[trace["trace_id"]]}

        def copy(row):
            moved = lambda column, value: (datetime.datetime.fromisoformat(value) + shift).isoformat() if column in TIMES else ids.get(value, value)
            return {column: moved(column, row[column]) for column in row.keys()}

        insert("agno_traces", copy(trace))
        for span in spans[trace["trace_id"]]:
            insert("agno_spans", copy(span))
            written += 1
    target.commit()


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
