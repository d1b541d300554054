//! Bodies as they arrive in pieces: bounded each, and all together.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::response::Rejection;

/// How long a body is read that was refused.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a body waits for others to make room for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bodies on their way in may occupy this much in all, or four times the largest one if that is more.
const UNDER_WAY: usize = 64 << 20;

/// Memory is counted in pieces of this many bytes.
const PIECE: usize = 4096;

/// What bounds bodies.
#[derive(Clone, Debug)]
pub(super) struct MemoryBudget {
    /// The largest body, in bytes, before it is inflated and after.
    pub(super) largest: usize,
    /// How long a body may take to arrive whole.
    whole: Duration,
    memory: Arc<Semaphore>,
}

/// Memory that a body on its way may use, until this is dropped.
#[derive(Debug)]
pub(super) struct MemoryPermit(Option<OwnedSemaphorePermit>);

impl MemoryBudget {
    pub(super) fn new(largest: usize, whole: Duration) -> Self {
        let pieces = (UNDER_WAY.max(largest.saturating_mul(4)) / PIECE).min(Semaphore::MAX_PERMITS >> 1);
        Self { largest, whole, memory: Arc::new(Semaphore::new(pieces)) }
    }

    /// Widens what `hold` may use to `bytes` in all.
    pub(super) async fn widen(&self, hold: &mut MemoryPermit, bytes: usize) -> Result<(), Rejection> {
        let wanted = bytes.div_ceil(PIECE);
        let more = wanted.saturating_sub(hold.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Rejection::Busy)?;
        let permit = match self.memory.clone().try_acquire_many_owned(more) {
            Ok(permit) => permit,
            Err(_) => match timeout(PATIENCE, self.memory.clone().acquire_many_owned(more)).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => return Err(Rejection::Busy),
            },
        };
        match &mut hold.0 {
            Some(before) => before.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    pub(super) fn too_large(&self) -> Rejection {
        Rejection::TooLarge(format!(
            "the request is larger than {} bytes; send fewer spans in one, or start agno-top with a larger --max-body",
            self.largest
        ))
    }
}

/// Reads a body of an HTTP request whole. `declared` is its length where the sender says it.
pub(super) async fn whole(body: &mut Incoming, declared: Option<u64>, budget: &MemoryBudget) -> Result<(Bytes, MemoryPermit), Rejection> {
    let declared = declared.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if declared > budget.largest {
        return Err(budget.too_large());
    }
    let mut pieces = BodyReader::new(body, budget, declared);
    timeout(budget.whole, async {
        while pieces.next(budget.largest).await? {}
        Ok((pieces.bytes(), pieces.hold))
    })
    .await
    .unwrap_or(Err(Rejection::Slow))
}

/// Reads on and throws away, within limits: who is refused in the middle of sending may otherwise see a broken connection instead of
/// the answer, and try again.
pub(super) async fn drain(mut body: Incoming, budget: &MemoryBudget) {
    let most = budget.largest.saturating_mul(4);
    let drained = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > most {
                return;
            }
        }
    };
    let _ = timeout(DRAIN, drained).await;
}

/// Reads the one message of a gRPC call, and whether it is compressed:
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
pub(super) async fn message(body: &mut Incoming, budget: &MemoryBudget) -> Result<(bool, Bytes, MemoryPermit), Rejection> {
    const PREFIX: usize = 5;
    let mut pieces = BodyReader::new(body, budget, PREFIX);
    timeout(budget.whole, async {
        while pieces.len() < PREFIX && pieces.next(PREFIX).await? {}
        let Some((&[compressed, a, b, c, d], _)) = pieces.beginning().split_first_chunk::<PREFIX>() else {
            return Err(Rejection::Malformed("the call ends before its message".to_owned()));
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > budget.largest {
            return Err(budget.too_large());
        }
        pieces.expected = length + PREFIX;
        while pieces.next(length).await? {}
        if pieces.len() != length + PREFIX {
            return Err(Rejection::Malformed("the call holds less or more than one message".to_owned()));
        }
        Ok((compressed != 0, pieces.bytes().slice(PREFIX..), pieces.hold))
    })
    .await
    .unwrap_or(Err(Rejection::Slow))
}

struct BodyReader<'a> {
    body: &'a mut Incoming,
    budget: &'a MemoryBudget,
    hold: MemoryPermit,
    /// Bytes that are expected in all.
    expected: usize,
    /// The only piece so far: mostly the whole, which then need not be copied.
    first: Bytes,
    /// All pieces, as soon as there are two.
    all: Vec<u8>,
}

impl<'a> BodyReader<'a> {
    fn new(body: &'a mut Incoming, budget: &'a MemoryBudget, expected: usize) -> Self {
        Self { body, budget, hold: MemoryPermit(None), expected, first: Bytes::new(), all: Vec::new() }
    }

    fn beginning(&self) -> &[u8] {
        if self.all.is_empty() { &self.first } else { &self.all }
    }

    fn len(&self) -> usize {
        self.beginning().len()
    }

    /// What came, which is taken away.
    fn bytes(&mut self) -> Bytes {
        if self.all.is_empty() { std::mem::take(&mut self.first) } else { std::mem::take(&mut self.all).into() }
    }

    /// Appends the next piece. `false` at the end.
    async fn next(&mut self, expected: usize) -> Result<bool, Rejection> {
        let Some(frame) = poll_fn(|context| Pin::new(&mut *self.body).poll_frame(context)).await else { return Ok(false) };
        let frame = frame.map_err(|error| Rejection::Malformed(format!("the body breaks off: {error}")))?;
        let Ok(piece): Result<Bytes, _> = frame.into_data() else { return Ok(true) };
        if piece.is_empty() {
            // The end, as HTTP/2 often tells it: nothing to copy what came before for.
            return Ok(true);
        }
        let length = self.len() + piece.len();
        if length > self.budget.largest.max(expected) + 5 {
            return Err(self.budget.too_large());
        }
        self.budget.widen(&mut self.hold, length).await?;
        if length == piece.len() {
            self.first = piece;
            return Ok(true);
        }
        if self.all.is_empty() {
            self.all.reserve(self.expected.max(length));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&piece);
        Ok(true)
    }
}
