CREATE TABLE agno_traces (
	trace_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	start_time VARCHAR NOT NULL, 
	end_time VARCHAR NOT NULL, 
	duration_ms BIGINT NOT NULL, 
	run_id VARCHAR, 
	session_id VARCHAR, 
	user_id VARCHAR, 
	agent_id VARCHAR, 
	team_id VARCHAR, 
	workflow_id VARCHAR, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (trace_id)
);
CREATE TABLE agno_spans (
	span_id VARCHAR NOT NULL, 
	trace_id VARCHAR NOT NULL, 
	parent_span_id VARCHAR, 
	name VARCHAR NOT NULL, 
	span_kind VARCHAR NOT NULL, 
	status_code VARCHAR NOT NULL, 
	status_message VARCHAR, 
	start_time VARCHAR NOT NULL, 
	end_time VARCHAR NOT NULL, 
	duration_ms BIGINT NOT NULL, 
	attributes JSON, 
	created_at VARCHAR NOT NULL, 
	PRIMARY KEY (span_id), 
	FOREIGN KEY(trace_id) REFERENCES agno_traces (trace_id)
);
CREATE INDEX idx_agno_traces_workflow_id ON agno_traces (workflow_id);
CREATE INDEX idx_agno_traces_user_id ON agno_traces (user_id);
CREATE INDEX idx_agno_traces_team_id ON agno_traces (team_id);
CREATE INDEX idx_agno_traces_status ON agno_traces (status);
CREATE INDEX idx_agno_traces_start_time ON agno_traces (start_time);
CREATE INDEX idx_agno_traces_session_id ON agno_traces (session_id);
CREATE INDEX idx_agno_traces_run_id ON agno_traces (run_id);
CREATE INDEX idx_agno_traces_created_at ON agno_traces (created_at);
CREATE INDEX idx_agno_traces_agent_id ON agno_traces (agent_id);
CREATE INDEX idx_agno_spans_trace_id ON agno_spans (trace_id);
CREATE INDEX idx_agno_spans_start_time ON agno_spans (start_time);
CREATE INDEX idx_agno_spans_parent_span_id ON agno_spans (parent_span_id);
CREATE INDEX idx_agno_spans_created_at ON agno_spans (created_at);
