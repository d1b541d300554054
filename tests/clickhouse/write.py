"""Has Agno write the spans of its SQLite databases into ClickHouse, by its own classes.

    python write.py PORT DATABASE FILE…

Agno's ClickhouseDb gets a client that speaks to front.py; it inserts text where Agno's own client inserts a binary format.
"""

import datetime
import json
import os
import sqlite3
import sys
import urllib.parse
import urllib.request

os.environ["AGNO_TELEMETRY"] = "false"

from agno.db.clickhouse import ClickhouseDb  # noqa: E402
from agno.tracing.schemas import Span  # noqa: E402

PORT, DATABASE, *FILES = sys.argv[1:]


class Answer:
    def __init__(self, body):
        self.result_rows, self.column_names = [line.split("\t") for line in body.splitlines()], []


class Client:
    def command(self, sql):
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}/", sql.encode())
        return urllib.request.urlopen(request).read().decode()

    def query(self, sql, parameters=None):
        for name, value in (parameters or {}).items():
            sql = sql.replace(f"%({name})s", repr(value))
        return Answer(self.command(sql))

    def insert(self, table, data, column_names, database):
        def text(value):
            return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime.datetime) else value

        rows = "\n".join(json.dumps(dict(zip(column_names, map(text, row)))) for row in data)
        self.command(f"INSERT INTO {database}.{table} ({', '.join(column_names)}) FORMAT JSONEachRow\n{rows}")

    def close(self):
        pass


target = ClickhouseDb(database=DATABASE, client=Client())
for file in FILES:
    # What is still in the log of a database is not read from an immutable one.
    immutable = "" if os.path.exists(f"{file}-wal") else "&immutable=1"
    connection = sqlite3.connect(f"file:{file}?mode=ro{immutable}", uri=True)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM agno_spans")]
    spans = [Span.from_dict({**row, "attributes": json.loads(row["attributes"] or "{}")}) for row in rows]
    target.create_spans(spans)
    print(len(spans))
