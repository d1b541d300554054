//! Messages of a client, one a line. The library's own transport takes on as much as a client sends; this one keeps it within bounds.

use std::future::Future;
use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, GetExtensions, JsonRpcError, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, Semaphore, watch};

/// The most requests of a client that are worked on at a time. It may send more, which are read when there is a place.
const PLACES: u32 = 64;

/// Reads requests, and writes answers.
pub(super) struct Lines<R, W> {
    input: BufReader<R>,
    /// What was read of a line: at most one byte more than a message may have.
    line: Vec<u8>,
    /// The most bytes of a message.
    most: usize,
    output: Arc<Mutex<W>>,
    /// A place is taken by each request until it is answered or cancelled. Closed when the client takes no answers.
    places: Arc<Semaphore>,
    /// Dropped when the client says nothing more.
    is_open: Option<watch::Sender<()>>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Lines<R, W> {
    /// Returns the transport, and what changes when the client says nothing more.
    pub(super) fn new(input: R, output: W, most: usize) -> (Self, watch::Receiver<()>) {
        let (is_open, end) = watch::channel(());
        let (input, output) = (BufReader::new(input), Arc::new(Mutex::new(output)));
        let places = Arc::new(Semaphore::new(PLACES as usize));
        (Self { input, line: Vec::new(), most, output, places, is_open: Some(is_open) }, end)
    }

    /// Reads a line; an empty one is the end. Of one that is too long the rest is skipped. Cancel safe.
    async fn read_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let read = self.input.fill_buf().await?;
            let end = memchr::memchr(b'\n', read);
            let (count, is_end) = (end.map_or(read.len(), |at| at + 1), end.is_some() || read.is_empty());
            let room = (self.most + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&read[..count.min(room)]);
            self.input.consume(count);
            if is_end {
                return Ok(std::mem::take(&mut self.line));
            }
        }
    }

    /// Parses a line. The error is the answer.
    fn parse(&self, line: &[u8]) -> Result<ClientJsonRpcMessage, Box<JsonRpcError>> {
        let error = |id, error| Box::new(JsonRpcError::new(id, error));
        if line.len() > self.most {
            let reason = format!("a message is longer than {} bytes", self.most);
            return Err(error(None, ErrorData::invalid_request(reason, None)));
        }
        serde_json::from_slice(line).map_err(|wrong| {
            if !wrong.is_data() {
                return error(None, ErrorData::parse_error("a line is no JSON", None));
            }
            let id = serde_json::from_slice(line).ok().map(|Identified { id }| id);
            let reason = "a message is one JSON-RPC 2.0 object, whose id is a string or a whole number";
            error(id, ErrorData::invalid_request(reason, None))
        })
    }
}

/// What has an id, whatever else it may be.
#[derive(Deserialize)]
struct Identified {
    id: RequestId,
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (output, places) = (self.output.clone(), self.places.clone());
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut output = output.lock().await;
            let written = match output.write_all(&line).await {
                Ok(()) => output.flush().await,
                error => error,
            };
            if written.is_err() {
                places.close();
            }
            written
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            // Long lines take time to parse: the screen and other clients have their turn between two.
            tokio::task::yield_now().await;
            let place = self.places.clone().acquire_owned().await.ok()?;
            // Nothing is read while answers wait for the client to take them.
            drop(self.output.lock().await);
            let line = self.read_line().await.unwrap_or_default();
            if line.is_empty() {
                self.is_open = None;
                drop(place);
                // What was asked before is still answered.
                let _ = self.places.acquire_many(PLACES).await;
                return None;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match self.parse(&line) {
                Ok(mut message) => {
                    if let JsonRpcMessage::Request(request) = &mut message {
                        // It is dropped with the request.
                        request.request.extensions_mut().insert(Arc::new(place));
                    }
                    return Some(message);
                }
                Err(answer) => {
                    let answered = self.send(JsonRpcMessage::Error(*answer));
                    tokio::spawn(async move { (answered.await, place) });
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;
    use tokio::sync::mpsc::channel;

    use super::super::server;
    use super::*;

    fn run(future: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    }

    /// A client that begins a session, and then asks without an end.
    struct Flood {
        request: &'static str,
        sent: Arc<AtomicUsize>,
    }

    impl AsyncRead for Flood {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let count = self.sent.fetch_add(1, Ordering::Relaxed);
            let begin = "\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"a\",\"version\":\"1\"}}";
            let request = if count == 0 { begin } else { self.request };
            buffer.put_slice(format!("{{\"jsonrpc\":\"2.0\",\"id\":{count},\"method\":{request}}}\n").as_bytes());
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn of_a_client_that_floods_only_so_much_is_read_as_is_answered_and_taken() {
        for request in ["\"ping\"", "5", "\"tools/list\"", "\"tools/call\",\"params\":{\"name\":\"find_traces\"}"] {
            run(async {
                let sent = Arc::<AtomicUsize>::default();
                let (output, mut answers) = tokio::io::duplex(1024);
                let (sender, mut questions) = channel(16);
                tokio::spawn(server::serve(Flood { request, sent: sent.clone() }, output, 1000, sender));
                let pass = async || {
                    for _ in 0..500 {
                        tokio::task::yield_now().await;
                    }
                    sent.load(Ordering::Relaxed)
                };
                // Neither answers are taken, nor calls.
                let read = pass().await;
                assert!(read < 300 && pass().await == read, "{request}: {read}");
                tokio::spawn(async move {
                    while let Some(server::Question { reply, .. }) = questions.recv().await {
                        reply.send(Ok("x".repeat(500)));
                    }
                });
                let read = pass().await;
                assert!(read < 300 && pass().await == read, "{request}: {read}");
                tokio::spawn(async move { tokio::io::copy(&mut answers, &mut tokio::io::sink()).await });
                assert!(pass().await > read, "{request}");
            });
        }
    }

    #[test]
    fn a_line_is_read_up_to_a_size_and_the_next_one_after_it() {
        run(async {
            let text = format!("{}\n{}\n{}\nb", "a".repeat(9), "a".repeat(10), "a".repeat(50_000));
            let (mut lines, _) = Lines::new(text.as_bytes(), tokio::io::sink(), 10);
            for length in [10, 11, 11, 1, 0] {
                assert_eq!(lines.read_line().await.unwrap().len(), length);
            }
        });
    }

    #[test]
    fn a_client_that_takes_no_answers_is_left() {
        run(async {
            let (output, answers) = tokio::io::duplex(1024);
            drop(answers);
            let (sender, _questions) = channel(16);
            let flood = Flood { request: "\"ping\"", sent: Arc::default() };
            assert!(!server::serve(flood, output, 1000, sender).await);
        });
    }
}
