//! Names and texts in SQL statements, for SQLite and PostgreSQL.

/// The table of recorded metrics: when each request came, in nanoseconds since 1970, and the request in protobuf.
pub(in crate::sources) const METRICS_TABLE: &str = "agno_top_metrics";

/// The table of recorded log records, in the same form.
pub(in crate::sources) const LOGS_TABLE: &str = "agno_top_logs";

/// Quotes the name of a table, a column or an index.
pub(in crate::sources) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text as a literal.
pub(in crate::sources) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Quotes texts as a literal of PostgreSQL's type `text[]`.
pub(in crate::sources) fn text_array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let literals: Vec<String> = texts.into_iter().map(literal).collect();
    format!("ARRAY[{}]::text[]", literals.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_names_and_texts_are_doubled() {
        assert_eq!(identifier("my \"spans\""), "\"my \"\"spans\"\"\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(text_array(["a", "b'c"]), "ARRAY['a','b''c']::text[]");
    }
}
