"""Records assets/demo.jsonl.gz and assets/demo.sql: runs scenario.py against a fake model server and journals every write of Agno.

    python assets/demo/record.py            (needs the packages in tests/agno/requirements.txt)

Triggers in the database journal each write to Agno's two tables with its time. A line of the recording is
`{"at_ms": milliseconds since the first span's start, "table": name, "row": {column: value}}`; a row of agno_traces replaces the
previous row with its id. demo.sql holds the tables and indexes that Agno created.
"""

import gzip
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
from datetime import datetime

HERE = pathlib.Path(__file__).parent
TABLES = ("agno_traces", "agno_spans")


def prepare(database):
    """Lets Agno create its tables, and adds the triggers."""
    make = "import sys; from agno.db.sqlite import SqliteDb; db = SqliteDb(db_file=sys.argv[1]); db._get_table('traces', True); db._get_table('spans', True)"
    subprocess.run([sys.executable, "-c", make, database], check=True)
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE journal (at REAL, name TEXT, line TEXT)")
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        row = ", ".join(f"'{column}', new.{column}" for column in columns)
        for event in ("INSERT", "UPDATE"):
            body = f"INSERT INTO journal VALUES ((julianday('now') - 2440587.5) * 86400.0, '{table}', json_object({row}));"
            connection.execute(f"CREATE TRIGGER journal_{table}_{event} AFTER {event} ON {table} BEGIN {body} END")
    connection.commit()
    connection.close()


def main():
    with tempfile.TemporaryDirectory() as directory:
        database = str(pathlib.Path(directory) / "traces.db")
        prepare(database)
        server = [sys.executable, HERE.parent.parent / "tests/agno/model_server.py", HERE / "script.json"]
        with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process:
            try:
                port = process.stdout.readline().strip()
                subprocess.run([sys.executable, HERE / "scenario.py", database, f"http://127.0.0.1:{port}"], check=True)
            finally:
                process.terminate()
        connection = sqlite3.connect(database)
        writes = [(at, name, json.loads(line)) for at, name, line in connection.execute("SELECT * FROM journal ORDER BY rowid")]
        schema = "SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?) AND type IN ('table', 'index') AND sql NOT NULL ORDER BY type DESC, name DESC"
        statements = [sql for (sql,) in connection.execute(schema, TABLES)]
    with open(HERE.parent / "demo.sql", "w", encoding="utf-8") as file:
        file.write("".join(f"{statement};\n" for statement in statements))
    begin = min(datetime.fromisoformat(row["start_time"]).timestamp() for _, name, row in writes if name == "agno_spans")
    lines = [{"at_ms": round((at - begin) * 1000), "table": name, "row": row} for at, name, row in writes]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    # Without a time, so that equal recordings are equal files.
    (HERE.parent / "demo.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
