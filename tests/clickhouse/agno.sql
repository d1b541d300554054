CREATE TABLE {database}.agno_spans (span_id String, trace_id String, parent_span_id Nullable(String), name String,
    span_kind LowCardinality(String), status_code LowCardinality(String), status_message Nullable(String),
    start_time DateTime64(6, 'UTC'), end_time DateTime64(6, 'UTC'), duration_ms Int64, attributes String, created_at DateTime64(6, 'UTC'))
    ENGINE = MergeTree PARTITION BY toYYYYMM(start_time) ORDER BY (trace_id, start_time, span_id);
