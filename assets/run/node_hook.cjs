// Node loads this module before the program. It traces the program with the OpenTelemetry packages that the program has installed.
//
// Every Node below the program loads it, also an old one and npm: it must be quick, and must not fail.
'use strict';

function start() {
  const endpoint = process.env.AGNO_TOP_RUN_ENDPOINT;
  if (!endpoint || !process.argv[1]) return;
  const fs = require('fs');
  const path = require('path');
  const main = fs.realpathSync(process.argv[1]);
  // Tools, such as npm.
  if (main.split(path.sep).includes('node_modules')) return;
  if (isModule(main)) {
    // Instrumentations see imports only through a loader, and that of many breaks programs.
    return say(`the tracing of ${path.basename(main)} can't be set up from outside, since it imports its modules; what it sets up itself arrives`);
  }
  const from = packages(main);
  const api = from.load('@opentelemetry/api');
  const sdk = from.load('@opentelemetry/sdk-trace-node');
  const exporters = from.load('@opentelemetry/exporter-trace-otlp-proto') || from.load('@opentelemetry/exporter-trace-otlp-http');
  const instrumentations = api && sdk && exporters ? from.instrumentations() : [];
  if (!instrumentations.length) {
    const missing = api && sdk && exporters ? 'instrumentation of a model client' : 'OpenTelemetry';
    return say(`${path.basename(main)} is not traced: it has no ${missing} installed; ${INSTALL}`);
  }
  trace(api, sdk, exporters, from.load('@opentelemetry/context-async-hooks'), instrumentations, endpoint);
}

const INSTALL = 'npm install @opentelemetry/sdk-node @arizeai/openinference-instrumentation-openai, or those of another client';

// Instrumentations of model clients and agents: OpenInference's first, of one client only one.
const PUBLISHERS = [
  ['@arizeai', /^openinference-instrumentation-(.+)$/],
  ['@opentelemetry', /^instrumentation-(openai|anthropic|google-genai|langchain)$/],
  ['@traceloop', /^instrumentation-(.+)$/],
];

// Whether a program is an ECMAScript module: by its name, or as the nearest package says.
function isModule(main) {
  const fs = require('fs');
  const path = require('path');
  if (main.endsWith('.mjs') || main.endsWith('.cjs')) return main.endsWith('.mjs');
  for (let folder = path.dirname(main); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch (_) {}
    if (folder === path.dirname(folder)) return false;
  }
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
  throw new Error(`there is no ${name}`);
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
    try {
      places.push(createRequire(resolveFrom(places, name)));
    } catch (_) {}
  }
  const find = (name) => {
    try {
      return resolveFrom(places, name);
    } catch (_) {
      return undefined;
    }
  };
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
            const module = own(`${publisher}/${name}`);
            const type = Object.entries(module).find(([key, value]) => /Instrumentation$/.test(key) && typeof value === 'function');
            if (type) found.set(client, new type[1]());
          } catch (error) {
            say(`${publisher}/${name} does not load: ${error.message}`);
          }
        }
      }
    }
    return [...found.values()];
  };
  return { load, instrumentations };
}

function trace(api, sdk, exporters, contexts, instrumentations, endpoint) {
  const token = process.env.AGNO_TOP_RUN_TOKEN;
  const headers = Object.assign({ 'agno-top-process': '0', 'agno-top-forward': 'yes' }, token && { authorization: `Bearer ${token}` });
  const exporter = new exporters.OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers });
  const processor = new sdk.BatchSpanProcessor(exporter, { scheduledDelayMillis: 200 });
  // Before version 2 a processor is added later.
  const isOld = typeof sdk.NodeTracerProvider.prototype.addSpanProcessor === 'function';
  const limits = { spanLimits: { attributeCountLimit: 1024 } };
  const provider = new sdk.NodeTracerProvider(isOld ? limits : Object.assign(limits, { spanProcessors: [processor] }));
  if (isOld) provider.addSpanProcessor(processor);
  // Not as the global one, or its delegate: instrumentations that the program makes would be bound to it.
  if (contexts) api.context.setGlobalContextManager(new contexts.AsyncLocalStorageContextManager().enable());
  for (const instrumentation of instrumentations) instrumentation.setTracerProvider(provider);
  const original = api.trace.setGlobalTracerProvider;
  api.trace.setGlobalTracerProvider = function (other) {
    api.trace.setGlobalTracerProvider = original;
    // The program traces itself; its exporter sends to agno-top by the environment.
    for (const instrumentation of instrumentations) instrumentation.disable();
    if (contexts) api.context.disable();
    return original.call(this, other);
  };
  process.once('beforeExit', () => provider.forceFlush().catch(() => {}));
}

try {
  start();
} catch (_) {
  // The program matters more than its trace.
}
