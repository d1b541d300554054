//! The one place that knows attribute names.
//!
//! [`Picker`] reads the facts that a row shows out of attributes in any order and encoding; [`messages()`], [`input`] and
//! [`output`] read for whoever looks at one span.

mod argument_hash;
mod context;
mod extractor;
mod kinds;
mod messages;
mod names;
mod response_usage;
mod span_builder;
mod span_names;
mod values;

pub use context::agno_context;
pub use extractor::Extractor;
pub(crate) use extractor::KnownKey;
pub use messages::{Conversation, Message, ToolCall, conversation, input, messages, output, tool};
pub use span_builder::{SpanBuilder, SpanHeader};

use crate::model::json::{self, Scalar};
use crate::model::{Attribute, Batch, Text, Value};
use names::Field;

/// The most bytes of a span's input that its row keeps.
pub const INPUT_PREVIEW: usize = 120;

/// The most bytes of a span's error text that its row keeps, whatever the source.
pub const ERROR_PREVIEW: usize = 240;

/// The attributes of a message that went into a model, before and behind its number: its role and its text.
pub const MESSAGE: [(&str, &str); 2] = [("llm.input_messages.", ".message.role"), ("llm.input_messages.", ".message.content")];

/// What [`MESSAGE`] states as the role of the person who asks.
pub const ASKER: &str = "user";

/// What an attribute says of a record that stands for a span that runs.
const PENDING: &str = "pending_span";

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

/// How many tokens a span states in all; `None` also where that is the sum of those that it states in and out: a provider that counts
/// cached tokens or thoughts apart leaves them out of its total, too.
#[must_use]
pub fn odd_total(attributes: &[Attribute]) -> Option<u64> {
    let count = |field| {
        names::of(field).iter().find_map(|name| {
            let (_, value) = attributes.iter().rfind(|(other, _)| other == name)?;
            values::scalar(value).and_then(values::count).map(u64::from)
        })
    };
    let parts = count(Field::Prompt).zip(count(Field::Completion));
    count(Field::Total).filter(|total| parts.is_none_or(|(input, output)| input + output != *total))
}

/// Takes away what makes a record stand for another span, which is its parent and runs: with the running span's own id it would say that of
/// that one's parent.
pub fn forget_pending(attributes: &mut Vec<Attribute>) {
    let names = [Field::RecordType, Field::PendingParent].map(names::of).concat();
    let is_pending = |(name, value): &Attribute| names.contains(&name.as_str()) && matches!(value, Value::Text(text) if text == PENDING);
    if attributes.iter().any(is_pending) {
        attributes.retain(|(name, _)| !names.contains(&name.as_str()));
    }
}

/// Copies the first `N` bytes of a text, as [`beginning`] gives them, into the batch.
pub fn preview<const N: usize>(text: Scalar<'_>, batch: &mut Batch) -> Text {
    match plain_beginning(text, &mut [0; N]) {
        Some(plain) => batch.intern(plain),
        None => batch.intern_chars(beginning(json::chars(text), N)),
    }
}

/// The [`beginning`] of a text of ASCII, which takes a tenth of the time; `None` for another one. Written into `out` where it does not lie
/// in the text as it is.
fn plain_beginning<'a, const N: usize>(text: Scalar<'a>, out: &'a mut [u8; N]) -> Option<&'a str> {
    let (mut rest, escapes) = match text {
        Scalar::Text(raw) => (raw, false),
        Scalar::Escaped(raw) => (raw, true),
        _ => return None,
    };
    let head = &rest[..rest.len().min(N)];
    if is_folded(head, escapes) {
        return std::str::from_utf8(head).ok();
    }
    let (mut length, mut blank) = (0, false);
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (first, after) {
            (b'\\', [letter, after @ ..]) if escapes => {
                rest = after;
                match letter {
                    b'n' | b't' | b'r' => b'\n',
                    b'"' | b'\\' | b'/' => *letter,
                    _ => return None,
                }
            }
            (b'\\', []) if escapes => return None,
            (first, _) => *first,
        };
        match byte {
            b' ' | b'\t'..=b'\r' => blank = length > 0,
            b'!'..=b'~' => {
                if std::mem::take(&mut blank) && length < N {
                    out[length] = b' ';
                    length += 1;
                }
                let Some(place) = out.get_mut(length) else { break };
                *place = byte;
                length += 1;
            }
            _ => return None,
        }
    }
    std::str::from_utf8(&out[..length]).ok()
}

/// Whether folding would leave a text as it lies. Looks at all of it, since so the compiler looks at many bytes at once.
fn is_folded(text: &[u8], escapes: bool) -> bool {
    let ([b'!'..=b'~', after @ ..], [.., b'!'..=b'~']) = (text, text) else { return false };
    // Where nothing is escaped, a byte that is no text anyway stands in for the backslash.
    let escape = if escapes { b'\\' } else { 0 };
    let is_odd = |byte: u8| u8::from(!matches!(byte, b' '..=b'~')) | u8::from(byte == escape);
    let odd = text.iter().fold(0, |odd, byte| odd | is_odd(*byte));
    let blanks = text.iter().zip(after).fold(0, |blanks, (left, right)| blanks | u8::from(*left == b' ') & u8::from(*right == b' '));
    odd | blanks == 0
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
    use super::{INPUT_PREVIEW, beginning, forget_pending, odd_total, plain_beginning};
    use crate::model::Value;
    use crate::model::json::{Scalar, chars};

    #[test]
    fn a_beginning_ends_at_a_character() {
        let short = |text: &str, bytes| beginning(text.chars(), bytes).collect::<String>();
        assert_eq!(short("  two\n\n\t words ", 120), "two words");
        assert_eq!(short("谢谢", 5), "谢");
        assert_eq!(short("a谢b", 2), "a");
        assert_eq!(short(" \n ", 9), "");
    }

    #[test]
    fn a_record_that_stands_for_another_is_that_one_once_it_bears_its_id() {
        let attribute = |name: &str, value: &str| (name.to_owned(), Value::Text(value.to_owned()));
        let (kind, parent, other) =
            (|kind| attribute("logfire.span_type", kind), attribute("logfire.pending_parent_id", "0"), attribute("a", "pending_span"));
        let mut pending = vec![other.clone(), kind("pending_span"), parent.clone()];
        forget_pending(&mut pending);
        assert_eq!(pending, [other]);
        let mut ended = vec![kind("span"), parent];
        forget_pending(&mut ended);
        assert_eq!(ended.len(), 2);
    }

    #[test]
    fn a_total_is_odd_that_is_not_the_sum_of_what_stands_beside_it() {
        let text = |text: &str| Value::Text(text.to_owned());
        let openinference = ["llm.token_count.total", "llm.token_count.prompt", "llm.token_count.completion"];
        let genai = ["gen_ai.usage.total_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
        let sdk = ["ai.usage.totalTokens", "ai.usage.promptTokens", "ai.usage.completionTokens"];
        for (names, [total, input, output], odd) in [
            (openinference, [Value::Int(150), Value::Int(100), Value::Int(50)], None),
            (openinference, [Value::Int(200), Value::Int(100), Value::Int(50)], Some(200)),
            (genai, [Value::Float(150.0), text("100"), Value::Int(50)], None),
            (genai, [text(" 200.0 "), Value::Float(100.0), text("50")], Some(200)),
            (sdk, [Value::Int(0), Value::Int(100), Value::Int(50)], Some(0)),
            (sdk, [Value::Int(200), Value::Null, Value::Int(50)], Some(200)),
            (sdk, [Value::Int(-200), Value::Int(100), Value::Int(50)], None),
            (sdk, [text("many"), Value::Int(100), Value::Int(50)], None),
            (sdk, [Value::List(vec![Value::Int(200)]), Value::Int(100), Value::Int(50)], None),
        ] {
            let attributes: Vec<_> = names.map(str::to_owned).into_iter().zip([total, input, output]).collect();
            assert_eq!(odd_total(&attributes), odd, "{attributes:?}");
        }
        let both = [("gen_ai.usage.total_tokens".to_owned(), Value::Int(7)), ("llm.token_count.total".to_owned(), Value::Int(8))];
        assert_eq!(odd_total(&both), Some(8), "the name that counts most");
        assert_eq!(odd_total(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn a_plain_beginning_is_the_beginning(text in r#"[ a-c\\\n\u{e9}\u{1}"nu/]{0,6}([ -~]{0,140}|.{0,140})[ \na\\]{0,3}"#) {
            for raw in [Scalar::Text(text.as_bytes()), Scalar::Escaped(text.as_bytes())] {
                if let Some(plain) = plain_beginning(raw, &mut [0; INPUT_PREVIEW]) {
                    proptest::prop_assert_eq!(plain, beginning(chars(raw), INPUT_PREVIEW).collect::<String>());
                }
            }
        }

        #[test]
        fn ascii_is_plain(text in "[ -~\n\t]{0,200}") {
            proptest::prop_assert!(plain_beginning(Scalar::Text(text.as_bytes()), &mut [0; INPUT_PREVIEW]).is_some());
        }
    }
}
