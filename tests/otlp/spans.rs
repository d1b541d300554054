//! What becomes of spans.
