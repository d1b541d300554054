//! The one place that knows attribute names.

/// Bytes of a span's input that its row keeps.
pub const PREVIEW: usize = 120;
