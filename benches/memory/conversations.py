"""Records conversations of real Agno agents as OTLP, and multiplies them: a text occurs in one conversation only."""

import json
import logging
import random
import re
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy

TOKEN = re.compile(rb"(?<![a-z\\])[a-z]+|(?<=\\n)[a-z]+")
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def vocabulary(random, reserved, count=6000):
    """Returns made-up words by length. None of them is a word that Agno itself writes."""
    words = set()
    while len(words) < count:
        word = "".join(random.choice("bdfgklmnprstvz") + random.choice("aeiou") for _ in range(random.choice((2, 2, 3, 3, 4, 5))))
        word += random.choice(("", "n", "r", "s", "t"))
        if word.encode() not in reserved:
            words.add(word)
    return sorted(words, key=lambda word: (len(word), word))


class Writer:
    """Writes texts whose words are about as frequent as those of a language."""

    def __init__(self, random, words):
        self.random, self.words = random, random.sample(words, len(words))
        self.weights = [1 / (rank + 10) for rank in range(len(words))]

    def words_of(self, count):
        return self.random.choices(self.words, self.weights, k=count)

    def text(self, least, most):
        parts = []
        for number, word in enumerate(self.words_of(self.random.randint(least, most))):
            if number and number % 40 == 0:
                parts.append("\n\n")
            elif number:
                parts.append(self.random.choice((" ", " ", " ", " ", " ", " ", ", ", ". ", ' "')))
            parts.append(word)
        return "".join(parts)


class Model(BaseHTTPRequestHandler):
    """Stands in for a model: it answers what the script says."""

    protocol_version = "HTTP/1.1"
    script = iter(())

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind, value = next(self.script)
        message = {"role": "assistant", "content": value if kind == "text" else None}
        if kind == "tool":
            message["tool_calls"] = [{"id": value[0], "type": "function", "function": {"name": value[1], "arguments": json.dumps(value[2])}}]
        size, length = len(json.dumps(request)) // 4, len(json.dumps(message)) // 4
        usage = {"prompt_tokens": size, "completion_tokens": length, "total_tokens": size + length}
        choice = {"index": 0, "finish_reason": "stop" if kind == "text" else "tool_calls", "message": message}
        body = json.dumps({"id": "chatcmpl-x", "created": 0, "model": request["model"], "object": "chat.completion", "usage": usage, "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def record(seed, count, reserved):
    """Runs `count` conversations of 1 to 40 calls. Returns the words, the resource and the scope, and the spans of each run of each conversation."""
    from agno.agent import Agent
    from agno.db.in_memory import InMemoryDb
    from agno.models.openai import OpenAIChat
    from agno.tools import tool
    from openinference.instrumentation.agno import AgnoInstrumentor
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    logging.disable(logging.WARNING)
    chance = random.Random(seed)
    words = vocabulary(chance, reserved)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    spans, provider = InMemorySpanExporter(), TracerProvider(resource=Resource({"service.name": "conversations"}))
    provider.add_span_processor(SimpleSpanProcessor(spans))
    AgnoInstrumentor().instrument(tracer_provider=provider)
    url, conversations, head = f"http://127.0.0.1:{server.server_port}/v1", [], None
    for number in range(count):
        writer = Writer(chance, words)
        results = iter(lambda: writer.text(4, 25), None)

        def search_orders(query: str) -> str:
            return next(results)

        def read_page(address: str, part: int) -> str:
            return next(results)

        tools = [tool(description=writer.text(8, 20))(function) for function in chance.sample((search_orders, read_page), chance.randint(1, 2))]
        calls, runs = chance.randint(1, 40), []
        while calls:
            own = min(calls, chance.choice((1, 2, 2, 3, 4, 6)))
            calls -= own
            asked = lambda: chance.choice(tools).name
            arguments = {"search_orders": lambda: {"query": writer.text(2, 8)}, "read_page": lambda: {"address": writer.text(2, 4), "part": chance.randint(1, 9)}}
            script = []
            for _ in range(own - 1):
                name = asked()
                script.append(("tool", (f"call_{chance.getrandbits(96):024x}", name, arguments[name]())))
            runs.append(script + [("text", writer.text(5, 50))])
        agent = Agent(
            name=chance.choice(("Researcher", "Support", "Planner", "Writer")),
            model=OpenAIChat(id=chance.choice(("gpt-5", "gpt-5-mini", "gpt-4o")), base_url=url, api_key="none", max_retries=0),
            instructions=writer.text(10, 40),
            tools=tools,
            db=InMemoryDb() if chance.random() < 0.25 else None,
            telemetry=False,
        )
        agent.add_history_to_context = agent.db is not None
        conversation = []
        for script in runs:
            Model.script = iter(script)
            agent.run(writer.text(3, 20), session_id=f"session-{number:08}", user_id=f"user-{number % 50:04}")
            request = encode_spans(spans.get_finished_spans()).resource_spans[0]
            head = head or (request.resource.SerializeToString(), request.scope_spans[0].scope.SerializeToString())
            conversation.append([span for scope in request.scope_spans for span in scope.spans])
            spans.clear()
        conversations.append(conversation)
    server.shutdown()
    return words, head, conversations


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


SESSION = rb"session-[0-9]{8}|user-[0-9]{4}|call_[0-9a-f]{24}"
FIXED, RAW, HEX, NUMBER = range(4)


class Template:
    """A conversation whose words, ids and times are replaced. What replaces them has the same length, so that nothing else changes."""

    def __init__(self, conversation, words):
        known, self.runs, self.kinds, self.fixed = {word.encode() for word in words}, [], [], bytearray()
        raw = {id for run in conversation for span in run for id in (span.trace_id, span.span_id, span.parent_span_id) if id}
        times = {struct.pack("<Q", time) for run in conversation for span in run for time in (span.start_time_unix_nano, span.end_time_unix_nano)} - raw
        self.first = min(span.start_time_unix_nano for run in conversation for span in run)
        literal = b"|".join(map(re.escape, sorted(raw | times, key=len, reverse=True)))
        pattern = re.compile(b"|".join([literal, SESSION, UUID.pattern, TOKEN.pattern]), re.DOTALL)
        self.places = {}
        for run in conversation:
            body = b"".join(field(2, span.SerializeToString()) for span in run)
            is_word, at, of, time_at, time_of = numpy.zeros(len(body), bool), [], [], [], []
            for found in pattern.finditer(body):
                text, (begin, end) = found.group(), found.span()
                if text in known:
                    is_word[begin:end] = True
                elif text in times:
                    time_at.append(range(begin, end))
                    time_of.append(struct.unpack("<Q", text)[0] - self.first)
                elif text in raw or not text.isalpha():
                    place = self.place(text, text in raw)
                    at += range(begin, end)
                    of += range(place, place + len(text))
            arrays = [numpy.array(list_, dtype) for list_, dtype in ((at, numpy.int64), (of, numpy.int64), (time_at, numpy.int64), (time_of, numpy.uint64))]
            self.runs.append((numpy.frombuffer(body, numpy.uint8), is_word, arrays, len(run)))
        self.kinds, self.fixed = numpy.array(self.kinds), numpy.frombuffer(bytes(self.fixed), numpy.uint8)

    def place(self, id, is_raw):
        """Returns where the bytes of an id are among those of all ids."""
        if id not in self.places:
            self.places[id] = len(self.fixed)
            self.fixed += id
            if is_raw:
                kinds = [RAW] * len(id)
            else:
                digits, begin = (HEX, 0) if id[8:9] == b"-" and id[:1] in b"0123456789abcdef" else (HEX if id.startswith(b"call_") else NUMBER, id.find(b"_") + 1 or id.find(b"-") + 1)
                kinds = [digits if at >= begin and chr(byte) in "0123456789abcdef" else FIXED for at, byte in enumerate(id)]
            self.kinds += kinds
        return self.places[id]

    def copy(self, chance, number, start):
        """Returns the encoded spans of each run of a copy, and how many they are."""
        # Other letters make other words: consonants and vowels change places among themselves.
        letters = numpy.arange(256, dtype=numpy.uint8)
        for group in (b"bdfgklmnprstvz", b"aeiou"):
            group = numpy.frombuffer(group, numpy.uint8)
            letters[group] = chance.permutation(group)
        ids = chance.integers(0, 256, len(self.fixed), numpy.uint8)
        hexadecimal = numpy.frombuffer(b"0123456789abcdef", numpy.uint8)
        ids = numpy.select([self.kinds == RAW, self.kinds == HEX, self.kinds == NUMBER], [ids, hexadecimal[ids & 15], hexadecimal[ids % 10]], self.fixed)
        for body, is_word, (at, of, time_at, time_of), count in self.runs:
            out = numpy.where(is_word, letters[body], body)
            out[at] = ids[of]
            if len(time_of):
                out[time_at] = (time_of + numpy.uint64(start)).view(numpy.uint8).reshape(-1, 8)
            yield out.tobytes(), count


def requests(seed, spans, words, head, conversations, parallel=200, batch=128):
    """Yields requests of about `batch` spans, and how many they have. As many conversations run at a time as `parallel` says."""
    chance, numbers = random.Random(seed + 1), numpy.random.default_rng(seed)
    templates = [Template(conversation, words) for conversation in conversations]
    resource, scope = field(1, head[0]), field(1, head[1])
    active, number, start, sent, parts, count = [], 0, 1_790_000_000_000_000_000, 0, [], 0
    while sent < spans:
        while len(active) < parallel:
            template = templates[number % len(templates)]
            start += 40_000_000
            active.append(template.copy(numbers, number, start))
            number += 1
        at = chance.randrange(parallel)
        run = next(active[at], None)
        if run is None:
            active.pop(at)
            continue
        parts.append(run[0])
        count += run[1]
        if count >= batch or sent + count >= spans:
            yield field(1, resource + field(2, scope + b"".join(parts))), count
            sent, parts, count = sent + count, [], 0
