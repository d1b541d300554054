//! Numbers and text for a person's eye.
