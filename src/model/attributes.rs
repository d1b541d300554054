//! Attributes as a span bears them: a name and a typed value.

/// A name and its value.
pub type Attribute = (String, Value);

/// An attribute's value, in OTLP's types.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, as it came: not yet safe for a terminal.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// Names and values, in order.
    Map(Vec<Attribute>),
}
