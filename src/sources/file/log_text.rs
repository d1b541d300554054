//! Finds JSON in the output of a program that prints spans between other lines: OpenTelemetry Java's `logging-otlp`, whose lines begin as
//! the logger's do, and Python's `ConsoleSpanExporter`.

/// How a line goes on with a request that a logger wrote.
const REQUESTS: [&str; 2] = ["{\"resource\":", "{\"resourceSpans\":"];

/// Whether bytes are text: letters and blanks, and the escapes of a terminal.
pub(super) fn is_text(begin: &[u8]) -> bool {
    !begin.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0c | 0x0e..=0x1a | 0x1c..0x20 | 0x7f))
}

/// Returns the JSON of a text with as many lines; lines without any are empty.
pub(super) fn json_of(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    // Whether an object is open that began alone on its line.
    let mut is_inside = false;
    for line in text.lines() {
        let request = REQUESTS.iter().find_map(|begin| line.find(begin));
        if is_inside || line.starts_with('{') {
            json.push_str(line);
            is_inside = if is_inside { !line.starts_with('}') } else { line.trim_end() == "{" };
        } else if let Some(at) = request {
            json.push_str(&line[at..]);
        }
        json.push('\n');
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_between_other_lines() {
        let text = "Hello {\n{\n  \"a\": 1\n}\nINFO: {\"resource\":{}}\nbye\n{\"b\": 2}\n}\n";
        assert_eq!(json_of(text), "\n{\n  \"a\": 1\n}\n{\"resource\":{}}\n\n{\"b\": 2}\n\n");
        assert!(is_text("grün\x1b[1m\r\n\t".as_bytes()) && !is_text(b"\x0a\x05") && !is_text(b"a\0"));
    }
}
