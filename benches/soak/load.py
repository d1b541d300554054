"""What the soak sends: OTLP bodies with fresh ids, and a database that an agent writes and prunes."""

import itertools
import json
import sqlite3
import struct
import threading
import time
from datetime import datetime, timezone

SPANS = 50  # per request
TRACES = "/v1/traces"
LOGS = "/v1/logs"


def _varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def _bytes(field, data):
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _text(field, text):
    return _bytes(field, text.encode())


def _fixed64(field, data):
    return _varint(field << 3 | 1) + data


def _attribute(field, key, value):
    value = _varint(3 << 3) + _varint(value) if isinstance(value, int) else _text(1, value)
    return _bytes(field, _text(1, key) + _bytes(2, value))


# Placeholders, each as long as what replaces it.
_TRACE, _SESSION, _START, _END = b"trace-of-request", b"session-00000000", b"start-at", b"ended-at"


def _span_id(index):
    return b"span%04d" % index


def _span(index):
    kinds = [("Agent.run", "AGENT"), ("Model.invoke", "LLM"), ("search", "TOOL")]
    name, kind = kinds[0] if index == 0 else kinds[1 + index % 2]
    parent = b"" if index == 0 else _bytes(4, _span_id(0))
    attributes = {"openinference.span.kind": kind, "session.id": _SESSION.decode(), "input.value": f"question {index}: " + "what then? " * 12}
    if kind == "LLM":
        attributes |= {"llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": 900 + index, "llm.token_count.completion": 80}
    if kind == "TOOL":
        attributes |= {"tool.name": "search", "input.mime_type": "application/json"}
    attributes = b"".join(_attribute(9, key, value) for key, value in attributes.items())
    failed = kind == "TOOL" and index % 10 == 0
    status = _bytes(15, (_text(2, "timed out") if failed else b"") + b"\x18" + (b"\x02" if failed else b"\x01"))
    ids = _bytes(1, _TRACE) + _bytes(2, _span_id(index)) + parent
    return _bytes(2, ids + _text(5, name) + _fixed64(7, _START) + _fixed64(8, _END) + attributes + status)


class Bodies:
    """Requests of one trace each, made by writing fresh ids and times into one encoded body."""

    def __init__(self):
        resource = _bytes(1, _attribute(1, "service.name", "soak"))
        self.template = _bytes(1, resource + _bytes(2, b"".join(_span(index) for index in range(SPANS))))
        self.numbers = itertools.count(1)
        self.traces, self.sessions, self.starts, self.ends = (self._places(text) for text in (_TRACE, _SESSION, _START, _END))
        self.spans = [(index, at) for index in range(SPANS) for at in self._places(_span_id(index))]

    def _places(self, text):
        at, places = self.template.find(text), []
        while at >= 0:
            places.append(at)
            at = self.template.find(text, at + 1)
        return places

    def next(self):
        """Returns the number of a request and its body. Its spans have the ids `number << 8 | index`, for index below SPANS."""
        number, body, end = next(self.numbers), bytearray(self.template), time.time_ns()
        for at in self.traces:
            struct.pack_into(">QQ", body, at, 0x50AC, number)
        for at in self.sessions:
            body[at : at + 16] = b"session-%08d" % (number // 5)
        for at in self.starts:
            struct.pack_into("<Q", body, at, end - 1_000_000_000)
        for at in self.ends:
            struct.pack_into("<Q", body, at, end)
        for index, at in self.spans:
            struct.pack_into(">Q", body, at, number << 8 | index)
        return number, bytes(body)


def log_body(number):
    """Returns log events of the first spans of a request, as OTLP/JSON."""
    records = [
        {"traceId": f"{0x50AC:016x}{number:016x}", "spanId": f"{number << 8 | index:016x}", "eventName": "gen_ai.choice", "body": {"stringValue": "x" * 300}}
        for index in range(1, 11)
    ]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


class Database(threading.Thread):
    """Writes spans into a database in Agno's schema and deletes those that are older than two minutes."""

    KEPT = 120

    def __init__(self, path, rate):
        super().__init__(daemon=True)
        self.path, self.rate = path, rate
        self.written, self.deleted, self.locked, self.stop = set(), 0, 0, threading.Event()
        self.connect().close()

    def connect(self):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS agno_traces (trace_id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, start_time TEXT NOT NULL,"
            " end_time TEXT NOT NULL, duration_ms INTEGER NOT NULL, run_id TEXT, session_id TEXT, user_id TEXT, agent_id TEXT, team_id TEXT,"
            " workflow_id TEXT, created_at TEXT NOT NULL)"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS agno_spans (span_id TEXT PRIMARY KEY, trace_id TEXT NOT NULL, parent_span_id TEXT, name TEXT NOT NULL,"
            " span_kind TEXT NOT NULL, status_code TEXT NOT NULL, status_message TEXT, start_time TEXT NOT NULL, end_time TEXT NOT NULL,"
            " duration_ms INTEGER NOT NULL, attributes TEXT, created_at TEXT NOT NULL)"
        )
        return connection

    def run(self):
        connection, kept, number = self.connect(), [], 0
        while not self.stop.wait(5 / self.rate):
            now = time.time()
            text = datetime.fromtimestamp(now, timezone.utc).isoformat()
            ids = [f"{0xDA << 48 | number + index:016x}" for index in range(5)]
            number += 5
            attributes = json.dumps({"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "output.value": "y" * 200})
            row = ["Model.invoke", "INTERNAL", "OK", None, text, text, 0, attributes, text]
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO agno_spans VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", [[id, f"{number:032x}", None, *row] for id in ids])
                old = [id for at, id in kept if at < now - self.KEPT]
                if len(old) >= 200:
                    connection.executemany("DELETE FROM agno_spans WHERE span_id = ?", [[id] for id in old])
                    self.deleted, kept = self.deleted + len(old), kept[len(old) :]
                connection.execute("COMMIT")
            except sqlite3.OperationalError:
                self.locked += 1
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                continue
            kept += [(now, id) for id in ids]
            self.written.update(ids)
        connection.close()
