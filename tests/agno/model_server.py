"""Stands in for the chat APIs of OpenAI, Anthropic and Google, on loopback, with answers read from a script.

    python model_server.py SCRIPT.json [--port N] [--ledger FILE.jsonl] [--prefix-cache]

Prints the port that it listens on as its first line, and adds a line with the usage of each answer to the ledger. The script is a list of rules:

    {"when": "text", "turns": [{"seconds": 0.4, "call": [["tool", {"argument": 1}]]}, {"seconds": 1, "say": "answer"}]}

The first rule whose `when` occurs in the last thing the user said, else in the system prompt, answers; `turns[n]` is the
answer after n answers to that user message (the last one from then on). `{"fail": 429, "message": "…"}` is an HTTP error.

With `--prefix-cache` four characters are a token, and the cached ones are those that an earlier request to the same model began with (tools, system
prompt, messages), in blocks of 128 and at least 1024, if it was answered within five minutes. A turn with `"forget": true` clears that cache first;
one with `"later": 400` lets so many seconds pass. Without `--prefix-cache` the cached tokens are three quarters of a follow-up request.
"""

import argparse
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SNAPSHOTS = {
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}


def plain(content):
    """The text of a message's content: a string, or a list of typed parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if part.get("type") == "text")


def conversation(body):
    """(system prompt, last thing the user said, answers given to it, characters in all)."""
    messages = body.get("messages", [])
    system = plain(body.get("system")) + "".join(plain(m["content"]) for m in messages if m["role"] in ("system", "developer"))
    user, answers = "", 0
    for message in messages:
        if message["role"] == "user" and plain(message.get("content")):
            user, answers = plain(message["content"]), 0
        elif message["role"] == "assistant":
            answers += 1
    return system, user, answers, len(json.dumps(messages)) + len(json.dumps(body.get("tools", [])))


def choose(script, system, user, answers):
    """The turn that the script gives for this state of the conversation."""
    for text in (user, system):
        for rule in script:
            if rule["when"] in text:
                return rule["turns"][min(answers, len(rule["turns"]) - 1)]
    return {"seconds": 0.01, "say": "I have nothing to say to that."}


class PrefixCache:
    """What earlier requests began with."""

    BLOCK, MINIMUM, SECONDS = 128, 1024, 300

    def __init__(self):
        self.known = []
        self.ahead = 0
        self.lock = threading.Lock()

    def now(self):
        return time.monotonic() + self.ahead

    def count(self, body, turn):
        """The tokens of a request, those that are cached, and those that are cached from now on; remembers it."""
        model, prompt = body["model"], json.dumps([body.get("tools"), body.get("system"), body["messages"]])
        with self.lock:
            self.ahead += turn.get("later", 0)
            if turn.get("forget"):
                self.known.clear()
            live = (other for kind, other, until in self.known if kind == model and self.now() <= until)
            longest = max((len(os.path.commonprefix([prompt, other])) for other in live), default=0)
            self.known.append((model, prompt, self.now() + self.SECONDS))
        tokens = len(prompt) // 4
        cached, written = self.blocks(longest // 4), self.blocks(tokens)
        return tokens, cached, max(written - cached, 0)

    def blocks(self, tokens):
        """The tokens of whole blocks; 0 if they are too few to be cached."""
        return tokens // self.BLOCK * self.BLOCK if tokens >= self.MINIMUM else 0


class Handler(BaseHTTPRequestHandler):
    """Answers POST /v1/chat/completions, POST /v1/messages and POST …/MODEL:generateContent."""

    protocol_version = "HTTP/1.1"
    script = []
    ledger = None
    prefixes = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        is_google = ":generateContent" in self.path
        if is_google:
            body = from_google(body, self.path.rpartition("/")[2].partition(":")[0])
        system, user, answers, size = conversation(body)
        turn = choose(self.script, system, user, answers)
        time.sleep(turn.get("seconds", 0.01))
        model = SNAPSHOTS.get(body["model"], body["model"])
        if "fail" in turn:
            kind = turn.get("kind", "server_error")
            return self.answer(turn["fail"], {"type": "error", "error": {"type": kind, "code": kind, "message": turn["message"]}})
        calls = [(f"call_{answers}{n}{name[:8]}", name, arguments) for n, (name, arguments) in enumerate(turn.get("call", []))]
        tokens_in, tokens_out = size // 4 + 20, len(turn.get("say") or json.dumps(calls)) // 4 + 1 + turn.get("reasoning", 0)
        cached, written = tokens_in * 3 // 4 if answers else 0, 0
        if self.prefixes:
            tokens_in, cached, written = self.prefixes.count(body, turn)
        if self.ledger:
            entry = {"model": model, "user": user, "input_tokens": tokens_in, "cached_tokens": cached, "output_tokens": tokens_out}
            with open(self.ledger, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        if is_google:
            return self.answer(200, google(model, turn, tokens_in, tokens_out))
        if self.path.endswith("/messages"):
            return self.answer(200, anthropic(model, turn, calls, (tokens_in - cached - written, cached, written, tokens_out)))
        usage = {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": turn.get("reasoning", 0)},
        }
        if body.get("stream"):
            return self.stream(model, turn, calls, usage)
        message = {"role": "assistant", "content": turn.get("say")}
        if calls:
            message["tool_calls"] = openai_calls(calls)
        choice = {"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": message}
        self.answer(200, {**envelope(model, "chat.completion"), "choices": [choice], "usage": usage})

    def answer(self, code, value):
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, model, turn, calls, usage):
        """The same answer as server-sent events, a few words at a time."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        words = (turn.get("say") or "").split(" ")
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(openai_calls(calls))]
        deltas += [{"content": " ".join(words[n : n + 4]) + " "} for n in range(0, len(words), 4) if not calls]
        for delta in deltas:
            self.event({**envelope(model, "chat.completion.chunk"), "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            time.sleep(turn.get("stream_seconds", 0) / len(deltas))
        end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}
        self.event({**envelope(model, "chat.completion.chunk"), "choices": [end]})
        self.event({**envelope(model, "chat.completion.chunk"), "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, value):
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()


def envelope(model, kind):
    return {"id": f"chatcmpl-{time.monotonic_ns():x}", "object": kind, "created": int(time.time()), "model": model}


def openai_calls(calls):
    return [{"id": i, "type": "function", "function": {"name": name, "arguments": json.dumps(a)}} for i, name, a in calls]


def anthropic(model, turn, calls, tokens):
    """An answer of the Messages API; its input count leaves the cache out."""
    fresh, cached, written, tokens_out = tokens
    content = [{"type": "text", "text": turn["say"]}] if turn.get("say") else []
    content += [{"type": "tool_use", "id": i.replace("call", "toolu"), "name": name, "input": a} for i, name, a in calls]
    usage = {"input_tokens": fresh, "cache_read_input_tokens": cached, "cache_creation_input_tokens": written, "output_tokens": tokens_out}
    return {
        "id": f"msg_{time.monotonic_ns():x}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def from_google(body, model):
    """A request of Google's API as one of OpenAI's."""
    roles = {"model": "assistant"}
    text = lambda content: "".join(part.get("text", "") for part in content.get("parts", []))  # noqa: E731
    messages = [{"role": roles.get(content.get("role"), "user"), "content": text(content)} for content in body["contents"]]
    return {"model": model, "messages": messages}


def google(model, turn, tokens_in, tokens_out):
    """An answer of Google's API, in words only."""
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": turn.get("say", "")}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": tokens_in, "candidatesTokenCount": tokens_out, "totalTokenCount": tokens_in + tokens_out},
        "modelVersion": model,
        "responseId": f"{time.monotonic_ns():x}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger")
    parser.add_argument("--prefix-cache", action="store_true")
    arguments = parser.parse_args()
    Handler.ledger = arguments.ledger
    Handler.prefixes = PrefixCache() if arguments.prefix_cache else None
    with open(arguments.script, encoding="utf-8") as file:
        Handler.script = json.load(file)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
