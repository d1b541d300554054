//! Reads request bodies within a size limit, a time limit and a memory budget for all connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HeaderMap, HeaderName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::response::Rejection;
use crate::sources::compression::{ContentEncoding, DecompressError, SUPPORTED_ENCODINGS, decompress};

/// How long the rest of a rejected body is read.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a body waits for memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(1);

/// Memory for all incoming bodies in bytes; at least [`MIN_BODIES`] of the largest size fit.
const TOTAL_MEMORY: usize = 64 << 20;
const MIN_BODIES: usize = 4;

/// Bytes per semaphore permit.
const PERMIT_SIZE: usize = 4096;

/// The length of a gRPC frame header: the compression flag and the length of the message.
const FRAME_HEADER: usize = 5;

/// The limits of incoming bodies.
#[derive(Clone, Debug)]
pub(super) struct MemoryBudget {
    /// The largest body in bytes, both compressed and decompressed.
    max_body: usize,
    /// How long a body may take to arrive.
    read_timeout: Duration,
    memory: Arc<Semaphore>,
}

/// Memory reserved for one body until this is dropped.
#[derive(Debug, Default)]
pub(super) struct MemoryPermit(Option<OwnedSemaphorePermit>);

impl MemoryBudget {
    pub(super) fn new(max_body: usize, read_timeout: Duration) -> Self {
        let permits = (TOTAL_MEMORY.max(max_body.saturating_mul(MIN_BODIES)) / PERMIT_SIZE).min(Semaphore::MAX_PERMITS >> 1);
        Self { max_body, read_timeout, memory: Arc::new(Semaphore::new(permits)) }
    }

    /// Grows `permit` to `bytes` in total. Waits up to [`MEMORY_TIMEOUT`].
    async fn reserve(&self, permit: &mut MemoryPermit, bytes: usize) -> Result<(), Rejection> {
        let missing = bytes.div_ceil(PERMIT_SIZE).saturating_sub(permit.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| Rejection::Overloaded)?;
        let acquired = timeout(MEMORY_TIMEOUT, self.memory.clone().acquire_many_owned(missing)).await;
        let acquired = acquired.ok().and_then(Result::ok).ok_or(Rejection::Overloaded)?;
        match &mut permit.0 {
            Some(permit) => permit.merge(acquired),
            empty => *empty = Some(acquired),
        }
        Ok(())
    }

    /// Decompresses a body.
    pub(super) async fn decompress(&self, encoding: ContentEncoding, body: Bytes, permit: &mut MemoryPermit) -> Result<Bytes, Rejection> {
        if encoding != ContentEncoding::Identity {
            self.reserve(permit, body.len() + self.max_body).await?;
        }
        decompress(encoding, body, self.max_body).map_err(|error| match error {
            DecompressError::TooLarge => self.too_large(),
            DecompressError::Malformed(_) => Rejection::Malformed(error.to_string()),
        })
    }

    fn too_large(&self) -> Rejection {
        Rejection::TooLarge(format!(
            "the request is larger than {} bytes; send fewer spans per request, or start agno-top with a larger --max-body",
            self.max_body
        ))
    }
}

/// Parses a header that names a compression.
pub(super) fn content_encoding(headers: &HeaderMap, name: &HeaderName) -> Result<ContentEncoding, Rejection> {
    let Some(value) = headers.get(name) else { return Ok(ContentEncoding::Identity) };
    let encoding = value.to_str().ok().and_then(ContentEncoding::parse);
    encoding.ok_or_else(|| Rejection::Unsupported(format!("the {name} must be one of {SUPPORTED_ENCODINGS}")))
}

/// Reads the body of an HTTP request.
pub(super) async fn read_body(body: &mut Incoming, budget: &MemoryBudget) -> Result<(Bytes, MemoryPermit), Rejection> {
    // The Content-Length, or 0 if it is unknown.
    let content_length = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if content_length > budget.max_body {
        return Err(budget.too_large());
    }
    let mut reader = BodyReader::new(body, budget, content_length);
    timeout(budget.read_timeout, async {
        while reader.read_frame(budget.max_body).await? {}
        Ok((reader.take(), reader.permit))
    })
    .await
    .unwrap_or(Err(Rejection::Timeout))
}

/// Reads and discards the rest of a rejected body, within limits. A client that is still sending may otherwise see a reset connection
/// instead of the response, and retry.
pub(super) async fn drain(mut body: Incoming, budget: &MemoryBudget) {
    let limit = budget.max_body.saturating_mul(4);
    let drained = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > limit {
                return;
            }
        }
    };
    let _ = timeout(DRAIN_TIMEOUT, drained).await;
}

/// Reads the only message of a unary gRPC call. Returns whether it is compressed, and its bytes.
///
/// Spec: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
pub(super) async fn read_message(body: &mut Incoming, budget: &MemoryBudget) -> Result<(bool, Bytes, MemoryPermit), Rejection> {
    let mut reader = BodyReader::new(body, budget, FRAME_HEADER);
    timeout(budget.read_timeout, async {
        while reader.len() < FRAME_HEADER && reader.read_frame(FRAME_HEADER).await? {}
        let Some((&[is_compressed, a, b, c, d], _)) = reader.as_slice().split_first_chunk::<FRAME_HEADER>() else {
            return Err(Rejection::Malformed("the call ends before its message".to_owned()));
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > budget.max_body {
            return Err(budget.too_large());
        }
        reader.expected = length + FRAME_HEADER;
        while reader.read_frame(length).await? {}
        if reader.len() != length + FRAME_HEADER {
            return Err(Rejection::Malformed("the call must hold exactly one message".to_owned()));
        }
        Ok((is_compressed != 0, reader.take().slice(FRAME_HEADER..), reader.permit))
    })
    .await
    .unwrap_or(Err(Rejection::Timeout))
}

/// Collects the frames of a body. A body of one frame is not copied.
struct BodyReader<'a> {
    body: &'a mut Incoming,
    budget: &'a MemoryBudget,
    permit: MemoryPermit,
    /// The expected length in bytes.
    expected: usize,
    /// The first frame, while it is the only one.
    first: Bytes,
    /// All frames, from the second one on.
    buffer: Vec<u8>,
}

impl<'a> BodyReader<'a> {
    fn new(body: &'a mut Incoming, budget: &'a MemoryBudget, expected: usize) -> Self {
        Self { body, budget, permit: MemoryPermit::default(), expected, first: Bytes::new(), buffer: Vec::new() }
    }

    fn as_slice(&self) -> &[u8] {
        if self.buffer.is_empty() { &self.first } else { &self.buffer }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn take(&mut self) -> Bytes {
        if self.buffer.is_empty() { std::mem::take(&mut self.first) } else { std::mem::take(&mut self.buffer).into() }
    }

    /// Reads the next frame. Returns `false` at the end of the body.
    async fn read_frame(&mut self, expected: usize) -> Result<bool, Rejection> {
        let Some(frame) = self.body.frame().await else { return Ok(false) };
        let frame = frame.map_err(|error| Rejection::Malformed(format!("the body is incomplete: {error}")))?;
        let Ok(data): Result<Bytes, _> = frame.into_data() else { return Ok(true) };
        if data.is_empty() {
            // HTTP/2 often ends a body with an empty frame. The only frame before it needs no copy.
            return Ok(true);
        }
        let length = self.len() + data.len();
        if length > self.budget.max_body.max(expected) + FRAME_HEADER {
            return Err(self.budget.too_large());
        }
        self.budget.reserve(&mut self.permit, length).await?;
        if length == data.len() {
            self.first = data;
            return Ok(true);
        }
        if self.buffer.is_empty() {
            self.buffer.reserve(self.expected.max(length));
            self.buffer.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.buffer.extend_from_slice(&data);
        Ok(true)
    }
}
