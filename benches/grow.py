"""A database of Agno of any size, the same every time, multiplied from a fixture."""

import datetime
import pathlib
import random
import sqlite3

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "tests/fixtures/agno-3.1.10.sqlite"
TIMES = {"start_time", "end_time", "created_at"}


def grow(path, count):
    """Writes copies of the fixture's traces with ids of their own, about half a second apart, until there are `count` spans."""
    chance = random.Random(7)
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
        trace = chance.choice(traces)
        clock += datetime.timedelta(milliseconds=chance.randint(50, 900))
        shift = clock - datetime.datetime.fromisoformat(trace["start_time"])
        ids = {trace["trace_id"]: f"{chance.getrandbits(128):032x}"}
        ids |= {span["span_id"]: f"{chance.getrandbits(64):016x}" for span in spans[trace["trace_id"]]}

        def copy(row):
            moved = lambda column, value: (datetime.datetime.fromisoformat(value) + shift).isoformat() if column in TIMES else ids.get(value, value)
            return {column: moved(column, row[column]) for column in row.keys()}

        insert("agno_traces", copy(trace))
        for span in spans[trace["trace_id"]]:
            insert("agno_spans", copy(span))
            written += 1
    target.commit()
