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

# Set-ups in progress: one may import packages that have their own.
_state = {"exporter": None, "private": None, "set_ups": 0}


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
    _fact("started", "Python")
    _SETUPS.update({"opentelemetry.sdk.trace": _watch_providers, "agno": _trace_agno, "pydantic_ai": _trace_pydantic_ai})
    for name, instrumentors in _installed().items():
        _SETUPS.setdefault(name, _tracing(instrumentors))
    for name, package in _INSTRUMENTABLE.items():
        _SETUPS.setdefault(name, _missing(name, "openinference-instrumentation-" + package))
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


def _fact(*words):
    """Tells agno-top, if it started the program, what may explain that nothing came."""
    try:
        facts = os.environ.get("AGNO_TOP_RUN_FACTS")
        # Agno's instrumentation imports every client that is installed: the program did not.
        if facts and _state["set_ups"] < 2:
            with open(facts, "a") as file:
                file.write("\t".join(" ".join(word.split()) for word in words) + "\n")
    except Exception:
        pass


# Modules that OpenInference can trace, with the end of the name of the package that does.
_INSTRUMENTABLE = {
    "anthropic": "anthropic",
    "autogen_agentchat": "autogen-agentchat",
    "claude_agent_sdk": "claude-agent-sdk",
    "cohere": "cohere",
    "crewai": "crewai",
    "dspy": "dspy",
    "google.adk": "google-adk",
    "google.genai": "google-genai",
    "groq": "groq",
    "haystack": "haystack",
    "instructor": "instructor",
    "langchain_core": "langchain",
    "litellm": "litellm",
    "llama_index.core": "llama-index",
    "mistralai": "mistralai",
    "ollama": "ollama",
    "openai": "openai",
    "smolagents": "smolagents",
    "together": "together",
    "vertexai": "vertexai",
}


def _missing(name, package):
    return lambda module: _fact("untraced", name, "%s is not traced: its instrumentation is not installed; %s" % (name, _install(package)))


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
    _state["set_ups"] += 1
    try:
        set_up(module)
    except Exception as error:
        _say("%s is not traced: %s: %s" % (name, type(error).__name__, error))
    finally:
        _state["set_ups"] -= 1


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


# What the names of installed instrumentations begin with, and what OpenTelemetry's need if they are for generative AI.
_PUBLISHERS = ("openinference_instrumentation_", "opentelemetry_instrumentation_")
_GENAI = ("opentelemetry_util_genai", "opentelemetry_semantic_conventions_ai")


def _installed():
    """The installed instrumentations for generative AI by the module that they wait for: [(package, module, class)]."""
    found = {}
    for folder in list(sys.path):
        try:
            names = [name for name in os.listdir(folder or os.curdir) if name.endswith(".dist-info")]
        except OSError:
            continue
        # OpenInference's first: Agno and its other instrumentations know them.
        for name in sorted(names):
            if _normal(name).startswith(_PUBLISHERS):
                try:
                    _read_instrumentation(folder, name, names, found)
                except Exception:
                    # What its package says is unusual; the program can still set it up itself.
                    pass
    return found


def _normal(name):
    return name.lower().replace("-", "_").replace(".", "_")


def _read_instrumentation(folder, name, names, found):
    instrumentors, section = [], ""
    for line in _lines(os.path.join(folder, name, "entry_points.txt")):
        if line.startswith("["):
            section = line.strip()
        elif section == "[opentelemetry_instrumentor]" and "=" in line:
            label, _, target = line.partition("=")
            module, _, type_name = target.strip().partition(":")
            instrumentors.append((label.strip(), module, type_name))
    required, targets = [], []
    for line in _lines(os.path.join(folder, name, "METADATA")):
        if not line.strip():
            break
        if line.startswith("Requires-Dist:"):
            requirement, _, condition = line[len("Requires-Dist:") :].partition(";")
            package = "".join(char if char.isalnum() or char in "-_." else " " for char in requirement).split()[0]
            required.append(_normal(package))
            if "instruments" in condition:
                targets.append(package)
    if not _normal(name).startswith(_PUBLISHERS[0]) and not set(required).intersection(_GENAI):
        return
    package = name.rsplit(".", 1)[0].split("-")[0].replace("_", "-")
    for label, module, type_name in instrumentors:
        for target in targets or [label]:
            for imported in _modules(folder, target, names):
                found.setdefault(imported, []).append((package, module, type_name))


def _modules(folder, package, names):
    """The names of the modules at the top of a package."""
    usual = _normal(package)
    if os.path.isdir(os.path.join(folder, usual)):
        return [usual]
    for name in names:
        if name[: len(usual)].lower().startswith(usual[:1]) and _normal(name.split("-")[0]) == usual:
            paths = [line.partition(",")[0] for line in _lines(os.path.join(folder, name, "RECORD")) if "/__init__.py," in line]
            top = min([path.count("/") for path in paths] or [0])
            return [path.rpartition("/")[0].replace("/", ".") for path in paths if path.count("/") == top]
    return []


def _lines(path):
    with open(path, "rb") as file:
        for line in file:
            yield line.decode("utf-8", "replace").rstrip()


def _tracing(instrumentors):
    def trace(module):
        for package, module_name, type_name in instrumentors:
            # Only one may report a call.
            if _instrument(None, package, module_name, type_name, module.__name__):
                return

    return trace


def _trace_agno(agno):
    _instrument("Agno", "openinference-instrumentation-agno", "openinference.instrumentation.agno", "AgnoInstrumentor")


def _trace_pydantic_ai(pydantic_ai):
    """Pydantic AI reports its steps itself, to whatever provider it is told first; a program that tells it another one wins."""
    from importlib.util import find_spec

    if find_spec("opentelemetry.sdk") is None:
        return _say("Pydantic AI is not traced: Python can't import opentelemetry-sdk; " + _install("opentelemetry-sdk"))
    from pydantic_ai.models.instrumented import InstrumentationSettings

    provider = _provider_type()({"is_asked": False, "provider": None})
    pydantic_ai.Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))
    _fact("traced", "Pydantic AI")
    return None


def _instrument(needed_by, package, module_name, class_name, traced=None):
    """Uses an instrumentation that is installed, and returns whether it is in use; says so if it is needed and missing.

    Spans that the program did not ask for go to agno-top alone. Once it asks, by a call of `instrument`, they go where it wants them.
    """
    import importlib

    name = needed_by or package
    try:
        instrumentor_type = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:
        missing = "Python can't import %s (%s: %s)" % (package, type(error).__name__, error)
        # One that is broken is of no concern for a program that does not ask for it.
        return needed_by is not None and _say("%s is not traced: %s; %s" % (name, missing, _install(package)))
    if instrumentor_type().is_instrumented_by_opentelemetry:
        _fact("traced", needed_by or traced)
        return True
    wish = {"is_asked": False, "provider": None}
    provider = _provider_type()(wish, traced)
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
    except Exception as error:
        return _say("%s is not traced: %s: %s" % (name, type(error).__name__, error))
    if not instrumentor_type().is_instrumented_by_opentelemetry:
        command = _install("--upgrade %s %s" % ((needed_by or "").lower(), package))
        return _say("%s is not traced: its version and that of %s do not fit each other; %s" % (name, package, command))
    instrumentor_type.instrument = instrument
    _fact("traced", needed_by or traced)
    return True


# The modules that report steps, with the ids of their open steps. Some report from callbacks, which do not make a step the current one.
_callers = {}

# The most frames between a client and the framework that calls it.
_MAX_FRAMES = 60


def _is_called_by_framework(current):
    """Whether a framework that reports from callbacks calls the client, with no code of the program between them. A framework that makes
    its step the current one has the client's call below that."""
    names = [name for name, steps in _callers.items() if steps and current not in steps]
    frame = sys._getframe(2)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return False
        module, file = frame.f_globals.get("__name__") or "", frame.f_code.co_filename
        if any((module + ".").startswith(name + ".") for name in names):
            return True
        is_library = file.startswith("<") or "-packages" in file or os.path.dirname(os.__file__) in file
        if not is_library and module != __name__:
            return False
        frame = frame.f_back
    return False


def _remember_step(name, span):
    """Remembers a step of a framework until it ends."""
    original, steps, step = span.end, _callers.setdefault(name, set()), span.get_span_context().span_id
    steps.add(step)

    def end(*args, **kwargs):
        steps.discard(step)
        return original(*args, **kwargs)

    span.end = end


# The operations of a span that calls a model, in OpenTelemetry's conventions.
_MODEL_OPERATIONS = ("chat", "generate_content", "text_completion")


def _reports_model_call(span):
    attributes = dict(getattr(span, "attributes", None) or {})
    # OpenInference's spans keep some for their end.
    attributes.update(getattr(span, "_self_important_attributes", None) or {})
    return _states_model_call(attributes)


def _states_model_call(attributes):
    attributes = attributes or {}
    is_model = attributes.get("openinference.span.kind") == "LLM" or attributes.get("gen_ai.operation.name") in _MODEL_OPERATIONS
    return is_model or ("gen_ai.request.model" in attributes and "gen_ai.agent.name" not in attributes)


def _provider_type():
    from contextlib import contextmanager

    from opentelemetry import context as contexts
    from opentelemetry import trace

    class AgnoTopTracer(trace.Tracer):
        def __init__(self, wish, traced, arguments):
            self._wish, self._traced, self._arguments = wish, traced, arguments
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
            kind, attributes = (args + (None, None))[:2]
            kind, attributes = kwargs.get("kind", kind), kwargs.get("attributes", attributes)
            states_call = _states_model_call(attributes)
            # A framework's step reports the call that its client would report again.
            is_twice = (states_call or kind == trace.SpanKind.CLIENT) and _reports_model_call(above)
            if not self._wish["is_asked"] and (is_twice or (states_call and _is_called_by_framework(above.get_span_context().span_id))):
                return trace.NonRecordingSpan(above.get_span_context())
            _, tracer, unseeded = self._current()
            if context is None and not above.get_span_context().is_valid:
                context = _remote_parent(contexts)
            span = type(tracer).start_span(unseeded, name, context, *args, **kwargs)
            if self._traced is not None and not states_call and span.is_recording():
                _remember_step(self._traced, span)
            return span

        @contextmanager
        def start_as_current_span(self, name, *args, **kwargs):
            ends = kwargs.pop("end_on_exit", True)
            span = self.start_span(name, *args, **kwargs)
            records, sets = kwargs.get("record_exception", True), kwargs.get("set_status_on_exception", True)
            with trace.use_span(span, ends, records, sets) as current:
                yield current

    class AgnoTopProvider(trace.TracerProvider):
        def __init__(self, wish, traced=None):
            self._wish, self._traced = wish, traced

        def get_tracer(self, *args, **kwargs):
            names = ("instrumenting_module_name", "instrumenting_library_version", "schema_url", "attributes")
            rest = [kwargs.get(name) for name in names[len(args) :]]
            return AgnoTopTracer(self._wish, self._traced, list(args) + rest)

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
        try:
            _state["private"] = _private_provider()
        except Exception as error:
            # Nothing is traced then; the program goes on.
            _state["private"] = trace.NoOpTracerProvider()
            _say("nothing is traced: Python can't import opentelemetry-sdk (%s); %s" % (error, _install("opentelemetry-sdk")))
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
    """Sends from a thread of its own, as OTLP/JSON over HTTP. What has not been sent is also in a file, if agno-top named a folder for
    such: a killed process can't send it any more."""

    # Spans that may wait, and their bytes; more are dropped and counted.
    MAX_QUEUE, MAX_BYTES = 50000, 64 << 20
    # Seconds between two requests in which spans are collected.
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

    def prepare(self):
        """Makes the queue, and sees to it that the last spans are sent."""
        import atexit

        # A forked process must import nothing: the lock of an import may be held by a thread that it does not have.
        import encodings.idna  # noqa: F401
        import json  # noqa: F401
        import socket  # noqa: F401

        self.reset()
        if os.environ.get("AGNO_TOP_RUN_MARKS_LINES"):
            self.lines.follow(sys.stderr)
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
        self.queue, self.size = collections.deque(), 0
        # The open spans that were sent.
        self.open = set()
        # The first lock is held while spans are sent, the second one for moments. A signal may interrupt the one that holds it.
        self.lock, self.moment = threading.Lock(), threading.RLock()
        self.wake, self.thread = threading.Event(), None
        self.socket = None
        self.dropped, self.paused_until, self.sent_at = 0, 0.0, 0.0
        self.process = "%016x" % int.from_bytes(os.urandom(8), "big")
        folder = os.environ.get("AGNO_TOP_RUN_UNSENT")
        self.unsent = _Unsent(os.path.join(folder, self.process)) if folder else None
        self.lines = _Lines(self.notify)

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
        self.lines.run_started(span)
        if len(self.queue) < self.MAX_QUEUE:
            # It is encoded when it is sent: by then it may have more attributes.
            self.queue.append((span, None, False))
            if self.unsent:
                with self.moment:
                    self.unsent.add(_encode(span, False), "o")
            self.notify()

    def ended(self, span, is_private):
        self.lines.run_ended(span)
        try:
            encoded = _encode(span)
        except Exception as error:
            return _say("a span could not be encoded: %s: %s" % (type(error).__name__, error))
        size = len(encoded[1])
        with self.moment:
            if len(self.queue) >= self.MAX_QUEUE or self.size + size > self.MAX_BYTES:
                self.dropped += 1
                return None
            self.queue.append((span.context.span_id, encoded, is_private))
            self.size += size
            if self.unsent:
                self.unsent.add(encoded, "+" if is_private else "-")
        return self.notify()

    def notify(self):
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
            # The first span is sent at once.
            self.wake.wait(self.HEARTBEAT / 2 if self.open else None)
            self.wake.clear()
            self.flush()
            sleep(self.DELAY)

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
        running, ended = [], {False: [], True: []}
        with self.moment:
            items, self.size = list(self.queue), 0
            self.queue.clear()
            part = self.unsent.begin_next() if self.unsent else None
        for span, encoded, is_private in items:
            if encoded is not None:
                ended[is_private].append(encoded)
                self.open.discard(span)
            elif span.end_time is None:
                running.append(span)
        is_sent, lost = self.time.monotonic() >= self.paused_until, 0
        pending = _pending(running) if is_sent else ()
        for spans, is_private in ((pending, False), (ended[False], False), (ended[True], True)):
            for body, count in _bodies(spans, self.MAX_BODY):
                is_sent = is_sent and self.post(body, is_private)
                lost += 0 if is_sent or spans is pending else count
        lines = self.lines.take()
        if lines and is_sent:
            self.post(lines, False, "/v1/logs")
        if is_sent:
            self.open.update(span.context.span_id for span in running)
            is_due = self.time.monotonic() - self.sent_at >= self.HEARTBEAT
            is_sent = not self.open or not is_due or self.post('{"resourceSpans":[]}', False)
        if not is_sent and self.time.monotonic() >= self.paused_until:
            self.paused_until = self.time.monotonic() + self.PAUSE
        is_kept = self.unsent is not None and (self.unsent.keep(part) if lost else self.unsent.forget(part))
        self.dropped += 0 if is_kept else lost

    def post(self, body, is_forwarded, path="/v1/traces"):
        """Returns whether the receiver answered."""
        body = body.encode("ascii")
        lines = ["POST %s HTTP/1.1" % path, "Host: " + self.host, "Content-Type: application/json"]
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


class _Lines(object):
    """Lines on standard error, each with the span in which it was written: the current one, else the run that is open if it is the only one."""

    # Lines that may wait, and characters of each. The terminal has them all.
    MAX_LINES, MAX_LENGTH = 500, 1000

    def __init__(self, notify):
        self.notify = notify
        # The trace of each open run, by the id of its span.
        self.runs, self.waiting, self.left_out, self.begun = {}, [], 0, ""

    def follow(self, file):
        """Notices what is written to a text file, which stays what it is."""
        try:
            write = file.write

            def write_and_mark(text):
                count = write(text)
                _state["exporter"].lines.add(text)
                return count

            file.write = write_and_mark
        except Exception:
            # There is none, or it is one that can't be followed.
            pass

    def run_started(self, span):
        if span.parent is None or span.parent.is_remote:
            self.runs[span.context.span_id] = span.context.trace_id

    def run_ended(self, span):
        self.runs.pop(span.context.span_id, None)

    def add(self, text):
        try:
            most = self.MAX_LINES * self.MAX_LENGTH
            self.left_out += text[:-most].count("\n")
            lines = (self.begun + text[-most:]).split("\n")
            self.begun = lines.pop()[: self.MAX_LENGTH]
            lines = [line[: self.MAX_LENGTH] for line in lines if line.strip()]
            if not lines:
                return
            room = self.MAX_LINES - len(self.waiting)
            place = self.place()
            self.waiting.extend((line, place) for line in lines[:room])
            self.left_out += len(lines[room:])
            self.notify()
        except Exception:
            # The program matters more than its trace.
            pass

    def place(self):
        import time

        from opentelemetry import trace

        context = trace.get_current_span().get_span_context()
        found = (context.trace_id, context.span_id) if context.is_valid else None
        if found is None and len(self.runs) == 1:
            found = [(trace_id, span_id) for span_id, trace_id in self.runs.items()][0]
        return int(time.time() * 1e9), found

    def take(self):
        """The request with the lines that wait, if any."""
        waiting, left_out = self.waiting, self.left_out
        self.waiting, self.left_out = [], 0
        if left_out:
            waiting.append(("%d more lines" % left_out, waiting[-1][1] if waiting else self.place()))
        records = []
        for line, (time, found) in waiting:
            record = {"timeUnixNano": str(time), "body": {"stringValue": line}}
            if found:
                record.update(traceId="%032x" % found[0], spanId="%016x" % found[1])
            records.append(record)
        if not records:
            return None
        service = {"key": "service.name", "value": {"stringValue": os.path.basename(sys.argv[0] if sys.argv else "") or "python"}}
        scopes = [{"scope": {"name": "stderr"}, "logRecords": records}]
        return _json({"resourceLogs": [{"resource": {"attributes": [service]}, "scopeLogs": scopes}]})


class _Unsent(object):
    """The spans that start and end until the next request, in a file that agno-top reads if this process is killed. A request that fails leaves its
    file."""

    # Bytes of the files that are left.
    MAX_KEPT = 256 << 20

    def __init__(self, path):
        self.path, self.file, self.number, self.size, self.kept = path, None, 0, 0, 0

    def add(self, encoded, mark):
        try:
            if self.file is None:
                self.file = os.open("%s-%d" % (self.path, self.number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            # In one piece, so that only the last line may be incomplete.
            line = mark + _resource_spans(encoded[0], encoded[1:]) + "\n"
            self.size += os.write(self.file, line.encode("ascii"))
        except OSError:
            # Without it, spans are only lost by a kill.
            pass

    def begin_next(self):
        """Ends the file. Returns what `forget` or `keep` needs."""
        if self.file is None:
            return None
        os.close(self.file)
        part = ("%s-%d" % (self.path, self.number), self.size)
        self.file, self.number, self.size = None, self.number + 1, 0
        return part

    def forget(self, part):
        """Removes a file whose spans were sent."""
        if part is not None:
            try:
                os.unlink(part[0])
            except OSError:
                pass

    def keep(self, part):
        """Leaves a file to agno-top. Returns whether there is one, and room for it."""
        if part is None or self.kept + part[1] > self.MAX_KEPT:
            self.forget(part)
            return False
        self.kept += part[1]
        return True


def _bodies(encoded, max_size):
    """Joins encoded spans to requests of about `max_size` characters. Yields each with the number of its spans."""
    groups, size, count, last = [], 0, 0, None
    for head, text in encoded:
        if head is not last:
            groups.append((head, []))
            last = head
        groups[-1][1].append(text)
        size, count = size + len(text), count + 1
        if size >= max_size:
            yield _body(groups), count
            groups, size, count, last = [], 0, 0, None
    if groups:
        yield _body(groups), count


def _body(groups):
    return '{"resourceSpans":[%s]}' % ",".join(_resource_spans(head, texts) for head, texts in groups)


def _resource_spans(head, texts):
    return '{%s,"spans":[%s]}]}' % (head, ",".join(texts))


def _pending(running):
    for span in running:
        try:
            yield _encode(span, False)
        except Exception as error:
            _say("a span could not be encoded: %s: %s" % (type(error).__name__, error))


# The encoded resource and scope of the last spans, by their ids; the objects are kept so that no others get the ids.
_heads = {}


def _encode(span, is_ended=True):
    """The resource and the scope of a span, and the span itself."""
    key = (id(span.resource), id(span.instrumentation_scope))
    known = _heads.get(key)
    if known is None:
        if len(_heads) > 100:
            _heads.clear()
        known = _heads[key] = (_head(span), span.resource, span.instrumentation_scope)
    return known[0], _json(_span(span, is_ended))


def _head(span):
    """The beginning of the spans of one resource and one scope."""
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
