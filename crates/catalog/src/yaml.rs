//! YAML documents as trees that know where each key and value stands.
//!
//! Values are read by the YAML 1.2 core schema: `no`, `on` and dates are text, `1e3` and `0x1F` are numbers.
//! Keys are text and unique. Anchors, aliases, tags and merge keys are refused: a document says what it is.

use std::path::PathBuf;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::diagnostic::{Diagnostic, Place};

/// How deep values may lie in one another. The deepest that a catalog needs is four.
const MAX_DEPTH: usize = 32;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// No value, or `null`.
    Null,
    Bool(bool),
    /// A whole number, as written.
    Integer(String),
    /// A number that is not whole, as written.
    Float(String),
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) documents: Vec<Node>,
    pub(crate) errors: Vec<Diagnostic>,
    /// The texts of the documents that could not be read.
    pub(crate) unread: Vec<String>,
}

impl Node {
    /// The value of a key, where this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text, where this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The place of the value that a path of keys and of indices or names in lists, such as `arms/0/share`, leads to;
    /// where the path ends early, the last place on it.
    pub(crate) fn place_of(&self, path: &str) -> &Place {
        let mut node = self;
        for step in path.split('/') {
            let next = match &node.value {
                Value::Mapping(_) => node.get(step).map(|entry| &entry.value),
                Value::Sequence(items) => match step.parse::<usize>() {
                    Ok(index) => items.get(index),
                    Err(_) => items.iter().find(|item| item.is_named(step)),
                },
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        &node.place
    }

    fn is_named(&self, name: &str) -> bool {
        let own = self.get("name").and_then(|entry| entry.value.text());
        own == Some(name)
    }

    /// What this is, for messages: `the number 5`, `a list`.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the truth value {value}"),
            Value::Integer(text) | Value::Float(text) => format!("the number {text}"),
            Value::Text(text) => format!("the text {}", quote(text)),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// A text in backticks, cut where it is long.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && text.chars().count() <= LONGEST {
        return format!("`{text}`");
    }
    let start: String = line.chars().take(LONGEST).collect();
    format!("`{start}…`")
}

/// Reads all documents of a file. A document with a mistake in its YAML does not hide the others.
pub(crate) fn parse(file: &Arc<PathBuf>, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let places = Places::new(file, text);
    for (start, end) in document_ranges(text) {
        let mut reader = Reader::new(&places, start, end);
        let document = reader.read();
        parsed.errors.append(&mut reader.errors);
        if reader.is_readable {
            parsed.documents.extend(document);
        } else {
            parsed.unread.push(text[start..end].to_owned());
        }
    }
    parsed
}

/// The byte ranges of a text's documents. A line that begins with `---` or `...` in the first column ends a
/// document wherever it stands, even within a block of text (YAML 1.2.2, section 9.1.2).
fn document_ranges(text: &str) -> Vec<(usize, usize)> {
    let is_marker = |line: &str| {
        ["---", "..."].iter().any(|marker| {
            line.strip_prefix(marker)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        })
    };
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if is_marker(line) {
            ranges.push((start, offset));
            start = offset + 3;
        }
        offset += line.len();
    }
    ranges.push((start, text.len()));
    ranges
}

/// Turns byte offsets of a file's text into places.
pub(crate) struct Places<'a> {
    file: &'a Arc<PathBuf>,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(file: &'a Arc<PathBuf>, text: &'a str) -> Self {
        let line_starts = [0]
            .into_iter()
            .chain(text.match_indices('\n').map(|(i, _)| i + 1))
            .collect();
        Self {
            file,
            text,
            line_starts,
        }
    }

    /// The start of the line in which an offset lies, and the line's number from 1.
    fn line(&self, offset: usize) -> (usize, usize) {
        let number = self.line_starts.partition_point(|start| *start <= offset);
        (self.line_starts[number - 1], number)
    }

    /// The first tab that indents the line of an offset or one after it: the parser finds the tab after a text without
    /// quotes at that text's beginning.
    fn tab(&self, offset: usize) -> Option<usize> {
        let (first, _) = self.line(offset);
        self.text[first..]
            .split_inclusive('\n')
            .scan(first, |next, line| {
                let start = *next;
                *next += line.len();
                Some((start, line))
            })
            .find_map(|(start, line)| {
                let spaces = line.len() - line.trim_start_matches(' ').len();
                line[spaces..].starts_with('\t').then_some(start + spaces)
            })
    }

    /// The place from one offset to another, cut at the end of the first line.
    pub(crate) fn place(&self, start: usize, end: usize) -> Place {
        let (line_start, line) = self.line(start);
        let column = self.text[line_start..start].chars().count() + 1;
        let stretch = &self.text[start..end.max(start)];
        let length = stretch.lines().next().unwrap_or_default().trim_end().len();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(self.file),
            line: count(line),
            column: count(column),
            offset: start,
            length,
        }
    }
}

/// A collection that is being read.
struct Open {
    start: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    /// The entries, and the key that waits for its value.
    Mapping(Vec<Entry>, Option<(String, Place)>),
}

/// Reads one document.
struct Reader<'a> {
    places: &'a Places<'a>,
    document: &'a str,
    /// Byte offsets in the file of the document's characters, and of its end.
    offsets: Vec<usize>,
    errors: Vec<Diagnostic>,
    /// Whether what was read is all that the document says.
    is_readable: bool,
}

impl<'a> Reader<'a> {
    fn new(places: &'a Places<'a>, start: usize, end: usize) -> Self {
        let document = &places.text[start..end];
        let offsets = document
            .char_indices()
            .map(|(i, _)| start + i)
            .chain([end])
            .collect();
        Self {
            places,
            document,
            offsets,
            errors: Vec::new(),
            is_readable: true,
        }
    }

    fn offset(&self, marker: Marker) -> usize {
        let last = self.offsets.len() - 1;
        self.offsets[marker.index().min(last)]
    }

    /// The document's value; none where it is empty.
    fn read(&mut self) -> Option<Node> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        let mut parser = Parser::new_from_str(self.document);
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.syntax_error(*error.marker(), error.info());
                    break;
                }
            };
            self.refuse_features(&event, span);
            let node = match event {
                Event::Scalar(text, style, ..) => self.scalar(&text, style, span),
                Event::Alias(_) => Node {
                    place: self.place(span),
                    value: Value::Null,
                },
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    let start = self.offset(span.start);
                    if open.len() == MAX_DEPTH {
                        let place = self.places.place(start, start);
                        let message =
                            format!("values lie more than {MAX_DEPTH} deep in one another");
                        self.give_up(
                            Diagnostic::error("yaml", &place, message)
                                .help("no document needs more than a few levels"),
                        );
                        break;
                    }
                    let items = match event {
                        Event::SequenceStart(..) => Items::Sequence(Vec::new()),
                        _ => Items::Mapping(Vec::new(), None),
                    };
                    open.push(Open { start, items });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some(closed) = open.pop() else { continue };
                    let end = self.offset(span.end);
                    let value = match closed.items {
                        Items::Sequence(items) => Value::Sequence(items),
                        Items::Mapping(entries, _) => Value::Mapping(entries),
                    };
                    Node {
                        place: self.places.place(closed.start, end),
                        value,
                    }
                }
                _ => continue,
            };
            match open.last_mut().map(|open| &mut open.items) {
                None => root = Some(node),
                Some(Items::Sequence(items)) => items.push(node),
                Some(Items::Mapping(entries, key @ None)) => *key = self.key(node, entries),
                Some(Items::Mapping(entries, waiting)) => {
                    if let Some((key, place)) = waiting.take() {
                        entries.push(Entry {
                            key,
                            value: with_place(node, &place),
                            place,
                        });
                    }
                }
            }
        }
        root.filter(|node| !matches!(node.value, Value::Null))
    }

    /// Reports a mistake after which the rest of the document cannot be judged.
    fn give_up(&mut self, diagnostic: Diagnostic) {
        self.is_readable = false;
        self.errors.push(diagnostic);
    }

    fn place(&self, span: Span) -> Place {
        self.places
            .place(self.offset(span.start), self.offset(span.end))
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> Node {
        let value = if style == ScalarStyle::Plain {
            plain(text)
        } else {
            Value::Text(text.to_owned())
        };
        Node {
            place: self.place(span),
            value,
        }
    }

    /// The key that a node is, after a check that the mapping does not have it yet.
    fn key(&mut self, node: Node, entries: &[Entry]) -> Option<(String, Place)> {
        let key = match node.value {
            Value::Text(text) | Value::Integer(text) | Value::Float(text) => text,
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
                self.give_up(
                    Diagnostic::error("yaml", &node.place, "a key must be a text")
                        .help("write it in quotes if it is one"),
                );
                String::new()
            }
        };
        if key == "<<" {
            let message = "merge keys (`<<`) are not read";
            self.give_up(
                Diagnostic::error("yaml-feature", &node.place, message).help("write the keys out"),
            );
        }
        if let Some(first) = entries.iter().find(|entry| entry.key == key) {
            let message = format!("the key `{key}` stands here twice");
            self.errors.push(
                Diagnostic::error("duplicate-key", &node.place, message)
                    .help("remove one of the two")
                    .related(&first.place, "first here"),
            );
        }
        Some((key, node.place))
    }

    /// Reports what the catalog's YAML leaves out: anchors, aliases and tags.
    fn refuse_features(&mut self, event: &Event<'_>, span: Span) {
        let (anchor, tag) = match event {
            Event::Alias(_) => (true, false),
            Event::Scalar(_, _, anchor, tag) => (*anchor > 0, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor > 0, tag.is_some())
            }
            _ => (false, false),
        };
        let (message, help) = if anchor {
            (
                "anchors and aliases (`&`, `*`) are not read",
                "write the value out; a text that begins with one of them must be in quotes",
            )
        } else if tag {
            (
                "tags (`!`) are not read",
                "leave the tag out; a text that begins with `!` must be in quotes",
            )
        } else {
            return;
        };
        self.give_up(Diagnostic::error("yaml-feature", &self.place(span), message).help(help));
    }

    fn syntax_error(&mut self, marker: Marker, info: &str) {
        let found = self.offset(marker);
        let tab = info.contains("tab").then(|| self.places.tab(found));
        let start = tab.flatten().unwrap_or(found);
        let place = self.places.place(start, start);
        let help = if info.contains("tab") {
            "YAML is indented with spaces, not with tabs"
        } else if info.contains("mapping values are not allowed") {
            "a text that contains `: ` must be in quotes"
        } else if info.contains("anchor") {
            "a text that begins with `&` or `*` must be in quotes"
        } else {
            "look for a quote, bracket or indentation that is missing or one too many"
        };
        let message = format!("this is not YAML: {info}");
        self.give_up(Diagnostic::error("yaml", &place, message).help(help));
    }
}

/// Gives a value that is nothing the place of its key, since it has none of its own.
fn with_place(node: Node, key: &Place) -> Node {
    if matches!(node.value, Value::Null) && node.place.length == 0 {
        return Node {
            place: key.clone(),
            ..node
        };
    }
    node
}

/// What a text without quotes is, by the YAML 1.2 core schema (section 10.3.2).
fn plain(text: &str) -> Value {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = |text: &str, is_digit: fn(&char) -> bool| {
        !text.is_empty() && text.chars().all(|c| is_digit(&c))
    };
    let is_integer = all(digits, char::is_ascii_digit)
        || text
            .strip_prefix("0x")
            .is_some_and(|hex| all(hex, char::is_ascii_hexdigit))
        || text
            .strip_prefix("0o")
            .is_some_and(|octal| all(octal, |c| ('0'..='7').contains(c)));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_integer => Value::Integer(text.to_owned()),
        _ if is_float(digits) => Value::Float(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// Whether an unsigned text is `1.5`, `.5`, `1.`, `1e3`, `.inf` or `.nan`.
fn is_float(text: &str) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let begins_as_number = text
        .trim_start_matches('.')
        .starts_with(|c: char| c.is_ascii_digit());
    let only_number_signs = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    begins_as_number && only_number_signs && text.parse::<f64>().is_ok()
}
