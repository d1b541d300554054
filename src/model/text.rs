//! References to texts in the buffer of a batch.

/// A text in the buffer of a [`Batch`](super::Batch); read it with [`Batch::text`](super::Batch::text). The default is the empty text, which
/// means "not stated".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub(super) start: u32,
    pub(super) len: u32,
}
