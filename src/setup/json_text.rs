//! Settings in JSON, with comments and commas at the end of lists as many programs allow. A change leaves everything else as it is.

use std::ops::Range;

use serde_json::Value;

use super::Document;

/// The most objects and lists inside one another.
const MAX_DEPTH: usize = 100;

/// A JSON text.
pub(super) struct Json {
    text: String,
    root: Node,
}

/// A value and where it is in the text.
struct Node {
    span: Range<usize>,
    kind: Kind,
}

enum Kind {
    Object {
        members: Vec<(String, Node)>,
        /// Whether a comma follows the last member.
        ends_in_comma: bool,
    },
    List(Vec<Node>),
    Scalar(Value),
}

impl Document for Json {
    fn parse(text: &str) -> Result<Self, String> {
        let text = if text.trim_start_matches('\u{feff}').trim().is_empty() { "{}\n" } else { text };
        let mut parser = Parser { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } };
        let root =
            parser.document().map_err(|error| format!("line {}: {error}", text[..parser.at.min(text.len())].lines().count().max(1)))?;
        if !matches!(root.kind, Kind::Object { .. }) {
            return Err("it is no object".to_owned());
        }
        Ok(Self { text: text.to_owned(), root })
    }

    fn get(&self, path: &[&str]) -> Option<Value> {
        let mut node = &self.root;
        for name in path {
            node = node.member(name)?;
        }
        Some(node.value())
    }

    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String> {
        for depth in 1..path.len() {
            if self.node(&path[..depth]).is_none() {
                self.put(&path[..depth], "{}")?;
            }
        }
        self.put(path, &value.to_string())
    }

    fn into_text(self) -> String {
        self.text
    }
}

impl Json {
    fn node(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, name| node.member(name))
    }

    /// Writes a value in the place of another, or behind the last member of an object that exists.
    fn put(&mut self, path: &[&str], value: &str) -> Result<(), String> {
        let Some((name, parents)) = path.split_last() else { return Ok(()) };
        let parent = self.node(parents).ok_or("a member is missing")?;
        let Kind::Object { members, ends_in_comma } = &parent.kind else {
            return Err(format!("{} is no object", parents.last().unwrap_or(&"it")));
        };
        let mut text = self.text.clone();
        if let Some(node) = parent.member(name) {
            text.replace_range(node.span.clone(), value);
        } else {
            let member = format!("{}: {value}", Value::from(*name));
            let close = parent.span.end - 1;
            let line = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let indent_of = |at: usize| text[line(at)..at].chars().take_while(|c| matches!(c, ' ' | '\t')).collect::<String>();
            let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
            let is_on_lines = text[parent.span.clone()].contains('\n');
            match members.last() {
                None if text[parent.span.start + 1..close].trim().is_empty() => {
                    let outer = indent_of(parent.span.start);
                    let step = self.indent_step();
                    text.replace_range(parent.span.start + 1..close, &format!("{newline}{outer}{step}{member}{newline}{outer}"));
                }
                Some((_, last)) if !is_on_lines => {
                    let comma = if *ends_in_comma { "" } else { "," };
                    let (at, end) = (last.span.end, text[..close].trim_end().len());
                    text.insert_str(end, &format!(" {member}"));
                    text.insert_str(at, comma);
                }
                last => {
                    let indent = members
                        .first()
                        .map_or_else(|| indent_of(parent.span.start) + &self.indent_step(), |(_, first)| indent_of(self.key_start(first)));
                    // Behind comments that follow the last member.
                    let end = text[..close].trim_end().len();
                    let is_own_line = text[end..close].contains('\n');
                    let after = if is_own_line { String::new() } else { format!("{newline}{}", indent_of(parent.span.start)) };
                    text.insert_str(end, &format!("{newline}{indent}{member}{after}"));
                    if let Some((_, last)) = last.filter(|_| !ends_in_comma) {
                        text.insert(last.span.end, ',');
                    }
                }
            }
        }
        *self = Self::parse(&text)?;
        Ok(())
    }

    /// Returns where the key of a member begins.
    fn key_start(&self, value: &Node) -> usize {
        let line = self.text[..value.span.start].rfind('\n').map_or(0, |newline| newline + 1);
        line + self.text[line..].len() - self.text[line..].trim_start().len()
    }

    /// Returns what the text indents a level by.
    fn indent_step(&self) -> String {
        let Kind::Object { members, .. } = &self.root.kind else { return "  ".to_owned() };
        let first = members.first().map(|(_, first)| self.key_start(first));
        let line = first.map(|at| &self.text[self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at]);
        line.filter(|indent| !indent.is_empty() && indent.trim().is_empty()).unwrap_or("  ").to_owned()
    }
}

impl Node {
    fn member(&self, name: &str) -> Option<&Self> {
        let Kind::Object { members, .. } = &self.kind else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    fn value(&self) -> Value {
        match &self.kind {
            Kind::Object { members, .. } => Value::Object(members.iter().map(|(name, node)| (name.clone(), node.value())).collect()),
            Kind::List(nodes) => Value::Array(nodes.iter().map(Self::value).collect()),
            Kind::Scalar(value) => value.clone(),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Node, String> {
        let root = self.value(0)?;
        self.skip_blank()?;
        if self.at < self.text.len() { Err("there is more after its end".to_owned()) } else { Ok(root) }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) -> Result<(), String> {
        loop {
            self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
            if self.rest().starts_with("//") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.rest().starts_with("/*") {
                self.at += self.rest().find("*/").ok_or("a comment does not end")? + 2;
            } else {
                return Ok(());
            }
        }
    }

    /// Takes a character, if it is next.
    fn take(&mut self, c: char) -> Result<bool, String> {
        self.skip_blank()?;
        let is_next = self.rest().starts_with(c);
        self.at += if is_next { c.len_utf8() } else { 0 };
        Ok(is_next)
    }

    fn value(&mut self, depth: usize) -> Result<Node, String> {
        self.skip_blank()?;
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        let kind = if self.take('{')? {
            self.object(depth)?
        } else if self.take('[')? {
            self.list(depth)?
        } else {
            Kind::Scalar(self.scalar()?)
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Result<Kind, String> {
        let (mut members, mut ends_in_comma): (Vec<(String, Node)>, bool) = (Vec::new(), false);
        while !self.take('}')? {
            if !members.is_empty() && !ends_in_comma {
                return Err("a comma or } is missing".to_owned());
            }
            let Value::String(name) = self.scalar()? else { return Err("a name is missing".to_owned()) };
            if members.iter().any(|(known, _)| *known == name) {
                return Err(format!("{name:?} is there twice"));
            }
            if !self.take(':')? {
                return Err("a colon is missing".to_owned());
            }
            members.push((name, self.value(depth + 1)?));
            ends_in_comma = self.take(',')?;
        }
        Ok(Kind::Object { members, ends_in_comma })
    }

    fn list(&mut self, depth: usize) -> Result<Kind, String> {
        let (mut nodes, mut ends_in_comma) = (Vec::new(), false);
        while !self.take(']')? {
            if !nodes.is_empty() && !ends_in_comma {
                return Err("a comma or ] is missing".to_owned());
            }
            nodes.push(self.value(depth + 1)?);
            ends_in_comma = self.take(',')?;
        }
        Ok(Kind::List(nodes))
    }

    /// Reads a text, a number, or a word.
    fn scalar(&mut self) -> Result<Value, String> {
        self.skip_blank()?;
        let rest = self.rest();
        let length = if rest.starts_with('"') {
            let mut is_escaped = true;
            let end = rest.find(|c: char| {
                let is_end = c == '"' && !is_escaped;
                is_escaped = c == '\\' && !is_escaped;
                is_end
            });
            end.ok_or("a text does not end")? + 1
        } else {
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).unwrap_or(rest.len())
        };
        let value = serde_json::from_str(&rest[..length]).map_err(|_| "a value is missing or wrong".to_owned())?;
        self.at += length;
        Ok(value)
    }
}
