"""Writes traces with Agno's own exporter, as fast as it can, and prints what that cost as JSON: `writer.py KIND URL TRACES`."""

import json
import logging
import os
import resource
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone

import sqlalchemy
from agno.tracing.exporter import DatabaseSpanExporter
from agno.tracing.schemas import Span

SPANS = 6  # per trace
COMMITS = 2  # per trace: Agno commits the trace, then its spans


class Errors(logging.Handler):
    """Counts what Agno logs: it reports a locked database there and goes on."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.busy, self.others = 0, []

    def emit(self, record):
        message = record.getMessage()
        if "locked" in message or "busy" in message:
            self.busy += 1
        else:
            self.others.append(message)


def database(kind, url):
    if kind == "postgres":
        from agno.db.postgres import PostgresDb

        return PostgresDb(db_url=url)
    from agno.db.sqlite import SqliteDb

    database = SqliteDb(db_engine=sqlalchemy.create_engine(url))
    if kind == "rollback":
        # Agno asks for WAL; it runs without where the file system does not allow it.
        sqlalchemy.event.listen(database.db_engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode = DELETE"))
    return database


def spans(start):
    trace, ids = uuid.uuid4().hex, [uuid.uuid4().hex[:16] for _ in range(SPANS)]
    for index, id in enumerate(ids):
        kind = ["AGENT", "LLM", "TOOL"][0 if index == 0 else 1 + index % 2]
        attributes = {"openinference.span.kind": kind, "session.id": trace[:8], "agent.name": "writer", "input.value": "question " * 40}
        if kind == "LLM":
            attributes |= {"llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": 800, "llm.token_count.completion": 90, "output.value": "answer " * 120}
        begin = start + timedelta(milliseconds=index)
        times = {"start_time": begin, "end_time": begin + timedelta(milliseconds=500), "created_at": begin}
        parent = None if index == 0 else ids[0]
        yield Span(span_id=id, trace_id=trace, parent_span_id=parent, name=f"{kind.title()}.run", span_kind="INTERNAL", status_code="OK",
                   status_message=None, duration_ms=500, attributes=attributes, **times)


def process_time(pid):
    """Returns the processor time of a process in seconds."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    kind, url, traces = sys.argv[1], sys.argv[2], int(sys.argv[3])
    errors = Errors()
    target = database(kind, url)
    exporter = DatabaseSpanExporter(target)
    for name in ("agno", "agno.db", *logging.root.manager.loggerDict):
        logging.getLogger(name).addHandler(errors)
    write = lambda: exporter._export_sync({"": list(spans(datetime.now(timezone.utc)))})
    for _ in range(20):
        write()  # creates the tables, fills the caches
    backend = None
    if kind == "postgres":
        with target.db_engine.connect() as connection:
            backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            synced = connection.exec_driver_sql("SELECT wal_sync FROM pg_stat_wal").scalar()
    errors.busy, errors.others = 0, []
    used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    begun, before, server = time.perf_counter(), used(), process_time(backend) if backend else 0
    for _ in range(traces):
        write()
    seconds, processor = time.perf_counter() - begun, used() - before
    result = {"rate": traces * COMMITS / seconds, "processor": processor / traces / COMMITS * 1000, "busy": errors.busy, "errors": errors.others[:3]}
    if backend:
        result["server"] = (process_time(backend) - server) / traces / COMMITS * 1000
        with target.db_engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
            result["fsyncs"] = (connection.exec_driver_sql("SELECT wal_sync FROM pg_stat_wal").scalar() - synced) / traces / COMMITS
    print(json.dumps(result))


if __name__ == "__main__":
    main()
