CREATE TABLE {database}.otel_traces (Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String), ResourceAttributes {attributes},
    ScopeName String, ScopeVersion String, SpanAttributes {attributes}, Duration UInt64, StatusCode LowCardinality(String), StatusMessage String,
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes {attributes}),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes {attributes}),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1)
    ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp));
