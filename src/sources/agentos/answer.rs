//! What AgentOS answers: pages of traces, each with its spans as a tree.
//!
//! Trees are walked without recursion, as deep and as wide as they come within limits.

use std::collections::HashSet;

use crate::model::json::{self, JsonError, Scalar, chars};
use crate::model::{Nanos, SpanId, Status, TraceId, time};

/// How deep spans are read below one another. AgentOS itself fails to answer deeper trees.
const MAX_DEPTH: usize = 512;
/// How many bytes are looked at in a tree, each level anew, and how often each byte is at least: a deep tree that is large, too, ends earlier.
const MAX_LOOKED_AT: usize = 64 << 20;
const MIN_LOOKS: usize = 24;

/// The most reasons that are kept of spans that can't be read.
const MAX_REASONS: usize = 16;

/// The fields that are read.
const FIELDS: [&str; 37] = [
    "agent_id",
    "agno_version",
    "db_id",
    "dbs",
    "description",
    "end_time",
    "error",
    "id",
    "input",
    "input_tokens",
    "metadata",
    "model",
    "name",
    "output",
    "output_tokens",
    "parameters",
    "run_id",
    "session_id",
    "spans",
    "start_time",
    "status",
    "step_type",
    "step_types",
    "steps",
    "steps_count",
    "team_id",
    "tool_name",
    "total_count",
    "total_spans",
    "trace_id",
    "traces",
    "tree",
    "type",
    "user_id",
    "workflow_id",
    "data",
    "meta",
];

/// A page of traces, not decoded.
#[derive(Debug, Default)]
pub(super) struct Page<'a> {
    pub(super) traces: Vec<&'a [u8]>,
    /// The number of traces that the question asked for, on all pages.
    pub(super) total: u64,
}

impl<'a> Page<'a> {
    /// Reads a page. The error says why the text is none.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, JsonError> {
        let object = Object::read(body)?;
        let (Some(Scalar::Other(data)), Some(Scalar::Other(meta))) = (object.get("data"), object.get("meta")) else {
            return Err(JsonError { at: 0, what: "not a page of traces" });
        };
        let mut page = Self::default();
        json::items(data, |item| page.traces.push(item))?;
        page.total = Object::read(meta)?.count("total_count").unwrap_or(page.traces.len() as u64);
        Ok(page)
    }
}

/// The known fields of a JSON object, of which the lists and maps are not decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Object<'a>(Vec<(&'static str, Scalar<'a>)>);

impl<'a> Object<'a> {
    pub(super) fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        let mut fields = Vec::new();
        json::scan(text, |name, value| {
            let field = FIELDS.iter().find(|field| field.as_bytes() == name);
            fields.extend(field.filter(|_| value != Scalar::Other(b"null")).map(|field| (*field, value)));
        })?;
        Ok(Self(fields))
    }

    /// Returns a field that is neither missing nor null.
    pub(super) fn get(&self, name: &str) -> Option<Scalar<'a>> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    /// Returns a field as text; empty if it is missing.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).map(|value| chars(value).collect()).unwrap_or_default()
    }

    pub(super) fn count(&self, name: &str) -> Option<u64> {
        if let Some(Scalar::Int(count)) = self.get(name) { u64::try_from(count).ok() } else { None }
    }

    pub(super) fn time(&self, name: &str) -> Option<Nanos> {
        time::parse(self.text(name).as_bytes())
    }

    pub(super) fn status(&self) -> Status {
        Status::parse(&self.text("status")).unwrap_or_default()
    }
}

/// A trace: what AgentOS states about the whole, and its spans.
#[derive(Clone, Debug)]
pub(super) struct Trace<'a> {
    pub(super) id: TraceId,
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) object: Object<'a>,
    /// The spans, parents first.
    pub(super) nodes: Vec<Node<'a>>,
    /// How many spans in the tree could not be read, and why the first ones could not.
    pub(super) invalid: (u64, Vec<String>),
    /// The spans that AgentOS stores of the trace.
    pub(super) stored: u64,
    /// Whether spans lie deeper in the tree than is read.
    pub(super) is_cut: bool,
}

/// A span in the tree of its trace.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) start: Nanos,
    pub(super) end: Option<Nanos>,
    pub(super) object: Object<'a>,
    pub(super) metadata: Object<'a>,
    /// Whether it is a root as it stands in a tree: then its input, its output and its error are those of the trace, and its times the
    /// trace's.
    pub(super) is_bare: bool,
}

impl<'a> Trace<'a> {
    /// Reads a trace. The error says what is wrong with it.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, String> {
        let object = Object::read(text).map_err(|error| error.to_string())?;
        let id = TraceId::parse(object.text("trace_id").as_bytes()).ok_or("its trace_id is not 32 hex digits")?;
        let start = object.time("start_time").ok_or("its start_time is not a time")?;
        let end = object.time("end_time").ok_or("its end_time is not a time")?;
        let stored = object.count("total_spans").unwrap_or_default();
        let tree = if let Some(Scalar::Other(tree)) = object.get("tree") { tree } else { &[] };
        let mut trace = Self { id, start, end, object, nodes: Vec::new(), invalid: Default::default(), stored, is_cut: false };
        trace.walk(tree);
        Ok(trace)
    }

    fn walk(&mut self, tree: &'a [u8]) {
        let mut seen = HashSet::new();
        let mut room = MAX_LOOKED_AT.max(tree.len().saturating_mul(MIN_LOOKS));
        // Lists of spans, the next one last.
        let mut open = vec![(tree, None, 0)];
        while let Some((spans, parent, depth)) = open.pop() {
            if spans.is_empty() {
                continue;
            }
            if depth > MAX_DEPTH || spans.len() > room {
                self.is_cut = true;
                continue;
            }
            room -= spans.len();
            let mut items = Vec::new();
            if json::items(spans, |item| items.push(item)).is_err() {
                self.refuse("a list of spans is not one".to_owned());
            }
            for item in items {
                match Node::read(item, parent, depth == 0) {
                    Ok((node, below)) => {
                        let id = node.id;
                        if !seen.insert(id) {
                            continue;
                        }
                        self.nodes.push(node);
                        open.extend(below.map(|below| (below, Some(id), depth + 1)));
                    }
                    Err(reason) => self.refuse(reason),
                }
            }
        }
    }

    /// The number of spans that are told, or 1 for the row that stands for them.
    pub(super) fn spans(&self) -> u64 {
        self.nodes.len().max(1) as u64
    }

    fn refuse(&mut self, reason: String) {
        self.invalid.0 += 1;
        if self.invalid.1.len() < MAX_REASONS {
            self.invalid.1.push(reason);
        }
    }

    /// The number of spans that AgentOS stores, but that were not found in the tree.
    pub(super) fn missing(&self) -> u64 {
        self.stored.saturating_sub(self.nodes.len() as u64).saturating_sub(self.invalid.0)
    }

    /// Says which spans were not found in the tree; `None` if all were.
    pub(super) fn gap(&self) -> Option<String> {
        let (missing, stored) = (self.missing(), self.stored);
        match (self.is_cut, missing) {
            (false, 0) => None,
            (false, _) => Some(format!("AgentOS stores {stored} spans of it and leaves {missing} out of the tree")),
            (true, 0) => Some("its spans that are nested deeper than is read are left out".to_owned()),
            // What lies that deep is not counted.
            (true, _) => {
                Some(format!("{missing} of the {stored} spans that AgentOS stores are nested deeper than is read, or left out of the tree"))
            }
        }
    }

    /// Whether the trace is nothing but a request for traces, as agno-top and AgentOS's own page make them.
    pub(super) fn is_request_for_traces(&self) -> bool {
        let is_plain = |node: &Node<'_>| node.object.text("type") == "UNKNOWN";
        let [root, below @ ..] = self.nodes.as_slice() else { return false };
        let name = root.object.text("name");
        let path = name.split_once(' ').filter(|(method, _)| ["GET", "POST", "HEAD", "OPTIONS"].contains(method)).map(|(_, path)| path);
        let is_request = path.is_some_and(|path| path == "/traces" || path.starts_with("/traces/") || ["/info", "/config"].contains(&path));
        is_request && is_plain(root) && below.iter().all(|node| is_plain(node) && node.object.text("name").starts_with("fastapi."))
    }

    /// Returns the roots about which the tree does not tell what the database does: what stands for a root is the trace's, which may come from
    /// other spans.
    pub(super) fn unclear_roots(&self) -> Vec<SpanId> {
        let roots: Vec<&Node<'_>> = self.nodes.iter().filter(|node| node.is_bare).collect();
        let others = || self.nodes.iter().filter(|node| !node.is_bare);
        let is_alone = roots.len() == 1 && self.missing() == 0 && self.invalid.0 == 0;
        let has_own_times = || !others().any(|node| node.start <= self.start || node.end.is_none_or(|end| end >= self.end));
        let is_clear = |root: &Node<'_>| {
            let kind = root.object.text("type");
            let is_told = match kind.as_str() {
                "UNKNOWN" => true,
                "AGENT" | "TEAM" => self.object.get("run_id").is_some(),
                // AgentOS fills its output with that of the last step.
                "WORKFLOW" => !others().any(|node| node.parent == Some(root.id) && node.object.get("output") == self.object.get("output")),
                _ => false,
            };
            is_told && (self.object.status() != Status::Error || root.object.status() == Status::Error)
        };
        if is_alone && has_own_times() && roots.iter().all(|root| is_clear(root)) {
            return Vec::new();
        }
        roots.iter().map(|root| root.id).collect()
    }

    /// Returns the trace with roots as AgentOS tells them alone.
    pub(super) fn with_own<'b>(self, own: &'b [(SpanId, Vec<u8>)]) -> Trace<'b>
    where
        'a: 'b,
    {
        let mut trace: Trace<'b> = self;
        for (id, text) in own {
            if let Ok((node, _)) = Node::read(text, None, false)
                && node.id == *id
                && let Some(root) = trace.nodes.iter_mut().find(|node| node.id == *id)
            {
                *root = node;
            }
        }
        trace
    }
}

impl<'a> Node<'a> {
    /// Reads a span, and the list of the spans below it.
    fn read(text: &'a [u8], parent: Option<SpanId>, is_bare: bool) -> Result<(Self, Option<&'a [u8]>), String> {
        let object = Object::read(text).map_err(|error| format!("a span is not valid JSON: {error}"))?;
        let id = SpanId::parse(object.text("id").as_bytes()).ok_or("the id of a span is not 16 hex digits")?;
        let start = object.time("start_time").ok_or_else(|| format!("the start_time of {id} is not a time"))?;
        let end = object.time("end_time");
        let metadata = match object.get("metadata") {
            Some(Scalar::Other(map)) => Object::read(map).unwrap_or_default(),
            _ => Object::default(),
        };
        let below = if let Some(Scalar::Other(below)) = object.get("spans") { Some(below) } else { None };
        Ok((Self { id, parent, start, end, object, metadata, is_bare }, below))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
