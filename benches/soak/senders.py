"""The senders of the soak: steady ones with bursts that restart, and one that sends slowly."""

import http.client
import socket
import threading
import time

from load import LOGS, SPANS, TRACES, log_body

TRIES = 5  # of one request, as OpenTelemetry's SDKs have them


class Counts:
    """What happened to the requests, by their number."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged, self.given_up, self.unknown = set(), set(), set()
        self.refusals, self.slowest, self.slow, self.aborted, self.logs = {}, 0.0, 0, 0, 0

    def refused(self, status, text):
        # The answer in protobuf: the message follows its tag and its length.
        first = "".join(filter(str.isprintable, text[2:].decode("utf-8", "replace")))[:100]
        with self.lock:
            count, _ = self.refusals.get(status, (0, ""))
            self.refusals[status] = (count + 1, first)


class Sender(threading.Thread):
    """Sends `rate` spans a second, and a burst of five seconds' worth each minute. Restarts in the middle of a request now and then.

    Log events come with every request for the first `warm_up` seconds, so that their share of the memory is used up like that of the spans,
    and later with every twentieth."""

    def __init__(self, port, bodies, counts, rate, restart, warm_up):
        super().__init__(daemon=True)
        self.port, self.bodies, self.counts, self.pause, self.restart = port, bodies, counts, SPANS / rate, restart
        self.stop, self.warm = threading.Event(), time.monotonic() + warm_up

    def run(self):
        connection = self.connect()
        due = time.monotonic()
        restart, burst = due + self.restart, due + 60
        while not self.stop.is_set():
            now = time.monotonic()
            if now < due:
                self.stop.wait(due - now)
                continue
            # What could not be sent in time is not sent later: the load stays what it is.
            due = max(due + self.pause, now - self.pause)
            if now > restart:
                restart = now + self.restart
                self.abort()
                connection.close()
                connection = self.connect()
            for _ in range(int(5 / self.pause) if now > burst else 1):
                connection = self.send(connection)
            burst = now + 60 if now > burst else burst
        connection.close()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def abort(self):
        """Ends a connection in the middle of a request."""
        _, body = self.bodies.next()
        with socket.create_connection(("127.0.0.1", self.port), 5) as broken:
            broken.sendall(head(TRACES, len(body)) + body[: len(body) // 2])
        self.counts.aborted += 1

    def send(self, connection):
        """Sends a request until it is acknowledged, at most TRIES times. Returns the connection to use next."""
        number, body = self.bodies.next()
        for _ in range(TRIES):
            begun = time.monotonic()
            try:
                status, text = post(connection, TRACES, body, "application/x-protobuf")
            except OSError as error:
                connection.close()
                connection = self.connect()
                self.counts.refused(type(error).__name__, str(error).encode())
                self.counts.unknown.add(number)
                continue
            self.counts.slowest = max(self.counts.slowest, time.monotonic() - begun)
            if status == 200:
                self.counts.acknowledged.add(number)
                if number % 20 == 0 or begun < self.warm:
                    post(connection, LOGS, log_body(number), "application/json")
                    self.counts.logs += 10
                return connection
            self.counts.refused(status, text)
            if self.stop.wait(1):
                break
        self.counts.given_up.add(number)
        return connection


class SlowSender(threading.Thread):
    """Sends a request in forty pieces over twenty seconds, over and over."""

    def __init__(self, port, bodies, counts):
        super().__init__(daemon=True)
        self.port, self.bodies, self.counts, self.stop = port, bodies, counts, threading.Event()

    def run(self):
        while not self.stop.is_set():
            number, body = self.bodies.next()
            whole = head(TRACES, len(body)) + body
            size = len(whole) // 40 + 1
            try:
                with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
                    for at in range(0, len(whole), size):
                        connection.sendall(whole[at : at + size])
                        time.sleep(0.5)
                    answer = http.client.HTTPResponse(connection)
                    answer.begin()
                    text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.counts.refused(type(error).__name__, str(error).encode())
                self.counts.unknown.add(number)
                continue
            if answer.status == 200:
                self.counts.acknowledged.add(number)
                self.counts.slow += 1
            else:
                self.counts.refused(answer.status, text)
                self.counts.given_up.add(number)


def head(path, length):
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: {length}\r\n\r\n".encode()


def post(connection, path, body, kind):
    """Returns the status and the body of the answer."""
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error
