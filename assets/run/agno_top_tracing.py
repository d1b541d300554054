"""Sends every span to agno-top: once when it starts, and again when it ends.

`agno-top run` starts Python programs with this module. A program can also use it by itself, before it imports anything else:

    import agno_top_tracing
    agno_top_tracing.start("http://127.0.0.1:4318")

The spans are those of OpenTelemetry's SDK, whoever makes them. A provider that the program sets stays in charge of what the program
asks for; what it does not ask for is traced by a private one. Nothing is imported before the program imports it, and nothing here raises, waits for
a network that does not answer, or keeps a program from ending.
"""

# Every Python below the program reads this file, also an old one: its syntax is that of Python 2.7.
import os
import sys

# The oldest Python that is traced.
_MIN_PYTHON = (3, 8)

# Packages, and what to set up after the program has imported them.
_SETUPS = {}

_state = {"exporter": None, "private": None}


def start(endpoint=None, token=None):
    """Traces this process and those that it forks. A second call does nothing.

    `endpoint` is an address of agno-top, http://HOST:PORT; `token` is its --otlp-token. `agno-top run` states both in the environment.
    """
    if _state["exporter"] is not None:
        return
    endpoint = endpoint or os.environ.get("AGNO_TOP_RUN_ENDPOINT") or "http://127.0.0.1:4318"
    token = token or os.environ.get("AGNO_TOP_RUN_TOKEN")
    if sys.version_info < _MIN_PYTHON:
        _say("Python %d.%d is too old to be traced: %s" % (sys.version_info[0], sys.version_info[1], sys.executable))
        return
    if not endpoint.startswith("http://"):
        _say("agno_top_tracing sends to http:// only, not to " + endpoint)
        return
    _state["exporter"] = _Exporter(endpoint, token)
    _SETUPS.update(
        {"opentelemetry.sdk.trace": _watch_providers, "agno": _trace_agno, "openai": _trace_openai, "anthropic": _trace_anthropic}
    )
    for name in [name for name in _SETUPS if name in sys.modules]:
        _set_up(name, sys.modules[name])
    sys.meta_path.insert(0, _Finder())


def _say(text):
    """Tells the user one line: through agno-top if it started the program, else on standard error."""
    try:
        notes = os.environ.get("AGNO_TOP_RUN_NOTES")
        if notes:
            with open(notes, "a") as file:
                file.write(" ".join(text.split()) + "\n")
        else:
            sys.stderr.write("agno-top: " + text + "\n")
    except Exception:
        pass


def _install(packages):
    """The command that installs packages for this Python."""
    from importlib.util import find_spec

    if os.environ.get("UV") or find_spec("pip") is None:
        return "uv pip install --python %s %s" % (sys.executable, packages)
    return "%s -m pip install %s" % (sys.executable, packages)


class _Finder(object):
    """Notices the import of a package that is to be set up."""

    def find_spec(self, name, path=None, target=None):
        if name not in _SETUPS:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _follow(name, spec)
                return spec
        return None


def _follow(name, spec):
    """Sets a package up after it has been executed."""
    loader = spec.loader
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module):
        try:
            del loader.exec_module
        except AttributeError:
            pass
        execute(module)
        _set_up(name, module)

    try:
        # Of the loader, only this is another one: whoever looks at the loader finds what it expects.
        loader.exec_module = exec_module
    except AttributeError:
        pass


def _set_up(name, module):
    set_up = _SETUPS.pop(name, None)
    if set_up is None:
        return
    try:
        set_up(module)
    except Exception as error:
        _say("%s is not traced: %s: %s" % (name, type(error).__name__, error))


def _watch_providers(sdk):
    """Every provider of the SDK also sends to agno-top."""
    import functools

    exporter = _state["exporter"]
    exporter.prepare()
    processor_type = _processor_type(sdk)
    original = sdk.TracerProvider.__init__

    @functools.wraps(original)
    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        try:
            self.add_span_processor(processor_type(exporter, getattr(self, "_is_of_agno_top", False)))
        except Exception as error:
            _say("a tracer provider is not watched: %s" % error)

    sdk.TracerProvider.__init__ = __init__


def _processor_type(sdk):
    class AgnoTopProcessor(sdk.SpanProcessor):
        def __init__(self, exporter, is_private):
            self._exporter = exporter
            self._is_private = is_private

        def on_start(self, span, parent_context=None):
            self._exporter.started(span)

        def on_end(self, span):
            self._exporter.ended(span, self._is_private)

        def shutdown(self):
            # Other providers may go on.
            self._exporter.flush()

        def force_flush(self, timeout_millis=30000):
            self._exporter.flush()
            return True

    return AgnoTopProcessor


def _trace_agno(agno):
    _instrument("Agno", "openinference-instrumentation-agno", "openinference.instrumentation.agno", "AgnoInstrumentor", False)


def _trace_openai(openai):
    _instrument(None, "openinference-instrumentation-openai", "openinference.instrumentation.openai", "OpenAIInstrumentor", True)


def _trace_anthropic(anthropic):
    _instrument(None, "openinference-instrumentation-anthropic", "openinference.instrumentation.anthropic", "AnthropicInstrumentor", True)


def _instrument(needed_by, package, module_name, class_name, is_client):
    """Uses an instrumentation that is installed; says so if it is needed and missing.

    Spans that the program did not ask for go to agno-top alone. Once it asks, by a call of `instrument`, they go where it wants them.
    """
    import importlib

    try:
        instrumentor_type = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        if needed_by:
            _say("%s is not traced: Python can't import %s (%s); %s" % (needed_by, package, error, _install(package)))
        return
    if instrumentor_type().is_instrumented_by_opentelemetry:
        return
    wish = {"is_asked": False, "provider": None}
    provider = _provider_type()(wish, is_client)
    original = instrumentor_type.instrument

    def instrument(self, **kwargs):
        chosen, config = kwargs.get("tracer_provider"), kwargs.get("config")
        if chosen is not provider:
            wish.update(is_asked=True, provider=chosen)
        if not self.is_instrumented_by_opentelemetry:
            return original(self, **dict(kwargs, tracer_provider=provider))
        if config is not None:
            # It may hide what the program sends.
            self._tracer._self_config = config
        return None

    try:
        instrumentor_type().instrument(tracer_provider=provider)
    except ImportError as error:
        return _say("%s is not traced: %s" % (needed_by or package, error))
    if not instrumentor_type().is_instrumented_by_opentelemetry:
        command = _install("--upgrade " + package)
        return _say("%s is not traced: the version of %s does not fit; %s" % (needed_by or package, package, command))
    instrumentor_type.instrument = instrument
    return None


def _is_model_call(span):
    """Whether a span reports a call of a model, so that a client below it would report the same call."""
    attributes = getattr(span, "attributes", None) or {}
    return attributes.get("openinference.span.kind") == "LLM" or "gen_ai.request.model" in attributes


def _provider_type():
    from contextlib import contextmanager

    from opentelemetry import context as contexts
    from opentelemetry import trace

    class AgnoTopTracer(trace.Tracer):
        def __init__(self, wish, is_client, arguments):
            self._wish, self._is_client, self._arguments = wish, is_client, arguments
            self._tracers = {}

        def _current(self):
            provider = _choose(trace, self._wish)
            known = self._tracers.get(id(provider))
            if known is None or known[0] is not provider:
                tracer = provider.get_tracer(*self._arguments)
                is_sdk = hasattr(tracer, "id_generator") and type(tracer).__module__.startswith("opentelemetry.sdk.")
                known = (provider, tracer, _Unseeded(tracer) if is_sdk else tracer)
                self._tracers[id(provider)] = known
            return known

        def start_span(self, name, context=None, *args, **kwargs):
            # `self` may be a proxy of this tracer.
            above = trace.get_current_span(context)
            if self._is_client and not self._wish["is_asked"] and _is_model_call(above):
                return trace.NonRecordingSpan(above.get_span_context())
            _, tracer, unseeded = self._current()
            if context is None and not above.get_span_context().is_valid:
                context = _remote_parent(contexts)
            return type(tracer).start_span(unseeded, name, context, *args, **kwargs)

        @contextmanager
        def start_as_current_span(self, name, *args, **kwargs):
            ends = kwargs.pop("end_on_exit", True)
            span = self.start_span(name, *args, **kwargs)
            records, sets = kwargs.get("record_exception", True), kwargs.get("set_status_on_exception", True)
            with trace.use_span(span, ends, records, sets) as current:
                yield current

    class AgnoTopProvider(trace.TracerProvider):
        def __init__(self, wish, is_client):
            self._wish, self._is_client = wish, is_client

        def get_tracer(self, *args, **kwargs):
            names = ("instrumenting_module_name", "instrumenting_library_version", "schema_url", "attributes")
            rest = [kwargs.get(name) for name in names[len(args) :]]
            return AgnoTopTracer(self._wish, self._is_client, list(args) + rest)

    return AgnoTopProvider


def _choose(trace, wish):
    """The provider that the program wants for an instrumentation; the private one if it wants none."""
    if wish["is_asked"]:
        if wish["provider"] is not None:
            return wish["provider"]
        current = trace.get_tracer_provider()
        if not isinstance(current, trace.ProxyTracerProvider):
            return current
    if _state["private"] is None:
        _state["private"] = _private_provider()
    return _state["private"]


class _Ids(object):
    """Ids of spans that a program which seeds `random` does not repeat."""

    def generate_span_id(self):
        return int.from_bytes(os.urandom(8), "big") or 1

    def generate_trace_id(self):
        return int.from_bytes(os.urandom(16), "big") or 1

    def is_trace_id_random(self):
        return True


class _Unseeded(object):
    """A tracer of the SDK with such ids, unless the program has a generator of its own."""

    def __init__(self, tracer):
        self._tracer = tracer
        if type(tracer.id_generator).__name__ == "RandomIdGenerator":
            self.id_generator = _Ids()

    def __getattr__(self, name):
        return getattr(self._tracer, name)


def _remote_parent(contexts):
    """The context that TRACEPARENT states, if any."""
    parent = os.environ.get("TRACEPARENT")
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": parent, "tracestate": os.environ.get("TRACESTATE", "")}
    return TraceContextTextMapPropagator().extract(carrier, contexts.get_current())


def _private_provider():
    from opentelemetry.sdk import trace as sdk

    limits = None
    if not os.environ.get("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT") and not os.environ.get("OTEL_ATTRIBUTE_COUNT_LIMIT"):
        # A long conversation has an attribute per message and part; the oldest would be dropped.
        limits = sdk.SpanLimits(max_span_attributes=1024)
    private = type("AgnoTopTracerProvider", (sdk.TracerProvider,), {"_is_of_agno_top": True})
    return private(span_limits=limits)


class _Exporter(object):
    """Sends from a thread of its own, as OTLP/JSON over HTTP."""

    # Spans that may wait; more are dropped and counted.
    MAX_QUEUE = 50000
    # Seconds that spans are collected.
    DELAY = 0.05
    # Seconds between two requests while spans are open.
    HEARTBEAT = 5.0
    # Seconds for a connection, and for an answer.
    CONNECT_TIMEOUT, TIMEOUT = 0.5, 3.0
    # Seconds without an attempt after a failed one.
    PAUSE = 5.0
    # Bytes of a request, about.
    MAX_BODY = 4 << 20

    def __init__(self, endpoint, token):
        address = endpoint[len("http://") :].split("/")[0]
        host, _, port = address.rpartition(":") if ":" in address.rsplit("]", 1)[-1] else (address, "", "80")
        self.address, self.host = (host.strip("[]"), int(port)), address
        self.token = token
        self.pid = None

    def prepare(self):
        """Makes the queue, and sees to it that the last spans are sent."""
        import atexit

        # A forked process must import nothing: the lock of an import may be held by a thread that it does not have.
        import encodings.idna  # noqa: F401
        import json  # noqa: F401
        import socket  # noqa: F401

        self.reset()
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self.reset)
        for name in ("_exit", "execv", "execve"):
            setattr(os, name, self.flushing(getattr(os, name)))

    def reset(self):
        """Begins anew in a forked process, whose open spans are those of its parent."""
        import collections
        import threading
        import time

        self.time = time
        self.queue = collections.deque()
        # The open spans that were sent.
        self.open = set()
        self.lock, self.wake, self.thread = threading.Lock(), threading.Event(), None
        self.socket = None
        self.dropped, self.paused_until, self.sent_at = 0, 0.0, 0.0
        self.process = "%016x" % int.from_bytes(os.urandom(8), "big")

    def end(self):
        self.flush()
        if self.dropped:
            _say("%d spans were not sent: they came too fast, or agno-top did not answer" % self.dropped)

    def flushing(self, function):
        import functools

        @functools.wraps(function)
        def flush_first(*args, **kwargs):
            self.flush()
            return function(*args, **kwargs)

        return flush_first

    def started(self, span):
        self.add((span, None, False))

    def ended(self, span, is_private):
        self.add((None, span, is_private))

    def add(self, item):
        if len(self.queue) >= self.MAX_QUEUE:
            self.dropped += 1
            return
        self.queue.append(item)
        if not self.wake.is_set():
            self.wake.set()
        if self.thread is None:
            self.start_thread()

    def start_thread(self):
        import threading

        with self.lock:
            if self.thread is not None:
                return
            self.thread = threading.Thread(target=self.run, name="agno-top", daemon=True)
            try:
                self.thread.start()
            except RuntimeError:
                # The interpreter is ending; what waits is sent at its exit.
                pass

    def run(self):
        sleep = self.time.sleep
        while True:
            if self.wake.wait(self.HEARTBEAT / 2 if self.open else None):
                sleep(self.DELAY)
                self.wake.clear()
            self.flush()

    def flush(self):
        """Sends what waits. Takes no longer than one time limit, and no time while the receiver does not answer."""
        try:
            if not hasattr(self, "lock") or not self.lock.acquire(timeout=self.TIMEOUT):
                return
            try:
                self.send_all()
            finally:
                self.lock.release()
        except Exception:
            pass

    def send_all(self):
        pending, ended = [], {False: [], True: []}
        while self.queue:
            start, end, is_private = self.queue.popleft()
            if start is not None:
                pending.append(start)
            else:
                ended[is_private].append(end)
        for is_private in (False, True):
            for span in ended[is_private]:
                self.open.discard(span.context.span_id)
        if self.time.monotonic() < self.paused_until:
            self.dropped += len(ended[False]) + len(ended[True])
            return
        running = [span for span in pending if span.end_time is None]
        for spans, is_ended, is_private in ((running, False, False), (ended[False], True, False), (ended[True], True, True)):
            for body in _bodies(spans, is_ended, self.MAX_BODY):
                if not self.post(body, is_private):
                    self.paused_until = self.time.monotonic() + self.PAUSE
                    return
        for span in running:
            self.open.add(span.context.span_id)
        is_due = self.time.monotonic() - self.sent_at >= self.HEARTBEAT
        if self.open and is_due and not self.post('{"resourceSpans":[]}', False):
            self.paused_until = self.time.monotonic() + self.PAUSE

    def post(self, body, is_forwarded):
        """Returns whether the receiver answered."""
        body = body.encode("ascii")
        lines = ["POST /v1/traces HTTP/1.1", "Host: " + self.host, "Content-Type: application/json"]
        lines.append("Content-Length: %d" % len(body))
        if self.token:
            lines.append("Authorization: Bearer " + self.token)
        lines.append("Agno-Top-Process: " + self.process)
        if is_forwarded:
            lines.append("Agno-Top-Forward: yes")
        message = "\r\n".join(lines + ["", ""]).encode("latin-1") + body
        if self.socket is not None:
            try:
                return self.exchange(message)
            except Exception:
                # It was idle for long, and is closed.
                self.socket = None
        try:
            import socket

            self.socket = socket.create_connection(self.address, self.CONNECT_TIMEOUT)
            self.socket.settimeout(self.TIMEOUT)
            return self.exchange(message)
        except Exception:
            self.socket = None
            return False

    def exchange(self, message):
        self.socket.sendall(message)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(65536)
            if not part:
                raise OSError("the connection is closed")
            answer += part
        head, _, rest = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(":", 1) for line in lines[1:] if ":" in line)
        left = int(headers.get("content-length", "0")) - len(rest)
        while left > 0:
            part = self.socket.recv(65536)
            if not part:
                raise OSError("the connection is closed")
            left -= len(part)
        self.sent_at = self.time.monotonic()
        if lines[0].split(" ")[1:2] != ["200"]:
            _say("spans were refused: " + lines[0])
        if headers.get("connection", "").strip() == "close":
            self.socket.close()
            self.socket = None
        return True


def _bodies(spans, is_ended, max_size):
    """Encodes spans as requests of about `max_size` characters."""
    groups, size, last = [], 0, None
    for span in spans:
        try:
            text = _json(_span(span, is_ended))
        except Exception as error:
            _say("a span could not be encoded: %s: %s" % (type(error).__name__, error))
            continue
        key = (id(span.resource), id(span.instrumentation_scope))
        if key != last:
            groups.append((_group(span), []))
            last = key
        groups[-1][1].append(text)
        size += len(text)
        if size >= max_size:
            yield _body(groups)
            groups, size, last = [], 0, None
    if groups:
        yield _body(groups)


def _body(groups):
    texts = ['{%s,"spans":[%s]}]}' % (head, ",".join(spans)) for head, spans in groups]
    return '{"resourceSpans":[%s]}' % ",".join(texts)


def _group(span):
    """The beginning of a group of spans of one resource and one scope."""
    resource = {"attributes": _attributes(span.resource.attributes)}
    scope = span.instrumentation_scope
    described = {}
    if scope is not None:
        described = {"name": scope.name or "", "version": scope.version or ""}
        if getattr(scope, "attributes", None):
            described["attributes"] = _attributes(scope.attributes)
    return '"resource":%s,"scopeSpans":[{"scope":%s' % (_json(resource), _json(described))


def _json(value):
    import json

    return json.dumps(value, separators=(",", ":"))


def _span(span, is_ended):
    context, parent = span.context, span.parent
    # Bit 8 says that bit 9 is known.
    flags = int(context.trace_flags) & 0xFF | 0x100 | (0x200 if parent is not None and parent.is_remote else 0)
    message = {
        "traceId": "%032x" % context.trace_id,
        "spanId": "%016x" % context.span_id,
        "flags": flags,
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "attributes": _attributes(span.attributes),
    }
    if parent is not None:
        message["parentSpanId"] = "%016x" % parent.span_id
    state = context.trace_state.to_header() if context.trace_state else ""
    if state:
        message["traceState"] = state
    if not is_ended:
        message["attributes"].append({"key": "agno_top.span.pending", "value": {"boolValue": True}})
        return message
    message["endTimeUnixNano"] = str(span.end_time)
    if span.status.status_code.value or span.status.description:
        message["status"] = {"code": span.status.status_code.value, "message": span.status.description or ""}
    events = [
        {"timeUnixNano": str(event.timestamp), "name": event.name, "attributes": _attributes(event.attributes)} for event in span.events
    ]
    if events:
        message["events"] = events
    links = [
        {
            "traceId": "%032x" % link.context.trace_id,
            "spanId": "%016x" % link.context.span_id,
            "attributes": _attributes(link.attributes),
        }
        for link in span.links
    ]
    if links:
        message["links"] = links
    for key, name in (
        ("droppedAttributesCount", "dropped_attributes"),
        ("droppedEventsCount", "dropped_events"),
        ("droppedLinksCount", "dropped_links"),
    ):
        if getattr(span, name, 0):
            message[key] = getattr(span, name)
    return message


def _attributes(attributes):
    for _ in range(10):
        try:
            items = list((attributes or {}).items())
            break
        except RuntimeError:
            # The program has added one meanwhile.
            items = []
    return [{"key": str(key), "value": _value(value)} for key, value in items]


def _value(value):
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        # JSON has no numbers for these.
        is_finite = value - value == 0
        return {"doubleValue": value if is_finite else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]}
    if isinstance(value, bytes):
        import base64

        return {"bytesValue": base64.b64encode(value).decode("ascii")}
    if hasattr(value, "items"):
        return {"kvlistValue": {"values": [{"key": str(key), "value": _value(item)} for key, item in value.items()]}}
    if hasattr(value, "__iter__"):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": str(value)}
