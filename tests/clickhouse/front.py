"""Answers ClickHouse's HTTP interface with the real engine, which runs in this process (chdb).

    python front.py [FOLDER PORT]

With a folder, the tables stay there, and another process may serve them later. Prints the port. Ends with its standard input. The user of a request decides what the front refuses, as servers do:

    wrong      the password
    reader     the setting `readonly`, as a user whose profile is read-only
    strict     every setting
    cut        every setting; the profile has read_overflow_mode = 'break'
    blind      system.parts
    small      to read more than 1000 rows
    broken     closes the connection within the answer
    page       answers with a web page
    denied     to read any table
    slow       answers after half a minute

`GET /cost` returns how many questions were asked since it was last read, and how many rows they read.
"""

import base64
import json
import re
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

FOLDER, PORT = sys.argv[1:] or (None, 0)
TEMPORARY = None if FOLDER else tempfile.TemporaryDirectory()
ENGINE = session.Session(FOLDER or TEMPORARY.name)
LOCK = threading.Lock()
COST = {"questions": 0, "rows": 0, "most": 0}
RESERVED = {"database", "query", "wait_end_of_query", "user", "password"}
SMALL = {"max_rows_to_read": "1000"}


class Refused(Exception):
    def __init__(self, status, text):
        self.status, self.text = status, text


def error(code, text, name, status=500):
    return Refused(status, f"Code: {code}. DB::Exception: {text}. ({name}) (version 26.9.2.1)")


def ask(sql, parameters, settings):
    """Runs a statement. Returns its answer."""
    found = re.fullmatch(r"(?s)(.*) FORMAT (\w+)\s*", sql)
    is_question = re.match(r"(?i)\s*(select|with|describe|explain)", sql) is not None
    if found and is_question:
        sql, form = found.groups()
        if settings:
            sql += " SETTINGS " + ", ".join(f"{name} = {value!r}" for name, value in settings.items())
    else:
        form = "TabSeparated"
    with LOCK:
        try:
            body = ENGINE.query(sql, form, params=parameters or None).bytes() or b""
        except Exception as failure:
            text = str(failure)
            code = int((re.search(r"Code: (\d+)", text) or [0, "0"])[1])
            raise Refused(404 if code in (60, 81, 47, 115) else 500, text[max(text.find("Code: "), 0) :])
        if is_question:
            read = re.search(rb'"rows_read": (\d+)', body[-400:])
            rows = int(read[1]) if read else 0
            COST.update(questions=COST["questions"] + 1, rows=COST["rows"] + rows, most=max(COST["most"], rows))
    return body


def serve(user, sql, options):
    if user == "wrong":
        raise error(516, "wrong: Authentication failed: password is incorrect, or there is no user with such name", "AUTHENTICATION_FAILED", 403)
    parameters = {name[6:]: value for name, value in options if name.startswith("param_")}
    settings = {name: value for name, value in options if name not in RESERVED and not name.startswith("param_")}
    if user == "reader" and "readonly" in settings or user in ("strict", "cut") and settings:
        raise error(164, f"Cannot modify '{next(iter(settings))}' setting in readonly mode", "READONLY")
    if settings.pop("readonly", "0") != "0" and not re.match(r"(?i)\s*select", sql):
        raise error(164, "Cannot execute query in readonly mode", "READONLY")
    if user == "blind" and "system.parts" in sql:
        raise error(497, "blind: Not enough privileges", "ACCESS_DENIED", 403)
    if user == "denied" and "system." not in sql:
        raise error(497, "denied: Not enough privileges. To execute this query, it's necessary to have the grant SELECT", "ACCESS_DENIED", 403)
    if user == "slow":
        time.sleep(30)
    if user == "cut":
        settings = {"read_overflow_mode": "break"}
    if user == "small" and "system." not in sql:
        settings = {**settings, **SMALL}
    return ask(sql, parameters, settings)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave together.
    wbufsize = -1

    def user(self):
        kind, _, login = self.headers.get("authorization", "").partition(" ")
        return base64.b64decode(login).decode().partition(":")[0] if kind == "Basic" else "default"

    def do_GET(self):
        with LOCK:
            cost = json.dumps(COST)
            COST.update(questions=0, rows=0, most=0)
        self.reply(200, cost.encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        options = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        sql = "\n".join(filter(None, [dict(options).get("query"), body]))
        user = self.user()
        if user == "page":
            return self.reply(200, b"<!doctype html><title>Sign in</title>", "text/html")
        try:
            answer = serve(user, sql, options)
        except Refused as refused:
            return self.reply(refused.status, refused.text.encode())
        if user == "broken":
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer[: len(answer) // 2])
            self.close_connection = True
            return None
        return self.reply(200, answer)

    def reply(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
