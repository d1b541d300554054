//! Semantic conventions: which attribute states which fact about a span of an agent, a model or a tool.
//!
//! This is the only module that knows attribute keys. It reads the conventions of
//! [OpenInference](https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md), which Agno writes,
//! [OpenTelemetry GenAI](https://opentelemetry.io/docs/specs/semconv/gen-ai/),
//! [OpenLLMetry](https://github.com/traceloop/openllmetry) (`traceloop.*`, `llm.*`), the
//! [Vercel AI SDK](https://ai-sdk.dev/docs/ai-sdk-core/telemetry) (`ai.*`), Langfuse, LangSmith, MLflow, Logfire, Genkit and Google ADK.
//!
//! [`SpanBuilder`] builds a row and [`Extractor`] reads its facts, from attributes in any order. [`conversation`], [`input`] and
//! [`output_of`] read what the screen and exports show of one span. `selection` tells a database which parts of attributes a row needs.

mod argument_hash;
mod attributes;
mod extractor;
mod finish;
mod json_schema;
mod key_table;
mod keys;
mod kinds;
pub mod log_events;
mod messages;
mod parameters;
mod preview;
mod response_usage;
pub(crate) mod selection;
mod span_builder;
mod span_names;
mod stored_events;
mod surroundings;
mod token_names;
mod token_parts;
mod tool_schemas;
mod values;

pub(crate) use attributes::OPEN_KEY;
pub use attributes::{agno_context, inconsistent_total, is_open_span, mark_cut, remove_pending_marker};
pub(crate) use extractor::AGNO_SCOPE;
pub use extractor::Extractor;
pub(crate) use extractor::KnownKey;
pub use finish::{FINISH_WORDS, LENGTH, finish_reason};
pub(crate) use keys::is_key_of;
pub use keys::{JSON_TEXT_KEYS, SPAN_KIND_KEY, row_keys};
pub use messages::{Conversation, Message, ToolCall, conversation, host, input, lacks_first_messages, messages, output_of, tool};
pub use parameters::{PARAMETERS, Parameter, find_parameter, parameter, parameters};
pub use preview::{ERROR_PREVIEW, INPUT_PREVIEW, PREVIEW_WINDOW, beginning, preview};
pub use span_builder::{SpanBuilder, SpanHeader};
pub(crate) use stored_events::{ends_span, is_stored_events, restore_attributes, set_sender, stored_attributes, stored_exception};
pub use surroundings::{attempt, directory, exit_status};
pub use token_parts::{TokenPart, token_part};
pub use tool_schemas::{ToolSchema, tool_schemas};
