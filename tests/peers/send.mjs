// Sends spans by OpenTelemetry's own JavaScript SDK, as JSON: send.mjs ENDPOINT
import { SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const exporter = new OTLPTraceExporter({ url: process.argv[2] + "/v1/traces" });
const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
const tracer = provider.getTracer("peers", "1.0");
for (let run = 0; run < 20; run++) {
  tracer.startSpan("Shop.run", { attributes: { "openinference.span.kind": "AGENT", "agent.name": "Shop" } }).end();
  const model = tracer.startSpan("OpenAIChat.invoke", { attributes: { "openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini" } });
  model.setAttributes({ "llm.token_count.prompt": 100 + run, "llm.token_count.completion": 7, list: ["a", "b"] });
  model.end();
  const tool = tracer.startSpan("look_up", { attributes: { "openinference.span.kind": "TOOL", "tool.name": "look_up" } });
  tool.recordException(new Error("no such order"));
  tool.setStatus({ code: SpanStatusCode.ERROR, message: "no such order" });
  tool.end();
}
await provider.shutdown();
