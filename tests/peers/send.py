"""Sends spans and logs by OpenTelemetry's own Python SDK: send.py grpc|http ENDPOINT none|gzip."""
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, compression = sys.argv[1:4]
if protocol == "grpc":
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    chosen = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=chosen[compression])
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint + "/v1/traces", compression=Compression(compression))

provider = TracerProvider(resource=Resource.create({"service.name": "peer"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("peers", "1.0")
for run in range(20):
    with tracer.start_as_current_span("Shop.run", attributes={"openinference.span.kind": "AGENT", "agent.name": "Shop"}):
        with tracer.start_as_current_span("OpenAIChat.invoke", attributes={"openinference.span.kind": "LLM", "llm.model_name": "gpt-5-mini"}) as span:
            span.set_attribute("llm.token_count.prompt", 100 + run)
            span.set_attribute("llm.token_count.completion", 7)
            span.set_attribute("list", ["a", "b"])
        try:
            with tracer.start_as_current_span("look_up", attributes={"openinference.span.kind": "TOOL", "tool.name": "look_up"}):
                raise ValueError("no such order")
        except ValueError:
            pass
provider.shutdown()
