//! The one place that knows attribute names.
//!
//! [`Picker`] reads the facts that a row shows out of attributes in any order and encoding; [`messages()`], [`input`] and
//! [`output`] read for whoever looks at one span.

mod answer;
mod context;
mod kinds;
mod messages;
mod names;
mod picker;
mod titles;
mod values;

pub use context::agno_context;
pub use messages::{Conversation, Message, ToolCall, conversation, input, messages, output, tool};
pub use picker::Picker;

/// Bytes of a span's input that its row keeps.
pub const PREVIEW: usize = 120;

/// The attributes of a message that went into a model, before and behind its number: its role and its text.
pub const MESSAGE: [(&str, &str); 2] = [("llm.input_messages.", ".message.role"), ("llm.input_messages.", ".message.content")];

/// What [`MESSAGE`] states as the role of the person who asks.
pub const ASKER: &str = "user";

/// The attribute that says what a span does, as OpenInference has it.
pub const SPAN_KIND: &str = "openinference.span.kind";

/// Attributes, also at the end of longer names, whose values are JSON as text, and which some programs keep as what that text says.
pub const JSON_TEXTS: [&str; 4] = ["metadata", "tool.parameters", "llm.prompt_template.variables", "document.metadata"];
/// The attribute and the value by which Agno says that a span is a tool's, and the attribute that holds the tool's arguments.
pub const ARGUMENTS: (&str, &str, &str) = ("openinference.span.kind", "TOOL", "input.value");

/// Every attribute that [`Picker`] looks at, but for [`MESSAGE`]: what a database needs to hand out for a row.
pub fn row_attributes() -> impl Iterator<Item = &'static str> {
    names::all()
}

/// The beginning of a text, for a row: blanks, tabs and line ends folded into single blanks, at most `bytes` long.
pub fn beginning(chars: impl Iterator<Item = char>, bytes: usize) -> impl Iterator<Item = char> {
    let mut chars = chars.skip_while(|char| char.is_whitespace()).peekable();
    let mut left = bytes;
    std::iter::from_fn(move || {
        let mut char = chars.next()?;
        if char.is_whitespace() {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
            chars.peek()?;
            char = ' ';
        }
        left = left.checked_sub(char.len_utf8())?;
        Some(char)
    })
    .fuse()
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_beginning_ends_at_a_character() {
        let short = |text: &str, bytes| beginning(text.chars(), bytes).collect::<String>();
        assert_eq!(short("  two\n\n\t words ", 120), "two words");
        assert_eq!(short("谢谢", 5), "谢");
        assert_eq!(short("a谢b", 2), "a");
        assert_eq!(short(" \n ", 9), "");
    }
}
