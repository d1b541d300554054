// Node loads this module before the program. It traces the program with the OpenTelemetry packages that the program has installed, and sends every
// span to agno-top: once when it starts, and again when it ends.
//
// Every Node below the program loads it, also an old one and npm: it must be quick, and must not fail.
'use strict';

function start() {
  if (!process.env.AGNO_TOP_RUN_ENDPOINT || !process.argv[1]) return;
  const fs = require('fs');
  const path = require('path');
  const main = fs.realpathSync(process.argv[1]);
  // Tools, such as npm.
  if (main.split(path.sep).includes('node_modules')) return;
  fact('started', 'Node');
  const name = path.basename(main);
  const from = packages(main);
  const api = from.load('@opentelemetry/api');
  const sdk = from.load('@opentelemetry/sdk-trace-node') || from.load('@opentelemetry/sdk-trace-base');
  if (!api || !sdk) return fact('untraced', name, `${name} is not traced: it has no OpenTelemetry installed; ${INSTALL}`);
  const exporter = new Exporter(process.env.AGNO_TOP_RUN_ENDPOINT, process.env.AGNO_TOP_RUN_TOKEN);
  const instrumentations = from.instrumentations();
  if (!instrumentations.size) {
    watchProvider(api, exporter, () => {});
    return fact('untraced', name, `${name} is not traced: it has no instrumentation of a model client installed; ${INSTALL}`);
  }
  followImports(from, [...instrumentations.values()]);
  trace(api, sdk, from.load('@opentelemetry/context-async-hooks'), [...instrumentations.values()], exporter);
  for (const client of instrumentations.keys()) fact('traced', client);
}

const INSTALL = 'npm install @opentelemetry/sdk-node @arizeai/openinference-instrumentation-openai, or those of another client';

// Instrumentations of model clients and agents: OpenInference's first, of one client only one.
const PUBLISHERS = [
  ['@arizeai', /^openinference-instrumentation-(.+)$/],
  ['@opentelemetry', /^instrumentation-(openai|anthropic|google-genai|langchain)$/],
  ['@traceloop', /^instrumentation-(.+)$/],
];

// Tells agno-top what may explain that nothing came.
function fact(...words) {
  const facts = process.env.AGNO_TOP_RUN_FACTS;
  if (facts) require('fs').appendFileSync(facts, words.map((word) => word.replace(/\s+/g, ' ')).join('\t') + '\n');
}

// Tells the user one line through agno-top.
function say(text) {
  const notes = process.env.AGNO_TOP_RUN_NOTES;
  if (notes) require('fs').appendFileSync(notes, text.replace(/\s+/g, ' ') + '\n');
}

function resolveFrom(places, name) {
  for (const place of places) {
    try {
      return place.resolve(name);
    } catch (_) {}
  }
  return undefined;
}

// The packages that a program can load.
function packages(main) {
  const { createRequire } = require('module');
  const fs = require('fs');
  const path = require('path');
  const own = createRequire(main);
  // Some package managers show a program only what it names itself.
  const places = [own];
  for (const name of ['@opentelemetry/sdk-node', '@opentelemetry/sdk-trace-node', '@opentelemetry/instrumentation']) {
    const found = resolveFrom(places, name);
    if (found) places.push(createRequire(found));
  }
  const find = (name) => resolveFrom(places, name);
  const load = (name) => {
    const file = find(name);
    return file && own(file);
  };
  const instrumentations = () => {
    const found = new Map();
    for (const [publisher, pattern] of PUBLISHERS) {
      for (const folder of own.resolve.paths('x') || []) {
        let names = [];
        try {
          names = fs.readdirSync(path.join(folder, publisher));
        } catch (_) {}
        for (const name of names) {
          const [, client] = pattern.exec(name) || [];
          if (!client || found.has(client)) continue;
          try {
            const file = own.resolve(`${publisher}/${name}`);
            // What it needs may be visible to it alone.
            places.push(createRequire(file));
            const type = Object.entries(own(file)).find(([key, value]) => /Instrumentation$/.test(key) && typeof value === 'function');
            if (type) found.set(client, new type[1]());
          } catch (error) {
            say(`${publisher}/${name} does not load: ${error.message}`);
          }
        }
      }
    }
    return found;
  };
  return { find, load, instrumentations };
}

// Lets instrumentations see what is imported rather than required.
function followImports(from, instrumentations) {
  const { register, createRequire } = require('module');
  const instrumentation = from.find('@opentelemetry/instrumentation');
  if (!register || !instrumentation) return;
  const { pathToFileURL } = require('url');
  const hook = resolveFrom([createRequire(instrumentation)], 'import-in-the-middle/hook.mjs');
  const modules = instrumentations.flatMap((each) => (each.getModuleDefinitions ? each.getModuleDefinitions() : each._modules) || []);
  const include = modules.map((module) => module.name).filter((name) => typeof name === 'string');
  if (!hook || !include.length) return;
  const loader = pathToFileURL(require('path').join(__dirname, 'node_loader.mjs'));
  register(loader, { data: { hookUrl: pathToFileURL(hook).href, include } });
}

function trace(api, sdk, contexts, instrumentations, exporter) {
  const processor = new Processor(exporter, true);
  const Provider = sdk.NodeTracerProvider || sdk.BasicTracerProvider;
  // Before version 2 a processor is added later.
  const isOld = typeof Provider.prototype.addSpanProcessor === 'function';
  const limits = { spanLimits: { attributeCountLimit: 1024 } };
  const provider = new Provider(isOld ? limits : Object.assign(limits, { spanProcessors: [processor] }));
  if (isOld) provider.addSpanProcessor(processor);
  // Not as the global one, or its delegate: instrumentations that the program makes would be bound to it.
  if (contexts) api.context.setGlobalContextManager(new contexts.AsyncLocalStorageContextManager().enable());
  for (const instrumentation of instrumentations) {
    instrumentation.setTracerProvider(provider);
    // Older ones of OpenInference keep the tracer that they were made with.
    const { oiTracer, tracer } = instrumentation;
    if (oiTracer && oiTracer.tracer && tracer) oiTracer.tracer = tracer;
  }
  watchProvider(api, exporter, () => {
    // The program traces itself.
    for (const instrumentation of instrumentations) instrumentation.disable();
    if (contexts) api.context.disable();
  });
}

// What the program's own provider makes is also sent to agno-top, whatever else the program does with it.
function watchProvider(api, exporter, yieldToIt) {
  const original = api.trace.setGlobalTracerProvider;
  api.trace.setGlobalTracerProvider = function (provider) {
    api.trace.setGlobalTracerProvider = original;
    try {
      yieldToIt();
      const processor = new Processor(exporter, false);
      const active = provider._activeSpanProcessor;
      // Version 2 has no other way to add one.
      if (provider.addSpanProcessor) provider.addSpanProcessor(processor);
      else if (active && Array.isArray(active._spanProcessors)) active._spanProcessors.push(processor);
    } catch (_) {
      // Its exporter may send to agno-top by the environment.
    }
    return original.call(this, provider);
  };
}

class Processor {
  // Only what is private is forwarded: other spans reach endpoints by the program's own exporters.
  constructor(exporter, isPrivate) {
    this.exporter = exporter;
    this.isPrivate = isPrivate;
  }

  onStart(span) {
    this.exporter.add(span, 'o');
  }

  onEnd(span) {
    this.exporter.add(span, this.isPrivate ? '+' : '-');
  }

  forceFlush() {
    return this.exporter.flush();
  }

  shutdown() {
    return this.exporter.flush();
  }
}

// Spans that may wait; more are dropped and counted.
const MAX_QUEUE = 50000;
// Milliseconds in which spans are collected, between two signs of life while spans are open, and for an answer.
const DELAY = 50;
const HEARTBEAT = 5000;
const TIMEOUT = 3000;
// Characters of a request, about.
const MAX_BODY = 4 << 20;

// Sends as OTLP/JSON over HTTP, and never keeps the program from ending. What has not been sent is also in a file, if agno-top named a folder for such:
// a process that is killed, or calls process.exit, can't send it any more.
class Exporter {
  constructor(endpoint, token) {
    this.url = new URL('/v1/traces', endpoint);
    this.headers = { 'content-type': 'application/json', 'agno-top-process': require('crypto').randomBytes(8).toString('hex') };
    if (token) this.headers.authorization = `Bearer ${token}`;
    const http = require('http');
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.queue = [];
    this.open = new Set();
    this.dropped = 0;
    this.isSending = false;
    this.timer = undefined;
    this.file = new Unsent(process.env.AGNO_TOP_RUN_UNSENT, this.headers['agno-top-process']);
    setInterval(() => this.open.size && this.flush(true), HEARTBEAT).unref();
    process.on('beforeExit', () => this.queue.length && this.flush());
    process.on('exit', () => this.dropped && say(`${this.dropped} spans were not sent: they came too fast, or agno-top did not answer`));
  }

  // Takes a span with its mark: `o` has started, `+` and `-` have ended, the first to be forwarded.
  add(span, mark) {
    try {
      const hasEnded = mark !== 'o';
      if (this.queue.length >= MAX_QUEUE) {
        this.dropped += hasEnded ? 1 : 0;
        return;
      }
      const text = JSON.stringify(resourceSpans(span, hasEnded));
      const id = span.spanContext().spanId;
      if (hasEnded) this.open.delete(id);
      else this.open.add(id);
      // An open span is encoded again when it is sent: by then it has more attributes.
      this.queue.push([hasEnded ? text : span, mark]);
      this.file.add(mark + text + '\n');
      if (!this.timer) this.timer = setTimeout(() => this.flush(), DELAY).unref();
    } catch (_) {
      // The program matters more than its trace.
    }
  }

  // Sends what waits, and a sign of life without any. The promise is always kept.
  async flush(isAlive) {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isSending) return;
    this.isSending = true;
    try {
      do {
        const items = this.queue.splice(0).filter(([span, mark]) => mark !== 'o' || this.open.has(span.spanContext().spanId));
        const part = this.file.beginNext();
        let isSent = items.length > 0 || !isAlive || (await this.post([], false));
        for (const mark of ['o', '-', '+']) {
          for (const texts of bodies(items.filter((item) => item[1] === mark))) {
            isSent = (await this.post(texts, mark === '+')) && isSent;
          }
        }
        if (isSent) this.file.forget(part);
        else if (!this.file.keep(part)) this.dropped += items.filter(([, mark]) => mark !== 'o').length;
      } while (this.queue.length);
    } catch (_) {
    } finally {
      this.isSending = false;
    }
  }

  // Resolves to whether the receiver answered.
  post(texts, isForwarded) {
    const body = Buffer.from(`{"resourceSpans":[${texts.join(',')}]}`);
    const headers = Object.assign({ 'content-length': body.length }, this.headers, isForwarded && { 'agno-top-forward': 'yes' });
    return new Promise((resolve) => {
      const request = require('http').request(this.url, { method: 'POST', headers, agent: this.agent, timeout: TIMEOUT }, (response) => {
        if (response.statusCode !== 200) say(`spans were refused: ${response.statusCode}`);
        response.on('end', () => resolve(true)).on('error', () => resolve(false)).resume();
      });
      // Between requests, the connection keeps no program alive.
      request.on('timeout', () => request.destroy()).on('error', () => resolve(false)).end(body);
    });
  }
}

function* bodies(items) {
  let texts = [];
  let size = 0;
  for (const [item, mark] of items) {
    const text = mark === 'o' ? JSON.stringify(resourceSpans(item, false)) : item;
    texts.push(text);
    size += text.length;
    if (size >= MAX_BODY) {
      yield texts;
      [texts, size] = [[], 0];
    }
  }
  if (texts.length) yield texts;
}

// The spans that start and end until the next request, in a file that agno-top reads after the program's end. A request that fails leaves its file.
class Unsent {
  constructor(folder, process) {
    this.path = folder && require('path').join(folder, process);
    this.fs = require('fs');
    this.number = 0;
    this.file = undefined;
    this.size = 0;
    this.left = 256 << 20;
  }

  add(line) {
    try {
      if (!this.path) return;
      if (this.file === undefined) this.file = this.fs.openSync(`${this.path}-${this.number}`, 'ax', 0o600);
      this.size += this.fs.writeSync(this.file, line);
    } catch (_) {
      // Without it, spans are only lost by an end that sends nothing.
    }
  }

  beginNext() {
    if (this.file === undefined) return undefined;
    this.fs.closeSync(this.file);
    const part = [`${this.path}-${this.number}`, this.size];
    [this.file, this.size, this.number] = [undefined, 0, this.number + 1];
    return part;
  }

  forget(part) {
    if (part) this.fs.rmSync(part[0], { force: true });
  }

  // Leaves a file to agno-top. Returns whether there is one, and room for it.
  keep(part) {
    if (!part || part[1] > this.left) {
      this.forget(part);
      return false;
    }
    this.left -= part[1];
    return true;
  }
}

function resourceSpans(span, hasEnded) {
  const scope = span.instrumentationScope || span.instrumentationLibrary || {};
  return {
    resource: { attributes: attributes(span.resource.attributes) },
    scopeSpans: [{ scope: { name: scope.name || '', version: scope.version || '' }, spans: [encode(span, hasEnded)] }],
  };
}

// The span in OTLP's JSON, of version 1 or 2 of the SDK.
function encode(span, hasEnded) {
  const context = span.spanContext();
  const parent = span.parentSpanContext;
  const message = {
    traceId: context.traceId,
    spanId: context.spanId,
    // Bit 8 says that bit 9 is known.
    flags: (context.traceFlags & 0xff) | (parent ? 0x100 | (parent.isRemote ? 0x200 : 0) : 0),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: nanos(span.startTime),
    attributes: attributes(span.attributes),
  };
  const parentId = parent ? parent.spanId : span.parentSpanId;
  if (parentId) message.parentSpanId = parentId;
  if (context.traceState) message.traceState = context.traceState.serialize();
  if (!hasEnded) {
    message.attributes.push({ key: 'agno_top.span.pending', value: { boolValue: true } });
    return message;
  }
  message.endTimeUnixNano = nanos(span.endTime);
  if (span.status.code || span.status.message) message.status = { code: span.status.code, message: span.status.message || '' };
  message.events = span.events.map((event) => ({
    timeUnixNano: nanos(event.time),
    name: event.name,
    attributes: attributes(event.attributes),
  }));
  message.links = span.links.map((link) => ({
    traceId: link.context.traceId,
    spanId: link.context.spanId,
    attributes: attributes(link.attributes),
  }));
  for (const name of ['droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount']) {
    if (span[name]) message[name] = span[name];
  }
  return message;
}

// Seconds and nanoseconds as nanoseconds, which a number can't hold. Old versions of Node can't read the larger ones either.
function nanos([seconds, rest]) {
  return `${Math.trunc(seconds)}${String(Math.trunc(rest)).padStart(9, '0')}`;
}

function attributes(object) {
  return Object.entries(object || {}).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value) {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      if (Number.isSafeInteger(value)) return { intValue: String(value) };
      // JSON has no numbers for these.
      return { doubleValue: Number.isFinite(value) ? value : String(value) };
    case 'bigint':
      return { stringValue: String(value) };
    case 'object':
      if (value === null) return {};
      if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
      if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
      return { kvlistValue: { values: attributes(value) } };
    default:
      return {};
  }
}

try {
  start();
} catch (_) {
  // The program matters more than its trace.
}
