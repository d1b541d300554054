//! A stand-in for AgentOS: it answers as a test tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value that a condition of the question compares a column with.
    pub(crate) fn condition(&self, op: &str, key: &str) -> Option<&str> {
        let filter = &self.body["filter"];
        let all = filter["conditions"].as_array().cloned().unwrap_or_else(|| vec![filter.clone()]);
        let found = all.iter().position(|one| one["op"] == op && one["key"] == key)?;
        if filter["conditions"].is_array() { filter["conditions"][found]["value"].as_str() } else { filter["value"].as_str() }
    }
}

/// An answer: its status, its headers and its body; with `cut`, the connection ends before the end of the body. It comes after a while.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) cut: bool,
    pub(crate) after: Duration,
}

impl Told {
    pub(crate) fn json(body: &Value) -> Self {
        Self::text(200, "application/json", &body.to_string())
    }

    pub(crate) fn text(status: u16, media_type: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Self { status, headers, body: body.as_bytes().to_vec(), cut: false, after: Duration::ZERO }
    }

    pub(crate) fn refuse(status: u16, detail: &str) -> Self {
        Self::text(status, "application/json", &json!({"detail": detail}).to_string())
    }
}

type Answer = dyn FnMut(&Asked) -> Told + Send;

/// A server that runs until the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<Box<Answer>>>,
}

impl Server {
    pub(crate) fn start(answer: impl FnMut(&Asked) -> Told + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answer: Arc<Mutex<Box<Answer>>> = Arc::new(Mutex::new(Box::new(answer)));
        let server = Self { url, asked: asked.clone(), answer: answer.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, answer) = (asked.clone(), answer.clone());
                std::thread::spawn(move || {
                    let _ = serve(&stream, &asked, &answer);
                });
            }
        });
        server
    }

    /// Answers otherwise from now on.
    pub(crate) fn set(&self, answer: impl FnMut(&Asked) -> Told + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// Returns what was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, asked: &Mutex<Vec<Asked>>, answer: &Mutex<Box<Answer>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request = Asked { path, headers, body: serde_json::from_slice(&body).unwrap_or_default() };
        asked.lock().unwrap().push(request.clone());
        let told = answer.lock().unwrap()(&request);
        std::thread::sleep(told.after);
        let mut out = stream;
        write!(out, "HTTP/1.1 {} x\r\ncontent-length: {}\r\n", told.status, told.body.len())?;
        for (name, value) in &told.headers {
            write!(out, "{name}: {value}\r\n")?;
        }
        out.write_all(b"\r\n")?;
        if told.cut {
            out.write_all(&told.body[..told.body.len() / 2])?;
            return Ok(());
        }
        out.write_all(&told.body)?;
    }
}

/// Returns a time in the second after a fixed one.
pub(crate) fn second(second: u64) -> String {
    let (minutes, seconds) = (second / 60, second % 60);
    format!("2026-11-30T{:02}:{:02}:{seconds:02}Z", 3 + minutes / 60, minutes % 60)
}

/// Returns a trace of a run with a call of a model, which lasts three seconds.
pub(crate) fn trace(number: u64, start: u64) -> Value {
    let span = |id: u64, name: &str, kind: &str, [start, end]: [u64; 2], below: Value| {
        json!({"id": format!("{:016x}", number * 16 + id), "name": name, "type": kind, "status": "OK", "start_time": second(start),
            "end_time": second(end), "spans": below, "metadata": {"model": "gpt-5-mini", "input_tokens": 3, "output_tokens": 4}})
    };
    let call = span(2, "OpenAIChat.invoke", "LLM", [start + 1, start + 2], Value::Null);
    let run = span(1, "Helper.run", "AGENT", [start, start + 3], json!([call]));
    json!({"trace_id": format!("{number:032x}"), "name": "Helper.run", "status": "OK", "total_spans": 2, "run_id": "r", "input": "needle in a run",
        "start_time": second(start), "end_time": second(start + 3), "tree": [run]})
}

/// Answers as AgentOS does to questions for traces, for single ones and for spans alone.
pub(crate) fn answer(traces: &[Value], asked: &Asked) -> Told {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    if let Some(id) = path.strip_prefix("/traces/").filter(|id| *id != "search") {
        let Some(trace) = traces.iter().find(|trace| trace["trace_id"] == id) else { return Told::refuse(404, "Trace not found") };
        let root = &trace["tree"][0];
        return Told::json(if query.contains("span_id=") { root } else { trace });
    }
    let time = |trace: &Value, key: &str| trace[key].as_str().unwrap().trim_end_matches('Z').to_owned();
    let at = |op: &str, key: &str| asked.condition(op, key).map(|time| time.trim_end_matches("+00:00").to_owned());
    let (since, until, id) = (at("GTE", "end_time"), at("LTE", "start_time"), asked.condition("STARTSWITH", "trace_id"));
    let is_asked = |trace: &&Value| {
        since.as_ref().is_none_or(|since| time(trace, "end_time") >= *since)
            && until.as_ref().is_none_or(|until| time(trace, "start_time") <= *until)
            && id.is_none_or(|id| trace["trace_id"].as_str().unwrap().starts_with(id))
    };
    let mut found: Vec<&Value> = traces.iter().filter(is_asked).collect();
    found.sort_by_key(|trace| std::cmp::Reverse(time(trace, "start_time")));
    let (page, limit) = (asked.body["page"].as_u64().unwrap() as usize, asked.body["limit"].as_u64().unwrap() as usize);
    let total = found.len();
    let data: Vec<&Value> = found.into_iter().skip((page - 1) * limit).take(limit).collect();
    Told::json(&json!({"data": data, "meta": {"page": page, "limit": limit, "total_count": total}}))
}
