"""Prints what Agno itself reads from a database: read_traces.py FILE."""
import sys

from agno.db.sqlite import SqliteDb

db = SqliteDb(db_file=sys.argv[1])
traces, count = db.get_traces(limit=100)
spans = [span for trace in traces for span in db.get_spans(trace_id=trace.trace_id)]
print(count, sum(trace.total_spans for trace in traces), len(spans), sum(trace.error_count for trace in traces))
for trace in sorted(traces, key=lambda trace: trace.start_time):
    print(trace.name, trace.session_id or "-", round(trace.duration_ms))
